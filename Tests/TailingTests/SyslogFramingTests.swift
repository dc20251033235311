import Testing

@testable import Tailing

/// RFC 6587, and what senders make of it.
struct SyslogFramingTests {
    /// The messages of a stream that comes in pieces of this many bytes.
    private func messages(_ stream: String, pieces: Int, bytesMax: Int = 100) -> [String] {
        var framing = SyslogFraming(bytesMax: bytesMax)
        let bytes = Array(stream.utf8)
        var found: [String] = []
        func note(_ message: SyslogFraming.Message?) -> Bool {
            guard let message else { return false }
            found.append(String(decoding: message.bytes, as: UTF8.self) + (message.cut > 0 ? " -\(message.cut)" : ""))
            return true
        }
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            framing.append(bytes[start..<min(start + pieces, bytes.count)])
            while note(framing.next()) {}
        }
        _ = note(framing.last())
        return found
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func `octet counting, line feeds and NULs are told apart frame by frame`(pieces: Int) {
        let stream = "8 <13>a\nb\n<14>two\n7 <15>333<16>four\r\n\n<17>five\0<18>six"
        #expect(messages(stream, pieces: pieces) == ["<13>a\nb\n", "<14>two", "<15>333", "<16>four\r", "<17>five", "<18>six"])
    }

    @Test(arguments: [1, 5, 64])
    func `a message over the limit is cut, and the next one is whole`(pieces: Int) {
        let long = String(repeating: "x", count: 150)
        #expect(messages("\(long)\n<1>b\n", pieces: pieces) == [String(repeating: "x", count: 100) + " -50", "<1>b"])
        let counted = "153 <1>\(long)<1>b\n"
        #expect(messages(counted, pieces: pieces) == ["<1>" + String(repeating: "x", count: 97) + " -53", "<1>b"])
    }

    @Test(arguments: [1, 1000])
    func `a line that begins with a number is a line`(pieces: Int) {
        #expect(messages("404 not found\n12345678 <x\n", pieces: pieces) == ["404 not found", "12345678 <x"])
    }

    @Test func `half a counted frame at the end is handed on without its length`() {
        #expect(messages("99 <1>cut off", pieces: 4) == ["<1>cut off"])
    }

    @Test func `nothing waits for more than the limit`() {
        var framing = SyslogFraming(bytesMax: 100)
        for _ in 0..<1000 {
            framing.append(Array(repeating: UInt8(ascii: "y"), count: 64))
            while framing.next() != nil {}
            #expect(framing.waiting <= 165)
        }
    }
}
