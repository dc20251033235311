import Testing
import Wire

struct GzipTests {
    @Test(arguments: [0, 1, 500, 70_000, 1_000_000])
    func `what is compressed inflates to the same bytes`(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
        #expect(try Gzip.inflate(Gzip.compress(bytes), outputMax: count) == bytes)
    }

    @Test func `members one after the other are one text`() throws {
        let body = Gzip.compress(Array("one ".utf8)) + Gzip.compress([]) + Gzip.compress(Array("two".utf8))
        #expect(try Gzip.inflate(body, outputMax: 100) == Array("one two".utf8))
    }

    @Test func `the same bytes give the same member`() {
        #expect(Gzip.compress(Array("tocsin".utf8)) == Gzip.compress(Array("tocsin".utf8)))
    }

    @Test func `output stops at the cap`() throws {
        let bomb = Gzip.compress([UInt8](repeating: 0, count: 50_000_000), level: 9)
        #expect(bomb.count < 60_000)
        #expect(throws: PackingError.tooLarge(limit: 1_000_000)) { try Gzip.inflate(bomb, outputMax: 1_000_000) }
        let exact = Gzip.compress([UInt8](repeating: 7, count: 1000))
        #expect(try Gzip.inflate(exact, outputMax: 1000).count == 1000)
        #expect(throws: PackingError.tooLarge(limit: 999)) { try Gzip.inflate(exact, outputMax: 999) }
    }

    @Test func `many members share one cap`() {
        let member = Gzip.compress([UInt8](repeating: 7, count: 1000))
        let body = Array((0..<10).map { _ in member }.joined())
        #expect(throws: PackingError.tooLarge(limit: 9999)) { try Gzip.inflate(body, outputMax: 9999) }
    }

    @Test func `a cut, a changed byte and garbage behind the last member are refused`() {
        let line = Array("a line that is long enough to be a line".utf8)
        let good = Gzip.compress(line)
        for length in good.indices { #expect(throws: PackingError.self) { try Gzip.inflate(Array(good[..<length]), outputMax: 1000) } }
        for offset in good.indices where offset > 9 || offset < 3 {
            var bad = good
            bad[offset] ^= 0x10
            // A few bits stand for nothing: the padding behind the last code.
            let text = try? Gzip.inflate(bad, outputMax: 1000)
            #expect(text == nil || text == line)
        }
        #expect(throws: PackingError.self) { try Gzip.inflate(good + [1, 2, 3], outputMax: 1000) }
        #expect(throws: PackingError.self) { try Gzip.inflate(Array("plain text".utf8), outputMax: 1000) }
    }
}
