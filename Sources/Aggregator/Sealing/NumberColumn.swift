import Blocks
import Glibc

// A column of numbers (up to 64 bits) inside a page. Its description stands in the page's compressible bytes:
//
//   mode 0 constant    varint value
//        1 packed      varint least, 1 byte width;                    packed: each value - least
//        2 differences varint first, varint least (zigzag), 1 byte width; packed: each difference to the value before, less the least one
//        3 dictionary  varint n, n × varint value, one byte a value: its place in the dictionary
//
// What has no order (random digits) is packed and not compressed: zstd would find nothing in it. What repeats goes into the dictionary.

enum NumberColumn {
    private enum Mode: UInt8 { case constant = 0, packed, differences, dictionary }

    private static let dictionaryMax = 64

    /// Appends a column to a page.
    static func encode(_ values: [UInt64], compressible: inout [UInt8], packed: inout [UInt8]) {
        guard let first = values.first else { return }
        var (least, greatest) = (first, first)
        var (leastStep, greatestStep): (Int64, Int64) = (.max, .min)
        var previous = first
        for value in values {
            (least, greatest) = (min(least, value), max(greatest, value))
            let step = Int64(bitPattern: value &- previous)
            (leastStep, greatestStep) = (min(leastStep, step), max(greatestStep, step))
            previous = value
        }
        if least == greatest {
            compressible.append(Mode.constant.rawValue)
            compressible.appendVarint(first)
            return
        }
        let width = BitPacking.width(of: greatest - least)
        let stepWidth = BitPacking.width(of: UInt64(bitPattern: greatestStep &- leastStep))
        let plainBits = values.count * min(width, stepWidth)
        if let (dictionary, codes) = dictionary(of: values, bitsMax: plainBits) {
            compressible.append(Mode.dictionary.rawValue)
            compressible.appendVarint(UInt64(dictionary.count))
            for value in dictionary { compressible.appendVarint(value) }
            compressible += codes
        } else if stepWidth < width {
            compressible.append(Mode.differences.rawValue)
            compressible.appendVarint(first)
            compressible.appendZigzag(leastStep)
            compressible.append(UInt8(stepWidth))
            var steps = [UInt64]()
            steps.reserveCapacity(values.count)
            var previous = first
            for value in values {
                steps.append(value &- previous)
                previous = value
            }
            BitPacking.append(steps, less: UInt64(bitPattern: leastStep), width: stepWidth, to: &packed)
        } else {
            compressible.append(Mode.packed.rawValue)
            compressible.appendVarint(least)
            compressible.append(UInt8(width))
            BitPacking.append(values, less: least, width: width, to: &packed)
        }
    }

    /// The dictionary and each value's place, when their entropy is below `bitsMax`.
    private static func dictionary(of values: [UInt64], bitsMax: Int) -> (values: [UInt64], codes: [UInt8])? {
        var dictionary = [UInt64]()
        var counts = [Int]()
        var codes = [UInt8]()
        codes.reserveCapacity(values.count)
        for value in values {
            if let code = dictionary.firstIndex(of: value) {
                counts[code] += 1
                codes.append(UInt8(code))
            } else {
                guard dictionary.count < dictionaryMax else { return nil }
                codes.append(UInt8(dictionary.count))
                dictionary.append(value)
                counts.append(1)
            }
        }
        let total = Double(values.count)
        let bits = counts.reduce(0.0) { $0 - Double($1) * log2(Double($1) / total) } + Double(24 * dictionary.count)
        return bits < Double(bitsMax) ? (dictionary, codes) : nil
    }

    /// Reads a column of `count` numbers.
    static func decode(
        _ count: Int,
        _ cursor: inout ByteCursor,
        in compressible: Span<UInt8>,
        _ packedCursor: inout ByteCursor,
        in packed: Span<UInt8>
    ) throws(BlockError) -> [UInt64] {
        guard count > 0 else { return [] }
        switch Mode(rawValue: try cursor.byte(in: compressible)) {
        case .constant: return [UInt64](repeating: try cursor.varint(in: compressible), count: count)
        case .packed:
            let least = try cursor.varint(in: compressible)
            return try unpack(count, &cursor, in: compressible, &packedCursor, in: packed).map { $0 &+ least }
        case .differences:
            var value = try cursor.varint(in: compressible)
            let least = try cursor.zigzag(in: compressible)
            let steps = try unpack(count, &cursor, in: compressible, &packedCursor, in: packed)
            return steps.enumerated().map { index, step in
                // The first difference is that to itself.
                if index > 0 { value = value &+ UInt64(bitPattern: Int64(bitPattern: step) &+ least) }
                return value
            }
        case .dictionary:
            let size = try cursor.count(in: compressible)
            var dictionary = [UInt64]()
            for _ in 0..<size { dictionary.append(try cursor.varint(in: compressible)) }
            let codes = try cursor.take(count)
            var values = [UInt64]()
            values.reserveCapacity(count)
            for index in codes {
                let code = Int(compressible[index])
                guard code < size else { throw .malformed("a number's place \(code) in a dictionary of \(size)") }
                values.append(dictionary[code])
            }
            return values
        case nil: throw .malformed("a column of numbers in an unknown mode")
        }
    }

    /// Passes over a column of `count` numbers.
    static func skip(
        _ count: Int,
        _ cursor: inout ByteCursor,
        in compressible: Span<UInt8>,
        _ packedCursor: inout ByteCursor
    ) throws(BlockError) {
        guard count > 0 else { return }
        switch Mode(rawValue: try cursor.byte(in: compressible)) {
        case .constant: _ = try cursor.varint(in: compressible)
        case .packed:
            _ = try cursor.varint(in: compressible)
            _ = try packedRange(count, &cursor, in: compressible, &packedCursor)
        case .differences:
            _ = try cursor.varint(in: compressible)
            _ = try cursor.zigzag(in: compressible)
            _ = try packedRange(count, &cursor, in: compressible, &packedCursor)
        case .dictionary:
            for _ in 0..<(try cursor.count(in: compressible)) { _ = try cursor.varint(in: compressible) }
            _ = try cursor.take(count)
        case nil: throw .malformed("a column of numbers in an unknown mode")
        }
    }

    private static func unpack(
        _ count: Int,
        _ cursor: inout ByteCursor,
        in compressible: Span<UInt8>,
        _ packedCursor: inout ByteCursor,
        in packed: Span<UInt8>
    ) throws(BlockError) -> [UInt64] {
        let (range, width) = try packedRange(count, &cursor, in: compressible, &packedCursor)
        return BitPacking.unpack(packed, from: range.lowerBound, count: count, width: width)
    }

    private static func packedRange(
        _ count: Int,
        _ cursor: inout ByteCursor,
        in compressible: Span<UInt8>,
        _ packedCursor: inout ByteCursor
    ) throws(BlockError) -> (range: Range<Int>, width: Int) {
        let width = Int(try cursor.byte(in: compressible))
        guard width <= 64 else { throw .malformed("numbers of \(width) bits") }
        return (try packedCursor.take(BitPacking.byteCount(count, width: width)), width)
    }
}
