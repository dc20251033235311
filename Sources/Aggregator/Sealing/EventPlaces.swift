import Blocks
package import Telemetry

/// Rows of a sealed block that came in one arrival.
package struct SealedRun: Sendable {
    package let position: LogPosition
    /// Rows of the sealed block.
    package let rows: Range<Int>
    /// Of row 0 of the arrival.
    package let origin: RowOrigin
    /// The agent's host; empty for a client's request.
    package let host: String
    package let tags: [String]
    package let receivedAt: Timestamp
}

/// Which rows came in which arrival.
struct RunList {
    private struct Context: Hashable {
        let agent: UUID
        let host: String
        let tags: [String]
    }

    private var contexts: [Context: Int] = [:]
    private var contextBytes: [UInt8] = []
    private var runBytes: [UInt8] = []
    private var counts: [Int] = []
    private var previous = (position: UInt64(0), sequence: UInt64(0), receivedAt: Int64(0))

    mutating func append(_ block: StoredBlock, rows: Int) {
        append(block.position, block.origin, block.receivedAt, Context(agent: block.origin.agent, host: block.host, tags: block.tags), rows: rows)
    }

    /// A run of a block that was sealed before.
    mutating func append(_ run: SealedRun) {
        append(run.position, run.origin, run.receivedAt, Context(agent: run.origin.agent, host: run.host, tags: run.tags), rows: run.rows.count)
    }

    private mutating func append(_ position: LogPosition, _ origin: RowOrigin, _ receivedAt: Timestamp, _ context: Context, rows: Int) {
        let code: Int
        if let known = contexts[context] {
            code = known
        } else {
            code = contexts.count
            contexts[context] = code
            contextBytes += context.agent.bytes
            contextBytes.appendText(context.host)
            contextBytes.appendVarint(UInt64(context.tags.count))
            for tag in context.tags { contextBytes.appendText(tag) }
        }
        runBytes.appendVarint(position &- previous.position)
        runBytes.appendVarint(UInt64(code))
        runBytes.appendVarint(UInt64(origin.lane.rawValue))
        runBytes.appendZigzag(Int64(bitPattern: origin.sequence &- previous.sequence))
        runBytes.appendVarint(UInt64(origin.block))
        runBytes.appendZigzag(receivedAt.nanoseconds &- previous.receivedAt)
        runBytes.appendVarint(UInt64(rows))
        counts.append(rows)
        previous = (position, origin.sequence, receivedAt.nanoseconds)
    }

    func encode(into bytes: inout [UInt8]) {
        bytes.appendVarint(UInt64(contexts.count))
        bytes += contextBytes
        bytes.appendVarint(UInt64(counts.count))
        bytes += runBytes
    }

    /// Nil when each arrival's rows are there from row 0 on without a hole.
    func encodeRows(_ rows: [UInt32]) -> [UInt8]? {
        var steps = [UInt8]()
        var long = [UInt8]()
        steps.reserveCapacity(rows.count)
        var (row, isPlain) = (0, true)
        for count in counts {
            var previous = -1
            for _ in 0..<count {
                let step = Int(rows[row]) - previous - 1
                previous = Int(rows[row])
                if step != 0 { isPlain = false }
                steps.append(UInt8(min(step, 255)))
                if step >= 255 { long.appendVarint(UInt64(step)) }
                row += 1
            }
        }
        return isPlain ? nil : steps + long
    }

    static func decode(_ cursor: inout ByteCursor, in bytes: [UInt8], rows: Int) throws(BlockError) -> [SealedRun] {
        let span = bytes.span
        var contexts = [Context]()
        for _ in 0..<(try cursor.count(bytesEach: 18, in: span)) {
            guard let agent = UUID(bytes: bytes[try cursor.take(16)]) else { throw .malformed("an agent of other than 16 bytes") }
            let host = try cursor.string(in: bytes)
            var tags = [String]()
            for _ in 0..<(try cursor.count(in: span)) { tags.append(try cursor.string(in: bytes)) }
            contexts.append(Context(agent: agent, host: host, tags: tags))
        }
        var runs = [SealedRun]()
        var previous = (position: UInt64(0), sequence: UInt64(0), receivedAt: Int64(0))
        var start = 0
        for _ in 0..<(try cursor.count(bytesEach: 7, in: span)) {
            previous.position &+= try cursor.varint(in: span)
            let context = try cursor.varint(in: span)
            guard context < UInt64(contexts.count) else { throw .malformed("context \(context) of \(contexts.count)") }
            let laneCode = try cursor.varint(in: span)
            guard laneCode < 256, let lane = Lane(rawValue: UInt8(laneCode)) else { throw .malformed("lane \(laneCode) is unknown") }
            previous.sequence &+= UInt64(bitPattern: try cursor.zigzag(in: span))
            let block = UInt32(truncatingIfNeeded: try cursor.varint(in: span))
            previous.receivedAt &+= try cursor.zigzag(in: span)
            let count = try cursor.varint(in: span)
            guard count <= UInt64(rows - start) else { throw .malformed("runs of more than \(rows) rows") }
            let sender = contexts[Int(context)]
            runs.append(
                SealedRun(
                    position: previous.position,
                    rows: start..<start + Int(count),
                    origin: RowOrigin(agent: sender.agent, lane: lane, sequence: previous.sequence, block: block, row: 0),
                    host: sender.host,
                    tags: sender.tags,
                    receivedAt: Timestamp(nanoseconds: previous.receivedAt)
                )
            )
            start += Int(count)
        }
        guard start == rows else { throw .malformed("runs of \(start) rows in a block of \(rows)") }
        return runs
    }

