extension JSONText {
    /// A number's value when it is written as an integer and fits; nil otherwise (`1.0` and `1e3` are not integers here).
    package func integer(in bytes: Span<UInt8>) -> Int64? {
        let isNegative = bytes[start] == UInt8(ascii: "-")
        var value: Int64 = 0
        for index in (isNegative ? start + 1 : start)..<end {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowed) =
                isNegative ? scaled.subtractingReportingOverflow(Int64(digit)) : scaled.addingReportingOverflow(Int64(digit))
            guard !overflow, !overflowed else { return nil }
            value = sum
        }
        return value
    }

    /// A number's value, correctly rounded; nil when it lies outside of what a double holds (`1e999`).
    package func double(in bytes: Span<UInt8>) -> Double? {
        if let exact = exactDouble(in: bytes) { return exact }
        let text = unsafe bytes.extracting(start..<end).withUnsafeBufferPointer { buffer in unsafe String(decoding: buffer, as: UTF8.self) }
        guard let value = Double(text), value.isFinite else { return nil }
        return value
    }

    /// Clinger's fast path: a mantissa below 2^53 and a power of ten up to 22 are both exact, so one operation rounds correctly.
    private func exactDouble(in bytes: Span<UInt8>) -> Double? {
        let isNegative = bytes[start] == UInt8(ascii: "-")
        var (mantissa, digits, scale, isFraction): (UInt64, Int, Int, Bool) = (0, 0, 0, false)
        for index in (isNegative ? start + 1 : start)..<end {
            let byte = bytes[index]
            if byte == UInt8(ascii: ".") {
                isFraction = true
            } else {
                let digit = byte &- UInt8(ascii: "0")
                guard digit < 10, digits < 18 else { return nil }
                mantissa = mantissa * 10 + UInt64(digit)
                digits += 1
                if isFraction { scale += 1 }
            }
        }
        guard mantissa < 1 << 53 else { return nil }
        let value = Double(mantissa) / powersOfTen[scale]
        return isNegative ? -value : value
    }
}

private let powersOfTen: [Double] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18]
