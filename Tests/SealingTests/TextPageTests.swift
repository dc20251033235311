import Blocks
import Testing

@testable import Sealing

@Suite struct TextPageTests {
    private func roundTrip(_ texts: [String?]) throws -> Payload {
        var bytes = [UInt8]()
        var ranges = [Range<Int>?]()
        for text in texts {
            guard let text else {
                ranges.append(nil)
                continue
            }
            let start = bytes.count
            bytes += Array(text.utf8)
            ranges.append(start..<bytes.count)
        }
        var words = HashSet()
        let payload = TextPage.encode(bytes, ranges, .message, words: &words)
        let decoded = try TextPageReader(payload, rows: texts.count).texts()
        #expect(decoded.ranges.map { $0.map { String(decoding: decoded.bytes[$0], as: UTF8.self) } } == texts)
        let wanted = Array(stride(from: 1, to: texts.count, by: 3))
        let some = try TextPageReader(payload, rows: texts.count).texts(wanted)
        for row in wanted { #expect(some.ranges[row].map { String(decoding: some.bytes[$0], as: UTF8.self) } == texts[row]) }
        // One row needs the numbers of one template; those of the others are passed over.
        for row in stride(from: 0, to: texts.count, by: 1 + texts.count / 40) {
            let one = try TextPageReader(payload, rows: texts.count).texts([row])
            #expect(one.ranges[row].map { String(decoding: one.bytes[$0], as: UTF8.self) } == texts[row])
        }
        return payload
    }

    @Test func `numbers with and without leading zeros come back as they were written`() throws {
        let stamps = (0..<300).map { "at 2026-\($0 % 12 < 9 ? "0" : "")\($0 % 12 + 1)-07T0\($0 % 10):00 took \($0 * 7919) ms" }
        let payload = try roundTrip(stamps + [nil, "", "no digits", "0", "00", "000000000000000000000000000001", "18446744073709551616999"])
        #expect(payload.compressible[0] == 1)
        #expect(payload.compressible.count + payload.packed.count < 300 * 8)
    }

    /// Eight bytes are looked at together: a digit is found at each place among them, beside the bytes that lie next to digits and beyond ASCII.
    @Test func `numbers come back wherever they stand among any bytes`() throws {
        let neighbours = ["/", ":", "\u{1}", "\u{7F}", "a", "°", "é", "\u{FFFF}", "😀"]
        var texts: [String?] = []
        for place in 0..<24 {
            for neighbour in neighbours {
                let before = String(repeating: neighbour, count: place)
                texts += ["\(before)7", "\(before)0\(neighbour)", "\(before)42\(neighbour)\(place)\(neighbour)\(neighbour)"]
            }
        }
        // Each often enough to be worth a template.
        for first in stride(from: 0, to: texts.count, by: 60) {
            let some = texts[first..<min(first + 60, texts.count)]
            #expect(try roundTrip(Array(repeatElement(some, count: 16).joined())).compressible[0] == 1)
        }
    }

    @Test func `a byte 0 is found at each place of a text`() throws {
        for place in 0..<20 {
            let text = String(repeating: "x", count: place) + "\u{0}" + String(repeating: "1y", count: 20 - place)
            #expect(try roundTrip([text, "c 1"]).compressible[0] == 0)
        }
    }

    @Test(arguments: [1, 500, 1 << 18])
    func `a set of hashes holds each once, also those that push one another out of what was seen last`(room: Int) {
        var generator = SystemRandomNumberGenerator()
        var (set, model) = (HashSet(room: room), Set<UInt64>())
        #expect(set.hashes().isEmpty)
        for _ in 0..<40_000 {
            // Few different low bits, so that places are shared; 0 is a hash like any other.
            let hash = UInt64.random(in: 0..<6, using: &generator) << 40 | UInt64.random(in: 0..<2048, using: &generator)
            set.insert(hash)
            model.insert(hash)
        }
        let hashes = set.hashes()
        #expect(hashes.count == model.count && Set(hashes) == model)
        #expect(set.hashes().count == model.count)
    }

    @Test func `a text with a byte 0 and too many templates make a plain page`() throws {
        #expect(try roundTrip(["a\u{0}b", "c 1"]).compressible[0] == 0)
        var generator = SystemRandomNumberGenerator()
        let words = (0..<500).map { _ in String(generator.next(), radix: 36) }
        #expect(try roundTrip(words).compressible[0] == 0)
    }

    @Test(arguments: [1, 7, 8, 13, 20, 31, 32, 33, 57, 63, 64])
    func `packed numbers come back whatever their width`(width: Int) {
        var generator = SystemRandomNumberGenerator()
        let mask = width == 64 ? UInt64.max : 1 << UInt64(width) - 1
        let values = (0..<100).map { _ in generator.next() & mask }
        var bytes: [UInt8] = [9, 9, 9]
        BitPacking.append(values, width: width, to: &bytes)
        #expect(bytes.count == 3 + BitPacking.byteCount(100, width: width))
        #expect(BitPacking.unpack(bytes.span, from: 3, count: 100, width: width) == values)
    }

    @Test(
        arguments: [
            [5, 5, 5], [0, .max], [.max, 0, .max], Array(stride(from: 1000, to: 9_000_000, by: 117)), (0..<900).map { $0 % 7 * 1_000_003 },
            [7], (0..<500).map { $0 &* 0x9E37_79B9_7F4A_7C15 },
        ] as [[UInt64]]
    )
    func `a column of numbers comes back in each mode`(values: [UInt64]) throws {
        var payload = Payload()
        NumberColumn.encode(values, compressible: &payload.compressible, packed: &payload.packed)
        var (cursor, packedCursor) = (ByteCursor(payload.compressible.indices), ByteCursor(payload.packed.indices))
        let decoded = try NumberColumn.decode(
            values.count,
            &cursor,
            in: payload.compressible.span,
            &packedCursor,
            in: payload.packed.span
        )
        #expect(decoded == values)
        #expect(cursor.isAtEnd && packedCursor.isAtEnd)
    }
}
