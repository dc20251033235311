import Glibc

/// One keep-alive HTTP/1.1 connection to loopback; its calls block.
final class Connection {
    private let port: UInt16
    private(set) var descriptor: Int32 = -1
    private var buffer = [UInt8](repeating: 0, count: 1 << 16)
    private var answer: [UInt8] = []

    init(port: UInt16) { self.port = port }

    deinit { if descriptor >= 0 { close(descriptor) } }

    private func open() {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let code = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard code == 0 else { fail("cannot connect to 127.0.0.1:\(port)") }
        var on: Int32 = 1
        _ = unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
    }

    /// Sends a whole request and reads the whole answer.
    func send(_ request: [UInt8]) -> (status: Int, body: [UInt8]) {
        begin(request)
        while true { if let answer = progress() { return answer } }
    }

    /// Sends a whole request; its answer is still to be read.
    func begin(_ request: [UInt8]) {
        if descriptor < 0 { open() }
        answer.removeAll(keepingCapacity: true)
        var sent = 0
        while sent < request.count {
            let code = unsafe request.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress! + sent, request.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard code > 0 else { fail("the connection was closed while sending") }
            sent += code
        }
    }

    /// Reads what is there of the answer, or waits for the next bytes of it.
    /// - Returns: the answer, once it is whole.
    func progress() -> (status: Int, body: [UInt8])? {
        let code = unsafe buffer.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress!, $0.count, 0) }
        guard code > 0 else { fail("the connection was closed while reading") }
        answer += buffer[..<code]
        guard let end = headEnd(answer), answer.count >= end + contentLength(answer[..<end]) else { return nil }
        return (Int(String(decoding: answer[9..<12], as: UTF8.self)) ?? 0, Array(answer[end...]))
    }

    private func headEnd(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for index in 0...bytes.count - 4 where bytes[index] == 13 && bytes[index + 1] == 10 && bytes[index + 2] == 13 && bytes[index + 3] == 10 {
            return index + 4
        }
        return nil
    }

    private func contentLength(_ head: ArraySlice<UInt8>) -> Int {
        for line in head.split(separator: 10) where line.count > 15 && line[line.startIndex + 14] == UInt8(ascii: ":") {
            let text = String(decoding: line, as: UTF8.self).lowercased()
            if text.hasPrefix("content-length:") { return Int(text.dropFirst(15).filter(\.isNumber)) ?? 0 }
        }
        return 0
    }
}

func request(_ method: String, _ path: String, _ body: [UInt8] = [], _ headers: String = "") -> [UInt8] {
    Array("\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(headers)Content-Length: \(body.count)\r\n\r\n".utf8) + body
}

func fail(_ message: String) -> Never {
    let line = Array("tocsin-load: \(message)\n".utf8)
    _ = unsafe line.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
    exit(1)
}

/// Seconds of a clock that never goes back.
func monotonic() -> Double { seconds(CLOCK_MONOTONIC) }

/// CPU seconds of this process.
func processSeconds() -> Double { seconds(CLOCK_PROCESS_CPUTIME_ID) }

private func seconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    _ = unsafe clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
