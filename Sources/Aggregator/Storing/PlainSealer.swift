import Blocks
import Sealing
import Telemetry

// A plain sealed block, version 1: arrivals as they came, for kinds that are few (alerts). Numbers are little-endian, varints and texts as in the wire block.
//
//   offset  bytes  field
//        0      4  magic "TcSa"
//        4      1  version, 1
//        5      1  kind
//        6      2  zero
//        8      8  checksum: XXH64 of bytes 16…
//       16      8  length of the whole block
//       24      4  rows
//       28      4  length of what follows the header, inflated
//       32     32  earliest and latest timestamp, first and last position, 8 bytes each
//       64         zstd frame (or as it is, when that is not longer) of: arrivals, each 8 bytes position, 16 bytes agent, 1 byte lane, 8 bytes sequence, 4 bytes block,
//                  8 bytes receivedAt, text host, varint n, n × text tags, varint length, wire block

enum PlainSealer {
    private static let magic = Array("TcSa".utf8)
    private static let headerBytes = 64

    static func seal(_ blocks: [StoredBlock], kind: BlockKind) -> SealedOutput? {
        guard let first = blocks.first, let last = blocks.last else { return nil }
        var body = [UInt8]()
        for block in blocks {
            body.appendLittleEndian(block.position)
            body += block.origin.agent.bytes
            body.append(block.origin.lane.rawValue)
            body.appendLittleEndian(block.origin.sequence)
            body.appendLittleEndian(block.origin.block)
            body.appendLittleEndian(UInt64(bitPattern: block.receivedAt.nanoseconds))
            body.appendText(block.host)
            body.appendVarint(UInt64(block.tags.count))
            for tag in block.tags { body.appendText(tag) }
            body.appendVarint(UInt64(block.bytes.count))
            body += block.bytes
        }
        let stored = Zstd.compress(body, level: 3) ?? body
        let (from, to) = (blocks.map(\.from).min() ?? first.from, blocks.map(\.to).max() ?? first.to)
        let rows = blocks.reduce(0) { $0 + $1.count }
        var bytes = magic + [1, kind.rawValue, 0, 0]
        bytes.appendLittleEndian(UInt64(0))
        bytes.appendLittleEndian(UInt64(headerBytes + stored.count))
        bytes.appendLittleEndian(UInt32(rows))
        bytes.appendLittleEndian(UInt32(body.count))
        for number in [UInt64(bitPattern: from.nanoseconds), UInt64(bitPattern: to.nanoseconds), first.position, last.position] {
            bytes.appendLittleEndian(number)
        }
        bytes += stored
        let sum = Checksum.xxh64(bytes.span.extracting(16..<bytes.count))
        for index in 0..<8 { bytes[8 + index] = UInt8(truncatingIfNeeded: sum >> UInt64(8 * index)) }
        return SealedOutput(kind: kind, count: rows, from: from, to: to, first: first.position, last: last.position, bytes: bytes)
    }

    /// What the first bytes say; nil when no plain sealed block begins with them. The checksum is verified when it is read.
    static func header(_ bytes: [UInt8]) -> SealedHeader? {
        guard bytes.count >= headerBytes, bytes.starts(with: magic), bytes[4] == 1, bytes[6] == 0, bytes[7] == 0,
            let kind = BlockKind(rawValue: bytes[5])
        else { return nil }
        let length = bytes.littleEndian(at: 16)
        guard length >= UInt64(headerBytes), length <= 1 << 31 else { return nil }
        return SealedHeader(
            kind: kind,
            length: Int(length),
            count: Int(bytes.littleEndian(at: 24) & 0xFFFF_FFFF),
            from: Timestamp(nanoseconds: Int64(bitPattern: bytes.littleEndian(at: 32))),
            to: Timestamp(nanoseconds: Int64(bitPattern: bytes.littleEndian(at: 40))),
            first: bytes.littleEndian(at: 48),
            last: bytes.littleEndian(at: 56)
        )
    }

    /// The arrivals of a sealed block.
    static func arrivals(_ block: SealedBlock) throws(SealedError) -> [StoredBlock] {
        let bytes: [UInt8]
        do { bytes = try block.bytes.read(0..<block.bytes.count) } catch { throw SealedError(reading: error) }
        guard bytes.count >= headerBytes, bytes.starts(with: magic), bytes[4] == 1 else { throw .damaged("no plain sealed block begins here") }
        do {
            var header = ByteCursor(8..<headerBytes)
            guard try header.littleEndian64(in: bytes.span) == Checksum.xxh64(bytes.span.extracting(16..<bytes.count)) else {
                throw SealedError.damaged("its checksum does not hold")
            }
            _ = try header.take(12)
            let length = Int(try header.littleEndian32(in: bytes.span))
            let stored = Array(bytes[headerBytes...])
            guard let body = stored.count == length ? stored : Zstd.decompress(stored, length: length) else {
                throw SealedError.damaged("it does not decompress")
            }
            var cursor = ByteCursor(body.indices)
            var arrivals = [StoredBlock]()
            while !cursor.isAtEnd { arrivals.append(try arrival(&cursor, in: body)) }
            return arrivals
        } catch let error as BlockError {
            throw .damaged(error.description)
        } catch let error as SealedError {
            throw error
        } catch {
            throw .damaged("\(error)")
        }
    }

    private static func arrival(_ cursor: inout ByteCursor, in body: [UInt8]) throws(BlockError) -> StoredBlock {
        let span = body.span
        let position = try cursor.littleEndian64(in: span)
        guard let agent = UUID(bytes: body[try cursor.take(16)]), let lane = Lane(rawValue: try cursor.byte(in: span)) else {
            throw .malformed("an arrival of nobody")
        }
        let (sequence, index) = (try cursor.littleEndian64(in: span), try cursor.littleEndian32(in: span))
        let receivedAt = Timestamp(nanoseconds: Int64(bitPattern: try cursor.littleEndian64(in: span)))
        let host = try cursor.string(in: body)
        var tags = [String]()
        for _ in 0..<(try cursor.count(in: span)) { tags.append(try cursor.string(in: body)) }
        let bytes = Array(body[try cursor.text(in: span)])
        let header = try BlockHeader(decoding: bytes)
        return StoredBlock(
            position: position,
            kind: header.kind,
            bytes: bytes,
            count: header.count,
            from: header.from,
            to: header.to,
            receivedAt: receivedAt,
            origin: RowOrigin(agent: agent, lane: lane, sequence: sequence, block: index, row: 0),
            host: host,
            tags: tags
        )
    }
}
