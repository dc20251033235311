/// An HTTP/1.1 answer, ready to be sent.
enum ResponseBytes {
    /// - Parameters:
    ///   - body: left out for HEAD, its length is told all the same.
    ///   - isGzipped: what the body is.
    static func make(
        _ status: Int,
        contentType: String = "text/plain; charset=utf-8",
        body: [UInt8],
        isGzipped: Bool = false,
        isHead: Bool = false,
        isKept: Bool
    ) -> [UInt8] {
        var head = "HTTP/1.1 \(status) \(reason(status))\r\nContent-Type: \(contentType)\r\nContent-Length: \(body.count)\r\n"
        if isGzipped { head += "Content-Encoding: gzip\r\n" }
        if status == 200 { head += "Vary: Accept-Encoding\r\n" }
        if status == 405 { head += "Allow: GET, HEAD\r\n" }
        head += isKept ? "\r\n" : "Connection: close\r\n\r\n"
        return isHead ? Array(head.utf8) : Array(head.utf8) + body
    }

    /// An answer that is a sentence.
    static func problem(_ status: Int, _ sentence: String, isHead: Bool = false, isKept: Bool = false) -> [UInt8] {
        make(status, body: Array((sentence + "\n").utf8), isHead: isHead, isKept: isKept)
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 413: "Content Too Large"
        case 431: "Request Header Fields Too Large"
        case 503: "Service Unavailable"
        case 505: "HTTP Version Not Supported"
        default: "Bad Request"
        }
    }
}
