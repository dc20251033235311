import Blocks
import Sealing
import Telemetry
import TestSupport
import Testing

@testable import Querying

/// Two ways lead to a word: a filter of the hashes that ``Words`` tells of an event, and a look at its texts. What the second finds the first must know.
struct WordAgreementTests {
    private static let pieces = [
        "a", "B", "web", "Web-1", "error", "ERR_7", "_", "__", "-", ".", "--", "..", " ", " ", " ", "\t", "/", ":", ",", "(", "1", "007", "4711",
        "10.0.0.1",
        "x-y.z", "\u{0}", "é", "É", "e\u{301}", "ß", "Straße", "世界", "–", "½", "Ω", "σ", "\u{200D}", "🙂", "\u{1F}", "\"", "\\", "\u{A0}", "İ", "K",
    ]

    private func text(_ generator: inout SeededGenerator) -> String {
        (0..<Int.random(in: 0...9, using: &generator)).map { _ in Self.pieces.randomElement(using: &generator) ?? "" }.joined()
    }

    /// What people may ask for: pieces of the text, and other texts.
    private func queries(_ text: String, _ generator: inout SeededGenerator) -> [String] {
        var queries = [self.text(&generator), Self.pieces.randomElement(using: &generator) ?? ""]
        let characters = Array(text)
        for _ in 0..<4 where !characters.isEmpty {
            let start = Int.random(in: 0..<characters.count, using: &generator)
            let end = Int.random(in: start..<characters.count, using: &generator)
            let query = String(characters[start...end])
            queries.append(Bool.random(using: &generator) ? query : query.uppercased())
        }
        return queries
    }

    private func json(_ text: String) -> String {
        var json = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": json += "\\\""
            case "\\": json += "\\\\"
            case "\u{0}": json += "\\u0000"
            case "\t": json += "\\t"
            case "\u{1F}": json += "\\u001f"
            default: json.unicodeScalars.append(scalar)
            }
        }
        return json + "\""
    }

    @Test(arguments: 0..<6)
    func `what a search finds in a text is among the text's words, and the other way round`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var (found, missed) = (0, 0)
        for _ in 0..<4_000 {
            let text = text(&generator)
            let bytes = Array(text.utf8)
            let data = Array(#"{"name":[\#(json(text)),7,{"deep":"x"}]}"#.utf8)
            var (words, dataWords) = (Set<UInt64>(), Set<UInt64>())
            Words.visit(text: bytes.span) { words.insert($0) }
            Words.visit(data: data.span) { dataWords.insert($0) }
            for query in queries(text, &generator) {
                guard let search = try? WordSearch(query) else { continue }
                let hashes = search.hashes
                // A phrase asks for an order, and an unwanted word for its absence, of which hashes say nothing.
                let isPlain = search.unwanted.isEmpty && search.terms.allSatisfy { $0.count == 1 }
                let isFound = search.matches(message: 0..<bytes.count, data: nil, in: bytes)
                let isInData = search.matches(message: nil, data: 0..<data.count, in: data)
                if isFound { #expect(words.isSuperset(of: hashes), "\(query) in \(text.debugDescription)") }
                if isInData { #expect(dataWords.isSuperset(of: hashes), "\(query) in \(text.debugDescription)") }
                // Letters whose small form is ASCII (K of Kelvin, İ) are told in both forms; a search for the ASCII one does not find them.
                if isPlain, !text.contains("K"), !text.contains("İ"), words.isSuperset(of: hashes) {
                    #expect(isFound, "\(query) in \(text.debugDescription)")
                }
                if isFound { found += 1 } else { missed += 1 }
            }
        }
        #expect(found > 2_000 && missed > 2_000)
    }

    @Test func `a filter made of sealed events never hides what a search finds`() throws {
        var generator = SeededGenerator(seed: 99)
        let events = (0..<600).map { number in
            let text = text(&generator)
            return Event(
                timestamp: Timestamp(nanoseconds: Int64(number)),
                source: "s",
                type: "t",
                severity: .info,
                message: number % 3 == 0 ? "worker \(number) of web-\(number).example.org: \(text)" : text,
                data: number % 2 == 0 ? "{}" : #"{"path":"/srv/\#(number)/x-\#(number % 7)","n":\#(number),"text":\#(json(text))}"#
            )
        }
        var sealer = EventSealer()
        let block = StoredBlock(
            position: 1,
            kind: .events,
            bytes: EventBlock.encode(events),
            count: events.count,
            from: Timestamp(nanoseconds: 0),
            to: Timestamp(nanoseconds: 600),
            receivedAt: Timestamp(nanoseconds: 0),
            origin: RowOrigin(agent: QueryFixture.agent, lane: .logs, sequence: 1, block: 0, row: 0),
            host: "web-1"
        )
        try sealer.append(Arrival(block))
        let filter = try #require(sealer.finish()?.words)
        for event in events {
            let (message, data) = (Array((event.message ?? "").utf8), Array(event.data.utf8))
            for query in queries(event.message ?? "", &generator) + queries(String(event.data.dropFirst(9)), &generator) {
                guard let search = try? WordSearch(query),
                    search.matches(message: 0..<message.count, data: nil, in: message)
                        || search.matches(message: nil, data: 0..<data.count, in: data)
                else { continue }
                for hash in search.hashes { #expect(filter.mayHold(hash), "\(query) in \(event)") }
            }
        }
    }
}
