import Blocks
import JSON
import SQLite
import Sealing
import Telemetry

/// A row of `blocks` joined with its origin, and what it says.
enum BlockRow {
    case block(StoredBlock)
    case damaged(Damage)

    /// A row whose bytes no longer say what was stored.
    struct Damage: Sendable {
        let position: LogPosition
        let count: Int
        let from: Timestamp
        let to: Timestamp
        let bytes: Int
        let host: String
        let detail: String
    }

    static let columns = """
        b.position, b.kind, b.rows, b.from_ns, b.to_ns, b.received_ns, b.lane, b.sequence, b.block, b.length, b.encoding, b.repeated, b.bytes, \
        o.agent, o.host, o.tags
        """
    static let tables = "arrivals b LEFT JOIN origins o ON o.id = b.origin"

    /// Bytes that a block may take after decompression: a damaged length must not take all memory.
    private static let lengthMax: Int64 = 1 << 30

    /// Decompresses and verifies.
    static func decode(_ row: Row) -> BlockRow {
        let stored = row.blob(12)
        let (from, to) = (Timestamp(nanoseconds: row.integer(3)), Timestamp(nanoseconds: row.integer(4)))
        let count = Int(clamping: row.integer(2))
        func damaged(_ detail: String) -> BlockRow {
            let host = row.text(14)
            return .damaged(Damage(position: row.unsigned(0), count: count, from: from, to: to, bytes: stored.count, host: host, detail: detail))
        }
        let length = row.integer(9)
        guard length >= 0, length <= lengthMax else { return damaged("its length of \(length) bytes is impossible") }
        let bytes: [UInt8]
        switch row.integer(10) {
        case PreparedBlock.Encoding.plain.rawValue: bytes = stored
        case PreparedBlock.Encoding.zstd.rawValue:
            guard let inflated = Zstd.decompress(stored, length: Int(length)) else { return damaged("it does not decompress") }
            bytes = inflated
        case PreparedBlock.Encoding.batch.rawValue:
            guard let announced = Zstd.announcedBytes(stored), (Int(length)...Int(length) + PreparedBlock.batchHeadMax).contains(announced),
                let inflated = Zstd.inflate(stored, announced: announced)
            else { return damaged("it does not decompress") }
            bytes = Array(inflated[(announced - Int(length))...])
        case let other: return damaged("its encoding \(other) is unknown")
        }
        let header: BlockHeader
        do { header = try BlockHeader(decoding: bytes) } catch { return damaged(error.description) }
        guard let kind = BlockKind(rawValue: UInt8(clamping: row.integer(1))), kind == header.kind, count == header.count else {
            return damaged("its row says another kind or count than its bytes")
        }
        guard let agent = UUID(bytes: row.blob(13)), let lane = Lane(rawValue: UInt8(clamping: row.integer(6))) else {
            return damaged("its origin is not known")
        }
        let repeated = row.blob(11)
        let repeatedRows = stride(from: 0, to: repeated.count - repeated.count % 4, by: 4).map { start in
            (0..<4).reduce(UInt32(0)) { $0 | UInt32(repeated[start + $1]) << UInt32(8 * $1) }
        }
        return .block(
            StoredBlock(
                position: row.unsigned(0),
                kind: kind,
                bytes: bytes,
                count: count,
                from: header.from,
                to: header.to,
                receivedAt: Timestamp(nanoseconds: row.integer(5)),
                origin: RowOrigin(agent: agent, lane: lane, sequence: row.unsigned(7), block: UInt32(clamping: row.integer(8)), row: 0),
                host: row.text(14),
                tags: tags(row.text(15)),
                repeatedRows: repeatedRows
            )
        )
    }

    private static func tags(_ text: String) -> [String] {
        if text == "[]" { return [] }
        return ((try? JSON.parse(text))?.array ?? []).compactMap(\.string)
    }
}
