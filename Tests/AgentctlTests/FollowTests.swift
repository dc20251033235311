import JSON
import TestSupport
import Testing
import Transferring

@testable import agentctl

@Suite struct EventStreamParserTests {
    private func messages(_ pieces: [String], lastID: inout String?) -> [EventStreamParser.Message] {
        var parser = EventStreamParser(lastID: lastID)
        var found = [EventStreamParser.Message]()
        for piece in pieces {
            let isGood = parser.take(Array(piece.utf8)) {
                found.append($0)
                return true
            }
            #expect(isGood)
        }
        lastID = parser.lastID
        return found
    }

    private static let text = """
        id: 41.9
        retry: 2000

        id: 42.1
        data: {"message":"one: two"}

        : quiet

        event: missed
        data: {"missed":3}

        id: 42.7
        data: a\r
        data:b

        id: 43.0
        data: never ended

        """

    @Test(arguments: [1, 2, 3, 7, 1000])
    func `messages are the same however the bytes come`(pieceLength: Int) {
        let bytes = Array(Self.text.utf8)
        let pieces = stride(from: 0, to: bytes.count, by: pieceLength).map {
            String(decoding: bytes[$0..<min($0 + pieceLength, bytes.count)], as: UTF8.self)
        }
        var lastID: String?
        let found = messages(pieces, lastID: &lastID)
        #expect(
            found == [
                .init(event: "message", data: #"{"message":"one: two"}"#), .init(event: "missed", data: #"{"missed":3}"#),
                .init(event: "message", data: "a\nb"),
            ]
        )
        // The last event never ended: a connection that begins anew is given it again.
        #expect(lastID == "42.7")
    }

    @Test func `an id counts before any event, and an event that nobody took does not`() {
        var lastID: String?
        #expect(messages(["id: 41.9\nretry: 2000\n\n"], lastID: &lastID).isEmpty)
        #expect(lastID == "41.9")
        var parser = EventStreamParser(lastID: lastID)
        #expect(!parser.take(Array("id: 42.0\ndata: x\n\n".utf8)) { _ in false })
        #expect(parser.lastID == "41.9")
    }

    @Test func `a line without an end does not take all memory`() {
        var parser = EventStreamParser(lastID: nil)
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
        var pieces = 0
        while pieces < 100, parser.take(piece, { _ in true }) { pieces += 1 }
        #expect(pieces == EventStreamParser.lineBytesMax >> 20)
        #expect(parser.isBroken)
    }
}

@Suite struct FollowStateTests {
    private var generator = SeededGenerator(seed: 1)

    @Test mutating func `who was never there fails at once, and who was there is waited for`() {
        var state = FollowState()
        #expect(state.after(.failed(.unreachable("no connection")), using: &generator) == .fail("no connection"))
        state.heard()
        var ceiling = Duration.seconds(1)
        for _ in 0..<20 {
            guard case .connect(let wait, "no connection") = state.after(.failed(.unreachable("no connection")), using: &generator) else {
                Issue.record("it gave up")
                return
            }
            #expect(wait >= .milliseconds(100) && wait <= ceiling)
            ceiling = min(ceiling * 2, .seconds(30))
        }
    }

    @Test(arguments: [400, 401, 403, 404, 406])
    mutating func `what the request itself is to blame for is not tried again`(status: Int) {
        var state = FollowState()
        state.heard()
        #expect(state.after(.refused(status: status, retryAfter: .seconds(5), "why"), using: &generator) == .fail("why"))
        #expect(state.after(.failed(.tls("certificate")), using: &generator) == .fail("certificate"))
    }

    @Test mutating func `a full or stopping aggregator says when to come again`() {
        var state = FollowState()
        let action = state.after(.refused(status: 503, retryAfter: .seconds(5), "256 clients"), using: &generator)
        #expect(action == .connect(after: .seconds(5), "256 clients"))
    }
}

@Suite struct EventLineTests {
    private let event =
        #"{"timestamp":"2026-01-01T12:00:00Z","severity":"error","host":"","source":"shop","type":"order.failed","message":"a\u001b[2Jb","data":{}}"#

    @Test func `a line holds time, severity, host, source, type and message, and steers no terminal`() throws {
        let event = try JSON.parse(event)
        #expect(
            EventLine(isColoured: false).text(of: event)
                == #"2026-01-01T12:00:00Z     error    -            shop         order.failed a\u{1b}[2Jb"#
        )
        let coloured = EventLine(isColoured: true).text(of: event)
        #expect(coloured.contains("\u{1B}[31merror   \u{1B}[0m"))
        #expect(coloured.hasSuffix("\u{1B}[31ma\\u{1b}[2Jb\u{1B}[0m"))
    }

    @Test(arguments: [("debug", "2"), ("warning", "33"), ("critical", "1;31")])
    func `each severity has its colour`(severity: String, code: String) throws {
        let event = try JSON.parse(#"{"severity":"\#(severity)","message":"m"}"#)
        #expect(EventLine(isColoured: true).text(of: event).contains("\u{1B}[\(code)mm\u{1B}[0m"))
        let info = try JSON.parse(#"{"severity":"info","message":"m"}"#)
        #expect(!EventLine(isColoured: true).text(of: info).contains("\u{1B}"))
    }
}
