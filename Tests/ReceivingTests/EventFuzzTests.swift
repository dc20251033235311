import Answering
import Blocks
import JSON
import Telemetry
import TestSupport
import Testing
import Wire

@testable import Receiving

/// Damaged events: what the fast scanner takes must mean the same to the exact reader, and what a batch gives must be a block that can be read.
struct EventFuzzTests {
    private struct Disagreement: Error { var scanned: Event?, read: Event? }
    private struct Miscount: Error { var collected: Int, rows: Int }

    private static let words = [
        "\\u00e9", "\\ud83d\\ude42", "\\ud800", "\\", "\"", "\"source\":", "\"event_id\":", "\"data\":{", "\"tags\":[", "null", "true", "-0", "1e999",
        "é",
        "\u{1F642}", "}\n{", "[[[[", "]", "}", ",", ":", "critical", "1970-01-01T00:00:00Z", "2025-02-29T24:00:60Z",
    ]
    private static let corpus = [
        #"{"source":"s","type":"t","severity":"info"}"#,
        #"{"source":"shop","type":"order.placed","severity":"critical","host":"größe","message":"a \"quoted\" line\n\u00e9","tags":["ä","b"],"correlation_id":"ñ"}"#,
        #"{"source_system":"s","event_type":"t","severity":"debug","timestamp":"2025-11-01T12:34:56.123456789Z","event_id":"01234567-89AB-7def-8123-456789abcdef"}"#,
        #"{"source": "s", "type": "t", "severity": "error", "data": {"a": [1, 2.5, -3e7, true, false, null], "b": {"c": "d e"}}, "other": 7}"#,
    ].map { Array($0.utf8) }

    private let now = ManualTime().now()

    @Test func `what the scanner takes is what the reader says`() throws {
        var fuzzer = Fuzzer(Self.corpus, words: Self.words, seed: 1)
        try fuzzer.run(rounds: Fuzzer.rounds * 4) { bytes in
            var scanner = EventScanner(limits: ReceivingLimits(), receivedAt: now)
            var encoder = EventBlockEncoder()
            let read = try? EventReader(limits: ReceivingLimits(), receivedAt: now).event(in: bytes.span)
            let single = scanner.single(BodyText(bytes), at: 0, encoder)
            guard scanner.append(BodyText(bytes), at: 0, ending: .text, to: &encoder) != nil else {
                if single != nil { throw Disagreement(scanned: nil, read: read) }
                return
            }
            let scanned = try EventBlock(decoding: encoder.finish()).event(at: 0)
            guard scanned == read else { throw Disagreement(scanned: scanned, read: read) }
            let alone = try single.map { try EventBlock(decoding: AdmittedBlock($0).encoded).event(at: 0) }
            guard alone == read else { throw Disagreement(scanned: alone, read: read) }
        }
    }

    @Test func `a batch of anything is collected or refused, and what is collected can be read`() throws {
        let bodies = [
            Array("[".utf8) + Array(Self.corpus.joined(separator: [UInt8(ascii: ",")])) + Array("]".utf8),
            Array(Self.corpus.joined(separator: [UInt8(ascii: "\n")])),
        ]
        var fuzzer = Fuzzer(bodies, words: Self.words, seed: 2)
        try fuzzer.run { bytes in
            var batch = BatchReader(BodyText(bytes), limits: ReceivingLimits(), receivedAt: now, hostOfNone: "web-1")
            do { try batch.read() } catch { return }
            let collected = batch.collected
            let events = batch.finish(key: "k")
            var rows = 0
            for block in events.blocks { rows += try EventBlock(decoding: block.bytes).events().count }
            guard rows == collected, events.count == collected else { throw Miscount(collected: collected, rows: rows) }
        }
    }

    @Test func `a packed body is a text within its limit, or refused`() throws {
        let text = Array(Self.corpus.joined())
        var fuzzer = Fuzzer([Gzip.compress(text), Gzip.compress(text) + Gzip.compress([0x20]), zstd], seed: 3)
        let budget = BodyBudget(bytesMax: 1 << 20)
        try fuzzer.run { bytes in
            for encoding in ["gzip", "zstd"] {
                let text = try? Inflation.inflate(bytes, encoding: encoding, bytesMax: 4096, share: budget.share())
                guard (text?.count ?? 0) <= 4096, budget.bytesHeld == 0 else { throw Miscount(collected: text?.count ?? 0, rows: budget.bytesHeld) }
                _ = Inflation.short(bytes, encoding: encoding, bytesMax: 4096, share: budget.share())
            }
        }
    }
}
