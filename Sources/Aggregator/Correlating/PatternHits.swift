import Blocks
import JSON
import Telemetry

/// One event or alert that a pattern is about.
struct PatternHit: Sendable, Hashable {
    enum Part: Sendable, Hashable { case first, second }

    /// In the configuration's list.
    var pattern: Int
    var part: Part
    /// What must be equal, as labels.
    var values: Labels
    /// Cut, and with its id.
    var event: Event
    /// As a B: it is an A, too.
    var isBoth = false
}

/// Finds what patterns are about, in blocks and among alerts. Nothing is decoded where a block's own lists of sources and types say that nothing fits.
struct PatternSearch: Sendable {
    let patterns: [IncidentPattern]

    var isEmpty: Bool { patterns.isEmpty }

    func hits(in block: StoredBlock) throws(BlockError) -> [PatternHit] {
        guard block.kind == .events, !patterns.isEmpty else { return [] }
        let events = try EventBlock(decoding: block.bytes)
        var hits: [PatternHit] = []
        let repeated = Set(block.repeatedRows)
        for (index, pattern) in patterns.enumerated() {
            // What is both is B of what was before, then A.
            if let second = pattern.second { hits += find(second, .second, of: index, in: events, block, without: repeated) }
            hits += find(pattern.first, .first, of: index, in: events, block, without: repeated)
        }
        // In the order of the block, so that what came first counts first.
        return hits.enumerated().sorted { ($0.element.event.timestamp, $0.offset) < ($1.element.event.timestamp, $1.offset) }.map(\.element)
    }

    private func find(
        _ match: EventMatch,
        _ part: PatternHit.Part,
        of index: Int,
        in events: EventBlock,
        _ block: StoredBlock,
        without repeated: Set<UInt32>
    ) -> [PatternHit] {
        guard match.alert == nil else { return [] }
        let (sources, types) = (events.sources.flags { match.wantsSource($0) }, events.types.flags { match.wantsType($0) })
        guard sources.contains(true), types.contains(true) else { return [] }
        var hits: [PatternHit] = []
        for row in 0..<events.count {
            guard sources[Int(events.sources.code(at: row))], types[Int(events.types.code(at: row))] else { continue }
            guard match.severity.map({ events.severity(at: row) >= $0 }) ?? true, !repeated.contains(UInt32(row)) else { continue }
            var event = events.event(at: row)
            guard match.holds(for: event), match.namesOwn || !Evidence.isOwn(event), let values = values(of: event, by: patterns[index].by) else {
                continue
            }
            if event.id == nil { event.id = Evidence.id(of: event, row: row, in: block) }
            let isBoth = part == .second && patterns[index].first.holds(for: event)
            hits.append(PatternHit(pattern: index, part: part, values: values, event: Evidence.shortened(event), isBoth: isBoth))
        }
        return hits
    }

    /// An alert that was decided. `event` is what the log will hold of it.
    func hits(of alert: Alert, on host: String, as event: Event) -> [PatternHit] {
        var hits: [PatternHit] = []
        for (index, pattern) in patterns.enumerated() {
            guard let values = values(of: alert, on: host, by: pattern.by) else { continue }
            let isFirst = pattern.first.holds(for: alert, on: host)
            if pattern.second?.holds(for: alert, on: host) == true {
                hits.append(PatternHit(pattern: index, part: .second, values: values, event: event, isBoth: isFirst))
            }
            if isFirst { hits.append(PatternHit(pattern: index, part: .first, values: values, event: event)) }
        }
        return hits
    }

    private func values(of event: Event, by names: [String]) -> Labels? {
        var tree: JSON?
        var pairs: [Label] = []
        for name in names {
            let value: String?
            switch name {
            case "host": value = event.host
            case "source": value = event.source
            case "type": value = event.type
            case "correlation_id": value = event.correlationID
            default:
                if tree == nil { tree = (try? JSON.parse(Array(event.data.utf8))) ?? .null }
                value = tree?[name]?.string
            }
            guard let value, !value.isEmpty else { return nil }
            pairs.append(Label(name, value))
        }
        return Labels(pairs)
    }

    private func values(of alert: Alert, on host: String, by names: [String]) -> Labels? {
        var pairs: [Label] = []
        for name in names {
            guard let value = name == "host" ? (host.isEmpty ? alert.labels["host"] : host) : alert.labels[name], !value.isEmpty else { return nil }
            pairs.append(Label(name, value))
        }
        return Labels(pairs)
    }
}
