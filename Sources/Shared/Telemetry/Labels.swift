/// One name and its value.
package struct Label: Sendable, Hashable, Comparable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }

    package static func < (a: Label, b: Label) -> Bool { a.name == b.name ? a.value < b.value : a.name < b.name }
}

/// A label set in Prometheus's sense: names are unique and sorted, an empty value is the same as no label. A series is a label set that
/// holds its metric name as `__name__`.
package struct Labels: Sendable, Hashable, CustomStringConvertible, ExpressibleByDictionaryLiteral {
    /// Sorted by name (as UTF-8), without duplicates, without empty values.
    package let pairs: [Label]
    /// Made once: a series is looked up some times in each collection of an agent, and to hash its texts each time was a tenth of what that cost.
    private let digest: UInt64

    package static let empty = Labels([])
    package static let metricName = "__name__"

    /// Sorts; of duplicates the last wins; empty values are left out.
    package init(_ pairs: some Sequence<Label>) {
        let given = Array(pairs)
        let isSorted = zip(given, given.dropFirst()).allSatisfy { Labels.precedes($0.name, $1.name) }
        if isSorted {
            self.init(known: given.allSatisfy { !$0.value.isEmpty } ? given : given.filter { !$0.value.isEmpty })
            return
        }
        var unique = [String: String](minimumCapacity: given.count)
        for pair in given { unique[pair.name] = pair.value }
        self.init(known: unique.filter { !$0.value.isEmpty }.map { Label($0.key, $0.value) }.sorted { Labels.precedes($0.name, $1.name) })
    }

    /// - Parameter pairs: as ``pairs`` has to be.
    private init(known pairs: [Label]) {
        var texts = TextDigest()
        for pair in pairs {
            texts.combine(pair.name)
            texts.combine(pair.value)
        }
        (self.pairs, digest) = (pairs, texts.value)
    }

    package static func == (a: Labels, b: Labels) -> Bool { a.digest == b.digest && a.pairs == b.pairs }

    package func hash(into hasher: inout Hasher) { hasher.combine(digest) }

    /// A series: `Labels(name: "node_load1", [Label("host", "web-1")])`.
    package init(name: String, _ pairs: [Label] = []) { self.init([Label(Labels.metricName, name)] + pairs) }

    package init(dictionaryLiteral elements: (String, String)...) { self.init(elements.map { Label($0.0, $0.1) }) }

    package subscript(name: String) -> String? { pairs.first { $0.name == name }?.value }

    /// The value of `__name__`, or nil.
    package var name: String? { self[Labels.metricName] }

    package var isEmpty: Bool { pairs.isEmpty }

    package func setting(_ name: String, to value: String) -> Labels { Labels(pairs.filter { $0.name != name } + [Label(name, value)]) }

    /// These labels over `others`: where both have a name, ours stays.
    package func merged(over others: Labels) -> Labels { Labels(others.pairs.filter { self[$0.name] == nil } + pairs) }

    /// Those that pass: they stay sorted and unique.
    package func filter(_ isKept: (Label) -> Bool) -> Labels {
        var kept = [Label]()
        kept.reserveCapacity(pairs.count)
        for pair in pairs where isKept(pair) { kept.append(pair) }
        return kept.count == pairs.count ? self : Labels(known: kept)
    }

    package func removing(_ names: some Sequence<String>) -> Labels {
        let gone = Set(names)
        return filter { !gone.contains($0.name) }
    }

    package func keeping(_ names: some Sequence<String>) -> Labels {
        let kept = Set(names)
        return filter { kept.contains($0.name) }
    }

    package var withoutName: Labels {
        guard let place = pairs.firstIndex(where: { $0.name == Labels.metricName }) else { return self }
        var rest = pairs
        rest.remove(at: place)
        return Labels(known: rest)
    }

    /// FNV-1a, 64 bits, over `name 0xFF value 0xFF …`: the same in each process and version, as Prometheus's fingerprints are.
    package var fingerprint: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        for pair in pairs {
            pair.name.utf8.forEach(add)
            add(0xFF)
            pair.value.utf8.forEach(add)
            add(0xFF)
        }
        return hash
    }

    /// Prometheus's notation: `node_load1{host="web-1"}`, values with `\`, `"` and line feeds escaped.
    package var description: String {
        var text = name ?? ""
        let rest = pairs.filter { $0.name != Labels.metricName }
        if rest.isEmpty { return text.isEmpty ? "{}" : text }
        text += "{"
        for (index, pair) in rest.enumerated() {
            if index > 0 { text += "," }
            text += pair.name + "=\"" + Labels.escape(pair.value) + "\""
        }
        return text + "}"
    }

    private static func precedes(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

    private static func escape(_ value: String) -> String {
        var text = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(character)
            }
        }
        return text
    }
}
