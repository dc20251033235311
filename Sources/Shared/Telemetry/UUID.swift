/// A 128-bit identifier (RFC 9562), printed as 8-4-4-4-12 lower-case hex digits. New ones are of version 7: they sort by time.
package struct UUID: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

    /// A new version 7 identifier: 48 bits of milliseconds, 74 random bits.
    package static func v7(at timestamp: Timestamp, using generator: inout some RandomNumberGenerator) -> UUID {
        UUID(v7: timestamp, entropyHigh: generator.next(), entropyLow: generator.next())
    }

    /// The identifier of a row that brought none of its own: version 7, its random bits a hash of where the row stands. The same row has
    /// the same identifier for ever, through repeats and compaction, and no byte is stored for it.
    package static func derived(at timestamp: Timestamp, from origin: RowOrigin) -> UUID {
        let seed = origin.agent.high ^ mix(origin.agent.low &+ 0x9E37_79B9_7F4A_7C15)
        let place = mix(seed ^ mix(origin.sequence &+ UInt64(origin.lane.rawValue) << 56))
        let row = mix(place ^ mix(UInt64(origin.block) << 32 | UInt64(origin.row)))
        return UUID(v7: timestamp, entropyHigh: row, entropyLow: mix(row ^ place))
    }

    private init(v7 timestamp: Timestamp, entropyHigh: UInt64, entropyLow: UInt64) {
        let milliseconds = UInt64(max(0, timestamp.milliseconds)) & 0xFFFF_FFFF_FFFF
        high = milliseconds << 16 | 0x7000 | entropyHigh & 0x0FFF
        low = 0x8000_0000_0000_0000 | entropyLow & 0x3FFF_FFFF_FFFF_FFFF
    }

    /// The millisecond that a version 7 identifier carries; nil for other versions.
    package var millisecond: Int64? { high >> 12 & 0xF == 7 ? Int64(high >> 16) : nil }

    /// Reads 8-4-4-4-12 hex digits in either case; nil for anything else.
    package init?(_ text: some StringProtocol) {
        var (value, digits, position): (UInt128, Int, Int) = (0, 0, 0)
        for byte in text.utf8 {
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
            } else {
                guard let nibble = hexValue(byte), digits < 32 else { return nil }
                (value, digits) = (value << 4 | UInt128(nibble), digits + 1)
            }
            position += 1
        }
        guard digits == 32, position == 36 else { return nil }
        self.init(high: UInt64(value >> 64), low: UInt64(truncatingIfNeeded: value))
    }

    package var description: String {
        var text = [UInt8]()
        text.reserveCapacity(36)
        for (index, byte) in bytes.enumerated() {
            if index == 4 || index == 6 || index == 8 || index == 10 { text.append(UInt8(ascii: "-")) }
            text.append(hexDigit(byte >> 4))
            text.append(hexDigit(byte & 0xF))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// 16 bytes, most significant first.
    package var bytes: [UInt8] {
        (0..<16).map { UInt8(truncatingIfNeeded: ($0 < 8 ? high : low) >> UInt64((7 - $0 % 8) * 8)) }
    }

    /// From 16 bytes, most significant first; nil for another count.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        let value = bytes.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        self.init(high: UInt64(value >> 64), low: UInt64(truncatingIfNeeded: value))
    }

    package static func < (a: UUID, b: UUID) -> Bool { (a.high, a.low) < (b.high, b.low) }
}

/// Where a row entered: enough to derive its identifier, always the same.
package struct RowOrigin: Sendable, Hashable {
    package var agent: UUID
    package var lane: Lane
    package var sequence: UInt64
    /// Which block of the batch, from 0.
    package var block: UInt32
    /// Which row of the block, from 0.
    package var row: UInt32

    package init(agent: UUID, lane: Lane, sequence: UInt64, block: UInt32, row: UInt32) {
        (self.agent, self.lane, self.sequence, self.block, self.row) = (agent, lane, sequence, block, row)
    }
}

/// SplitMix64's finaliser: each input bit changes half of the output bits.
private func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
}

private func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}

private func hexDigit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10 }
