import Matching
import Telemetry

/// Functions that write labels.
extension Evaluator {
    mutating func labelReplace(_ arguments: [Node], over frame: Frame) throws(EvaluationError) -> Grid {
        let grid = try vector(arguments[0], over: frame)
        let (target, template) = (try string(arguments[1]), try string(arguments[2]))
        let (origin, source) = (try string(arguments[3]), try string(arguments[4]))
        let pattern: Pattern
        do { pattern = try Pattern(source, anchoring: .full) } catch { throw .invalid("\(error)") }
        return try grid.relabeled(mayCollide: true) { labels in
            guard let groups = pattern.captures(in: labels[origin] ?? "") else { return labels }
            return labels.setting(target, to: Expansion.expand(template, groups, names: pattern.captureNames))
        }
    }

    mutating func labelJoin(_ arguments: [Node], over frame: Frame) throws(EvaluationError) -> Grid {
        let grid = try vector(arguments[0], over: frame)
        let (target, separator) = (try string(arguments[1]), try string(arguments[2]))
        var origins: [String] = []
        for argument in arguments.dropFirst(3) { origins.append(try string(argument)) }
        return try grid.relabeled(mayCollide: true) { labels in
            labels.setting(target, to: origins.map { labels[$0] ?? "" }.joined(separator: separator))
        }
    }
}

/// Go's `Regexp.Expand`: `$1`, `${1}`, `$name`, `${name}`, `$$`; a name is as long as it can be; unknown groups are empty.
enum Expansion {
    static func expand(_ template: String, _ groups: [String?], names: [(name: String, index: Int)]) -> String {
        guard template.utf8.contains(UInt8(ascii: "$")) else { return template }
        let text = Array(template.utf8)
        var (result, index): ([UInt8], Int) = ([], 0)
        while index < text.count {
            guard text[index] == UInt8(ascii: "$") else {
                result.append(text[index])
                index += 1
                continue
            }
            var next = index + 1
            if next < text.count, text[next] == UInt8(ascii: "$") {
                result.append(UInt8(ascii: "$"))
                index = next + 1
                continue
            }
            let isBraced = next < text.count && text[next] == UInt8(ascii: "{")
            if isBraced { next += 1 }
            let start = next
            while next < text.count, text[next].isLetter || text[next].isDigit { next += 1 }
            let name = String(decoding: text[start..<next], as: UTF8.self)
            guard !name.isEmpty, !isBraced || next < text.count && text[next] == UInt8(ascii: "}") else {
                // Malformed: Go leaves it as it stands.
                result.append(text[index])
                index += 1
                continue
            }
            let number = Int(name) ?? names.first { $0.name == name }?.index ?? -1
            if groups.indices.contains(number), let group = groups[number] { result += Array(group.utf8) }
            index = isBraced ? next + 1 : next
        }
        return String(decoding: result, as: UTF8.self)
    }
}
