import Blocks

/// The checksum of a row whose loss or change would lose or double data (see SpoolSchema.swift).
struct RowCheck {
    private var bytes: [UInt8] = []

    mutating func add(_ number: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(shift))) }
    }
    mutating func add(_ content: some Collection<UInt8>) {
        add(UInt64(content.count))
        bytes += content
    }

    /// Never 0, which says that there is none.
    var value: UInt64 { max(1, Checksum.xxh64(bytes.span)) }

    static func of(_ numbers: UInt64..., text: String = "") -> UInt64 {
        var check = RowCheck()
        for number in numbers { check.add(number) }
        check.add(text.utf8)
        return check.value
    }
}
