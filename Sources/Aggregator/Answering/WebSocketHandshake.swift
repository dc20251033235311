import Crypto
package import HTTPTypes
package import Hummingbird

/// The opening handshake, RFC 6455 §4.2.
package enum WebSocketHandshake {
    /// Whether the request offers to change to the WebSocket protocol.
    package static func isOffered(by request: Request) -> Bool { tokens(request.headers[values: .upgrade]).contains("websocket") }

    /// The header fields of the `101` that accepts the offer.
    ///
    /// Throws 400 for an offer that is not as it must be, 426 for another version of the protocol, and 403 for a page of another site: a browser
    /// lets every page connect to every host, and an aggregator on loopback may need no token.
    package static func accept(_ request: Request) throws(Problem) -> HTTPFields {
        guard tokens(request.headers[values: .connection]).contains("upgrade") else {
            throw malformed("the Connection header does not hold \"Upgrade\"; a proxy may have removed it")
        }
        guard request.headers[.secWebSocketVersion] == "13" else {
            var problem = Problem(
                HTTPResponse.Status(code: 426, reasonPhrase: "Upgrade Required"),
                kind: "upgrade-required",
                title: "Another protocol version is needed",
                detail: "this WebSocket speaks version 13 only"
            )
            problem.headers[.secWebSocketVersion] = "13"
            problem.headers[.upgrade] = "websocket"
            throw problem
        }
        guard let key = request.headers[.secWebSocketKey]?.utf8.filter({ $0 > 0x20 }), isKey(key) else {
            throw malformed("Sec-WebSocket-Key is not 16 bytes in base64")
        }
        if let origin = request.headers[.origin] {
            let host = request.head.authority ?? ""
            guard origin == "http://\(host)" || origin == "https://\(host)" else {
                throw .forbidden("a page of \(origin) may not look at anything here")
            }
        }
        return [.upgrade: "websocket", .connection: "Upgrade", .secWebSocketAccept: answer(to: key)]
    }

    /// `Sec-WebSocket-Accept` for a key. SHA-1 is what the standard says; nothing is kept secret by it.
    static func answer(to key: [UInt8]) -> String {
        var hash = Insecure.SHA1()
        hash.update(data: key)
        hash.update(data: Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8))
        return base64(Array(hash.finalize()))
    }

    /// RFC 4648 §4, with padding.
    static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text = [UInt8]()
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let padded = Array(group) + [UInt8](repeating: 0, count: 3 - group.count)
            let word = Int(padded[0]) << 16 | Int(padded[1]) << 8 | Int(padded[2])
            for digit in 0..<4 { text.append(digit <= group.count ? alphabet[word >> (18 - 6 * digit) & 63] : UInt8(ascii: "=")) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func isKey(_ key: [UInt8]) -> Bool {
        key.count == 24 && key.suffix(2) == [UInt8(ascii: "="), UInt8(ascii: "=")][...]
            && key.dropLast(2).allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "+"), UInt8(ascii: "/"):
                    true
                default: false
                }
            }
    }

    private static func tokens(_ values: [String]) -> [String] {
        values.flatMap { $0.split(separator: ",") }.map { $0.trimmingBlanks().lowercased() }
    }

    private static func malformed(_ detail: String) -> Problem { .malformed("the offer of a WebSocket is not as it must be: \(detail)") }
}

extension Substring {
    fileprivate func trimmingBlanks() -> Substring {
        var text = drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
