import Telemetry
import TestSupport
import Testing

@testable import Notifying

@Suite struct AcknowledgeLinksTests {
    private let links = AcknowledgeLinks(key: Array(repeating: 7, count: 32))
    private let id = UUID(high: 0x0123_4567_89AB_CDEF, low: 0x8000_0000_0000_0001)

    @Test func `a token says which message it stands in, until it is over`() throws {
        let token = links.token(for: id, until: Sample.at(60))
        #expect(token.utf8.allSatisfy { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "=") })
        #expect(try links.delivery(of: token, at: Sample.at(59)).id == id)
        #expect(try links.delivery(of: token, at: Sample.at(0)).expiresAt == Sample.at(60))
        #expect(throws: AcknowledgeLinks.Refusal.expired(at: Sample.at(60))) { try links.delivery(of: token, at: Sample.at(60)) }
        // The same message has the same link on each attempt.
        #expect(links.token(for: id, until: Sample.at(60)) == token)
    }

    @Test func `no token with any letter changed, cut or added is taken, nor one of another key`() {
        let token = links.token(for: id, until: Sample.at(60))
        let letters = Array(token)
        for index in letters.indices {
            var changed = letters
            changed[index] = letters[index] == "A" ? "B" : "A"
            // Two bits of the last letter carry nothing.
            guard index < letters.count - 1 else { continue }
            #expect(throws: AcknowledgeLinks.Refusal.unknown) { try links.delivery(of: String(changed), at: Sample.at(0)) }
        }
        for text in ["", "A", String(token.dropLast()), token + "A", token + "=", "ä", String(repeating: "A", count: 10_000)] {
            #expect(throws: AcknowledgeLinks.Refusal.unknown) { try links.delivery(of: text, at: Sample.at(0)) }
        }
        let others = AcknowledgeLinks(key: Array(repeating: 8, count: 32))
        #expect(throws: AcknowledgeLinks.Refusal.unknown) { try others.delivery(of: token, at: Sample.at(0)) }
    }

    @Test func `the key is made once, for nobody else to read, and found again`() throws {
        let folder = try TemporaryFolder()
        let first = try #require(AcknowledgeLinks.key(at: folder("acknowledge.key")))
        #expect(first.count == 32)
        #expect(AcknowledgeLinks.key(at: folder("acknowledge.key")) == first)
        #expect(AcknowledgeLinks.key(at: folder("other.key")) != first)
        // Half a key of an interrupted start is made anew.
        try TestFiles.write([1, 2, 3], to: folder("half.key"))
        #expect(AcknowledgeLinks.key(at: folder("half.key"))?.count == 32)
        #expect(AcknowledgeLinks.key(at: folder("missing/acknowledge.key")) == nil)
    }
}
