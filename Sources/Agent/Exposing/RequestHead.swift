/// The line and headers of an HTTP/1.1 request (RFC 9112), as far as a server of one page needs them. No request has a body.
struct RequestHead: Equatable {
    enum Method: Equatable { case get, head, other }

    var method: Method
    /// Without the query.
    var path: String
    /// Whether the connection may be used again.
    var isKept: Bool
    var acceptsGzip: Bool

    enum Outcome: Equatable {
        /// More bytes are needed.
        case incomplete
        /// The status; the connection cannot be used any more.
        case refused(Int)
        /// `length` bytes were the head.
        case complete(RequestHead, length: Int)
    }

    static func parse(_ bytes: [UInt8]) -> Outcome {
        // RFC 9112 §2.2: empty lines before a request are passed over.
        var start = 0
        while start + 1 < bytes.count, bytes[start] == 13, bytes[start + 1] == 10 { start += 2 }
        var lines: [ArraySlice<UInt8>] = []
        var (begin, index) = (start, start)
        while index < bytes.count {
            guard index < ExposingLimits.headBytesMax else { return .refused(431) }
            if bytes[index] == 10 {
                // A bare line feed, or a carriage return elsewhere, is how requests are smuggled.
                guard index > begin, bytes[index - 1] == 13 else { return .refused(400) }
                let line = bytes[begin..<(index - 1)]
                guard !line.contains(13), !line.contains(0) else { return .refused(400) }
                if line.isEmpty { return head(lines, length: index + 1) }
                lines.append(line)
                begin = index + 1
            }
            index += 1
        }
        return bytes.count >= ExposingLimits.headBytesMax ? .refused(431) : .incomplete
    }

    private static func head(_ lines: [ArraySlice<UInt8>], length: Int) -> Outcome {
        guard let first = lines.first else { return .refused(400) }
        let words = first.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard words.count == 3, !words[0].isEmpty, words[0].allSatisfy(isTokenByte) else { return .refused(400) }
        let version = String(decoding: words[2], as: UTF8.self)
        guard version == "HTTP/1.1" || version == "HTTP/1.0" else { return .refused(version.hasPrefix("HTTP/") ? 505 : 400) }
        guard words[1].first == UInt8(ascii: "/"), words[1].allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return .refused(400) }
        var head = RequestHead(
            method: words[0].elementsEqual("GET".utf8) ? .get : words[0].elementsEqual("HEAD".utf8) ? .head : .other,
            path: String(decoding: words[1].prefix { $0 != UInt8(ascii: "?") }, as: UTF8.self),
            isKept: version == "HTTP/1.1",
            acceptsGzip: false
        )
        var hosts = 0
        for line in lines.dropFirst() {
            // RFC 9112 §5.1 and §5.2: no blank before the colon, no folded lines.
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex, line[..<colon].allSatisfy(isTokenByte) else {
                return .refused(400)
            }
            let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
            let value = String(decoding: line[(colon + 1)...], as: UTF8.self)
            switch name {
            case "host": hosts += 1
            // What has a body is not for us, and where it ends is not found out.
            case "transfer-encoding": return .refused(413)
            case "content-length": if members(of: value) != ["0"] { return .refused(413) }
            case "connection":
                if members(of: value).contains("close") { head.isKept = false }
            case "accept-encoding": head.acceptsGzip = head.acceptsGzip || allowsGzip(value)
            default: break
            }
        }
        if version == "HTTP/1.1", hosts != 1 { return .refused(400) }
        return .complete(head, length: length)
    }

    /// A list's members, lower case, without blanks around them.
    private static func members(of value: String) -> [String] {
        value.lowercased().split(separator: ",").map { member in
            String(member.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
        }
    }

    /// `gzip` without `q=0`.
    private static func allowsGzip(_ value: String) -> Bool {
        members(of: value).contains { member in
            let parts = member.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
            guard parts.first == "gzip" || parts.first == "*" else { return false }
            return !parts.dropFirst().contains { $0.hasPrefix("q=") && (Double($0.dropFirst(2)) ?? 0) <= 0 }
        }
    }

    /// RFC 9110 §5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
