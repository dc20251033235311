import Blocks
import Sealing
import Telemetry
import TestSupport
import Testing

@testable import Querying

/// What a page's templates say of a word, against a look at each text.
struct WordSieveTests {
    /// Of one agent, in one block and, below 4096, one page.
    private func seal(_ texts: [(message: String?, data: String)]) throws -> SealedEvents {
        let events = texts.enumerated().map { number, text in
            Event(timestamp: Timestamp(nanoseconds: Int64(number)), source: "s", type: "t", severity: .info, message: text.message, data: text.data)
        }
        let block = StoredBlock(
            position: 1,
            kind: .events,
            bytes: EventBlock.encode(events),
            count: events.count,
            from: Timestamp(nanoseconds: 0),
            to: Timestamp(nanoseconds: Int64(events.count)),
            receivedAt: Timestamp(nanoseconds: 0),
            origin: RowOrigin(agent: QueryFixture.agent, lane: .logs, sequence: 1, block: 0, row: 0),
            host: "web-1"
        )
        var sealer = EventSealer()
        try sealer.append(Arrival(block))
        let output = try #require(sealer.finish())
        return try SealedEvents(SealedBlock(output))
    }

    private static let templates = [
        "job-# of web-#.example.org took #.# ms", "user# from 10.#.#.# said #", "GET /srv/x#-y#/z# 200", "Straße # of é#", "id #a#f#", "#",
        "plain words", "",
        "-#-_#_ .#.", "Job # DONE",
    ]

    private static let values = ["0", "7", "007", "42", "4711", "00", "123456789012345678", "1234567890123456789012345", "98765"]

    private func text(_ template: String, _ generator: inout SeededGenerator) -> String {
        template.reduce(into: "") { $0 += $1 == "#" ? Self.values.randomElement(using: &generator)! : String($1) }
    }

    @Test(arguments: 0..<4)
    func `rows that match are never ruled out, and most that do not are`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let texts = (0..<700).map { number -> (message: String?, data: String) in
            // Of more numbers than are taken out: the others stay in the template.
            let template = number % 101 == 9 ? String(repeating: "#,", count: 70) + "tail#" : Self.templates.randomElement(using: &generator)!
            let message = number % 11 == 3 ? nil : text(template, &generator)
            let value = text(Self.templates.randomElement(using: &generator)!, &generator)
            let escaped = number % 97 == 5 ? #"{"a":"\u006eeedle-\u0037 \#(value)"}"# : #"{"job":"\#(value)","n":\#(number)}"#
            return (message, [#"{}"#, escaped].randomElement(using: &generator)!)
        }
        let events = try seal(texts)
        #expect(try events.page(.messages, 0).templates != nil)
        var (matching, ruledOut) = (0, 0)
        for _ in 0..<500 {
            let source = texts.randomElement(using: &generator)!
            let characters = Array(Bool.random(using: &generator) ? source.message ?? "" : source.data)
            let start = Int.random(in: 0...characters.count, using: &generator)
            var query = String(characters[start..<min(characters.count, start + Int.random(in: 1...30, using: &generator))])
            if Int.random(in: 0..<4, using: &generator) == 0 { query = "\"\(query)\" needle-7" }
            if Int.random(in: 0..<4, using: &generator) == 0 { query += " -done" }
            guard let search = try? WordSearch(query) else { continue }
            let all = Array(texts.indices)
            let rows = search.sieve.rows(all, messages: try events.page(.messages, 0).templates, data: try events.page(.data, 0).templates)
            let left = Set(rows)
            #expect(rows == left.sorted())
            ruledOut += texts.count - rows.count
            var expected = [Int]()
            for (row, text) in texts.enumerated() {
                let (message, data) = (Array((text.message ?? "").utf8), Array(text.data.utf8))
                guard search.matches(message: text.message.map { _ in message.indices }, in: message, data: data.indices, in: data) else { continue }
                expected.append(row)
                #expect(left.contains(row), "\(query) in \(text)")
            }
            matching += expected.count
            let candidates = try search.candidates(all, page: 0, of: events)
            #expect((candidates?.rows ?? []).filter { search.matches($0, of: candidates!) } == expected, "\(query)")
        }
        #expect(matching > 2_000 && ruledOut > 50_000)
    }

    @Test func `a word with other digits is a candidate, one with other letters makes no text`() throws {
        let events = try seal((0..<300).map { ("job-\($0) of user\($0 * 31) is done", "{}") })
        func rows(_ query: String) throws -> Int { try WordSearch(query).candidates(Array(0..<300), page: 0, of: events)?.rows.count ?? 0 }
        #expect(try rows("job-7") == 300)
        #expect(try rows("user31 done") == 300)
        #expect(try rows("\"is done\"") == 300)
        // Letters that stand there, but not around a number.
        #expect(try rows("us7er31") == 0)
        #expect(try rows("needle-7") == 0)
        #expect(try rows("done needle") == 0)
        #expect(try rows("done -needle") == 300)
    }

    @Test func `a page whose texts have no template is searched whole`() throws {
        var generator = SeededGenerator(seed: 5)
        let letters = (0..<400).map { _ in String((0..<20).map { _ in "abcdefghijklmnop".randomElement(using: &generator)! }) }
        let events = try seal(letters.map { ($0, "{}") })
        #expect(try events.page(.messages, 0).templates == nil)
        #expect(try WordSearch(letters[7]).candidates(Array(0..<400), page: 0, of: events)?.rows.count == 400)
        #expect(try WordSearch("zzz").candidates(Array(0..<400), page: 0, of: events) == nil)
    }
}
