import Admitting
import Configuring
import Telemetry

/// The tokens file: `[{name, sha256, role: agent|operator|viewer, host?}]`.
enum TokensFile {
    /// More are refused: one for each of a hundred thousand hosts is compared with each request.
    static let tokensMax = 100_000

    static func read(_ path: String, problems: ConfigProblems) -> [TokenEntry] {
        guard let root = ConfigFile.load(path, problems: problems) else { return [] }
        func refuse(_ line: Int, _ key: String, _ problem: String, _ remedy: String) {
            problems.add(ConfigProblem(file: path, line: line, key: key, problem: problem, remedy: remedy))
        }
        // A file with comments only is an empty list: nobody comes in.
        if root.isNull { return [] }
        guard let items = root.sequence else {
            refuse(root.line, "", "\(root.summary) stands where a list belongs", "write - {name: web-1, role: agent, host: web-1, sha256: …}")
            return []
        }
        guard items.count <= tokensMax else {
            refuse(root.line, "", "\(items.count) tokens", "keep at most \(tokensMax)")
            return []
        }
        var entries: [TokenEntry] = []
        var lines: [String: Int] = [:]
        for (index, item) in items.enumerated() {
            guard item.mapping != nil else {
                refuse(item.line, "[\(index)]", "\(item.summary) stands where a mapping belongs", "write {name: …, role: …, sha256: …}")
                continue
            }
            let reader = ConfigReader(item, file: path, problems: problems)
            let name = reader.requiredString("name")
            let role = reader.choice("role", Principal.Role.allCases.map { ($0.rawValue, Optional($0)) }, default: nil)
            if role == nil, reader.value("role") == nil { reader.report("role", "missing", "write role: agent, operator or viewer") }
            let host = reader.string("host")
            let digest = reader.parsed("sha256", expecting: "64 hex digits: printf %s \"$token\" | sha256sum") { bytes($0) }
            if digest == nil, reader.value("sha256") == nil {
                reader.report("sha256", "missing", "write what printf %s \"$token\" | sha256sum prints")
            }
            if host == "" { reader.report("host", "empty", "write the agent's host name, or leave host out") }
            reader.finish()
            if let first = lines[name], !name.isEmpty {
                reader.report("name", "the name \"\(name)\" stands in line \(first) already", "give each token its own name")
            }
            lines[name] = item.line
            if let role, let digest, let entry = TokenEntry(principal: Principal(name: name, role: role, host: host), sha256: digest) {
                entries.append(entry)
            }
        }
        return entries
    }

    /// 64 hex digits in either case.
    private static func bytes(_ text: String) -> [UInt8]? {
        let digits = text.utf8.compactMap { byte -> UInt8? in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
            default: nil
            }
        }
        guard digits.count == 64, text.utf8.count == 64 else { return nil }
        return stride(from: 0, to: 64, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