    /// The rows' numbers in their arrivals; `steps` is nil when they are plain.
    static func decodeRows(_ steps: [UInt8]?, runs: [SealedRun], count: Int) throws(BlockError) -> [UInt32] {
        var rows = [UInt32]()
        rows.reserveCapacity(count)
        guard let steps else {
            for run in runs { for index in 0..<run.rows.count { rows.append(UInt32(index)) } }
            return rows
        }
        var cursor = ByteCursor(steps.indices)
        let short = try cursor.take(count)
        for run in runs {
            var next: UInt64 = 0
            for row in run.rows {
                var step = UInt64(steps[short.lowerBound + row])
                if step == 255 { step = try cursor.varint(in: steps.span) }
                next &+= step
                rows.append(UInt32(truncatingIfNeeded: next))
                next &+= 1
            }
        }
        return rows
    }
}

/// Timestamps in their common unit, as differences, byte by byte.
enum TimeColumn {
    static func encode(_ timestamps: ArraySlice<Int64>, earliest: Int64) -> Payload {
        // Differences that do not fit are taken modulo 2^64, where only the unit 1 comes back right.
        var unit: Int64 = timestamps.contains { $0.subtractingReportingOverflow(earliest).overflow } ? 1 : 1_000_000_000
        for time in timestamps { while (time &- earliest) % unit != 0 { unit /= 1000 } }
        var payload = Payload()
        payload.compressible.appendVarint(UInt64(unit))
        var values = [UInt64]()
        values.reserveCapacity(timestamps.count)
        var (previous, all) = (earliest, UInt64(0))
        for time in timestamps {
            let step = (time &- previous) / unit
            let value = UInt64(bitPattern: step << 1 ^ step >> 63)
            values.append(value)
            all |= value
            previous = time
        }
        let width = max(1, (BitPacking.width(of: all) + 7) / 8)
        payload.compressible.append(UInt8(width))
        payload.compressible.reserveCapacity(16 + width * values.count)
        for plane in 0..<width {
            let shift = UInt64(8 * plane)
            payload.compressible.append(contentsOf: values.lazy.map { UInt8(truncatingIfNeeded: $0 >> shift) })
        }
        return payload
    }

    static func decode(_ bytes: [UInt8], count: Int, earliest: Int64) throws(BlockError) -> [Int64] {
        var cursor = ByteCursor(bytes.indices)
        let unit = Int64(truncatingIfNeeded: try cursor.varint(in: bytes.span))
        let width = Int(try cursor.byte(in: bytes.span))
        guard width >= 1, width <= 8, cursor.remaining == width * count else {
            throw .malformed("\(cursor.remaining) bytes of times for \(count) rows")
        }
        let start = cursor.offset
        return unsafe [Int64](unsafeUninitializedCapacity: count) { times, filled in
            filled = count
            guard count > 0, let times = times.baseAddress else { return }
            unsafe bytes.withUnsafeBufferPointer { bytes in
                // Pointers and sums that wrap: with bounds and overflows looked at the loops would go row by row.
                let planes = unsafe bytes.baseAddress! + start
                var previous = earliest
                // Compiled for each width, so that a row's bytes are put together without a loop.
                @inline(__always) func decode(_ width: Int) {
                    for row in 0..<count {
                        var value: UInt64 = 0
                        for plane in 0..<width { unsafe value |= UInt64(planes[plane &* count &+ row]) &<< UInt64(truncatingIfNeeded: 8 &* plane) }
                        previous = previous &+ (Int64(bitPattern: value &>> 1) ^ (0 &- Int64(bitPattern: value & 1))) &* unit
                        unsafe times[row] = previous
                    }
                }
                switch width {
                case 1: decode(1)
                case 2: decode(2)
                case 3: decode(3)
                case 4: decode(4)
                case 5: decode(5)
                case 6: decode(6)
                case 7: decode(7)
                default: decode(8)
                }
            }
        }
    }
}

/// Codes below 65 536, one or two bytes each.
enum Codes16 {
    static func encode(_ codes: ArraySlice<UInt16>, distinct: Int) -> [UInt8] {
        var bytes = codes.map { UInt8(truncatingIfNeeded: $0) }
        if distinct > 256 { bytes.append(contentsOf: codes.lazy.map { UInt8($0 >> 8) }) }
        return bytes
    }

    /// - Parameter rows: only of these; nil: of all.
    static func decode(_ bytes: [UInt8], count: Int, at rows: [Int]? = nil, distinct: Int) throws(BlockError) -> [UInt16] {
        let isWide = distinct > 256
        guard bytes.count == (isWide ? 2 * count : count) else { throw .malformed("\(bytes.count) bytes of codes for \(count) rows") }
        var codes = [UInt16]()
        codes.reserveCapacity(rows?.count ?? count)
        for index in 0..<(rows?.count ?? count) {
            let row = rows.map { $0[index] } ?? index
            let code = UInt16(bytes[row]) | (isWide ? UInt16(bytes[count + row]) << 8 : 0)
            guard Int(code) < distinct else { throw .malformed("code \(code) of \(distinct)") }
            codes.append(code)
        }
        return codes
    }
}
