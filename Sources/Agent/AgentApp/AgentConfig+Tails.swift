import Configuring
import Matching
import Tailing

/// `tail:`, the files that are followed.
extension AgentConfig {
    static func readTail(_ reader: ConfigReader) -> TailConfig {
        defer { reader.finish() }
        let zones = "local, UTC, or an offset such as +02:00"
        let config = TailConfig(
            paths: reader.strings("paths") ?? [],
            exclude: reader.strings("exclude") ?? [],
            source: reader.string("source"),
            start: reader.choice("start", TailConfig.Start.allCases.map { ($0.rawValue, $0) }, default: .end),
            // `raw` is what `plain` was called first.
            format: reader.choice("format", TailConfig.Format.allCases.map { ($0.rawValue, $0) } + [("raw", .plain)], default: .auto),
            takesFields: reader.has("fields") ? reader.bool("fields", default: false) : nil,
            zone: reader.parsed("time_zone", expecting: zones) { TailConfig.Zone($0) } ?? .local,
            multiline: readMultiline(reader),
            halfLineTimeout: reader.duration("half_line_timeout", default: TailingLimits.halfLineTimeout, in: .milliseconds(100) ... .seconds(3600)),
            redact: readRedaction(reader),
            drop: (reader.strings("drop") ?? []).compactMap { pattern($0, at: "drop", reader) },
            sample: reader.sections("sample").compactMap { readSampling($0) },
            collapse: reader.optionalDuration("collapse", in: .seconds(1) ... .seconds(86_400))
        )
        // A list of the wrong type was told already.
        for mistake in config.problems()
        where !(mistake.key == "paths" && config.paths.isEmpty && reader.has("paths") && reader.strings("paths") == nil) {
            reader.report(mistake.key, mistake.problem, mistake.remedy)
        }
        return config
    }

    /// `multiline: java`, or a mapping with patterns and limits.
    private static func readMultiline(_ reader: ConfigReader) -> TailConfig.Multiline? {
        let presets = TailConfig.Multiline.Preset.allCases.map { ($0.rawValue, $0) }
        guard let node = reader.value("multiline") else { return nil }
        if node.scalar != nil {
            return reader.parsed("multiline", expecting: "one of java, python, go, ruby, or a mapping with start") { text in
                presets.first { $0.0 == text }.map { TailConfig.Multiline(preset: $0.1) }
            }
        }
        let section = reader.section("multiline")
        defer { section.finish() }
        let multiline = TailConfig.Multiline(
            preset: section.parsed("preset", expecting: "one of java, python, go, ruby") { text in presets.first { $0.0 == text }?.1 },
            start: section.string("start").flatMap { pattern($0, at: "start", section) },
            continuation: section.string("continue").flatMap { pattern($0, at: "continue", section) },
            timeout: section.duration("timeout", default: TailingLimits.multilineTimeout, in: .milliseconds(10) ... .seconds(300)),
            linesMax: section.integer("max_lines", default: TailingLimits.multilineLines, in: TailingLimits.multilineLinesRange),
            bytesMax: Int(section.bytes("max_bytes", default: UInt64(TailingLimits.multilineBytes), in: TailingLimits.multilineBytesRange))
        )
        if !section.has("preset"), !section.has("start"), !section.has("continue") {
            section.report("start", "missing", "write start: '^\\d{4}-', what a first line looks like; or continue: '^\\s', or preset: java")
        }
        return multiline
    }

    /// A list of patterns, of words for ready-made rules (`{preset: emails}`) and of patterns with what to write instead.
    static func readRedaction(_ reader: ConfigReader) -> [RedactionRule] {
        guard let node = reader.value("redact") else { return [] }
        guard let items = node.sequence else {
            reader.report("redact", "\(node.summary) stands where a list belongs", "write redact: ['(?i)password=\\S+', {preset: credit_cards}]")
            return []
        }
        let sections = items.contains { $0.mapping != nil } ? reader.sections("redact", onlyMappings: true) : []
        var mappings = sections.makeIterator()
        return items.compactMap { item in
            if let text = item.scalar { return pattern(text, at: "redact", reader).map { RedactionRule($0) } }
            guard item.mapping != nil, let section = mappings.next() else {
                reader.report(at: item, "redact", "\(item.summary) stands where a pattern belongs", "write a pattern, or {preset: credit_cards}")
                return nil
            }
            return readRule(section)
        }
    }

    private static func readRule(_ section: ConfigReader) -> RedactionRule? {
        defer { section.finish() }
        let presets = RedactionRule.Preset.allCases
        if section.has("preset") {
            let known = presets.map(\.rawValue).joined(separator: ", ")
            let preset = section.parsed("preset", expecting: "one of \(known)") { RedactionRule.Preset(rawValue: $0) }
            return preset.flatMap { try? $0.rule() }
        }
        let match = section.requiredString("match")
        guard !match.isEmpty, let pattern = pattern(match, at: "match", section) else { return nil }
        return RedactionRule(pattern, replacement: section.string("with", default: RedactionRule.replacementDefault))
    }

    private static func readSampling(_ section: ConfigReader) -> TailConfig.Sampling? {
        defer { section.finish() }
        let match = section.requiredString("match")
        let every = section.integer("every", default: 100, in: 2...1_000_000)
        guard !match.isEmpty, let pattern = pattern(match, at: "match", section) else { return nil }
        return TailConfig.Sampling(match: pattern, every: every)
    }
}
