import JSON
import TestSupport

/// The client that everybody has: what these tests see is what a user's curl sees.
enum Curl {
    struct Answer {
        let status: Int
        let contentType: String
        let body: String
        var json: JSON? { try? JSON.parse(body) }
    }

    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    /// `curl -s` with these arguments. Throws when there was no HTTP answer at all.
    static func run(_ arguments: [String]) throws -> Answer {
        let format = "\\n%{http_code} %{content_type}"
        let (exit, output) = try ChildProcess.run(["curl", "-sS", "--max-time", "60", "-w", format] + arguments)
        guard exit == .code(0), let end = output.lastIndex(of: "\n") else {
            throw Failed(description: "curl \(arguments): \(exit) \(output.prefix(500))")
        }
        let words = output[output.index(after: end)...].split(separator: " ", maxSplits: 1)
        return Answer(
            status: words.first.flatMap { Int($0) } ?? 0,
            contentType: words.count > 1 ? String(words[1]) : "",
            body: String(output[..<end])
        )
    }

    /// GET, expecting 200 and JSON.
    static func get(_ url: String, _ arguments: [String] = []) throws -> JSON {
        let answer = try run(arguments + [url])
        guard answer.status == 200, let json = answer.json else { throw Failed(description: "\(url): \(answer.status) \(answer.body.prefix(500))") }
        return json
    }

    static func post(_ url: String, _ body: String, type: String = "application/json", _ arguments: [String] = []) throws -> Answer {
        let folder = try TemporaryFolder()
        try TestFiles.write(body, to: folder("body"))
        return try run(["-H", "Content-Type: \(type)", "--data-binary", "@" + folder("body")] + arguments + [url])
    }
}
