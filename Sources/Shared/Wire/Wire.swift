// A body on the wire is one or more zstd frames (RFC 8878), one or a few a sealed batch; inflated they are frames of ours, one after the other; gzip
// members hold the same, and are read. Frame, version 1, all
// numbers little-endian, `varint` and `text` as in blocks (Blocks/BlockFormat.swift):
//
//   offset  bytes  field
//        0      4  magic "TcBt"
//        4      1  version, 1
//        5      1  lane: 0 alerts, 1 metrics, 2 logs
//        6      2  zero
//        8      8  checksum: XXH64 of bytes 16…, its seed bytes 0…7 read as a number. It tells a repeat from a clone
//       16      4  length of the whole frame
//       20      8  sequence, from 1
//       28      8  created at, nanoseconds
//       36     16  agent
//       52         host (text), varint tags, tags × text,
//                  varint reads, reads × (text path, varint device, varint inode, varint from, varint to); one with an empty path says of
//                  the read before it, in the same four numbers, what the file held: hash of its head, length of the head × 2 + 1 if the
//                  file is finished, hash and length of the bytes before `to`. Programs of before passed over it
//                  varint blocks, blocks × (varint length, bytes)

package import Blocks
package import Telemetry

/// Batches to bytes and back.
package enum Wire {
    /// The newest version this program writes and reads.
    package static let version: UInt8 = 1
    /// Of the body of `POST /api/v1/ingest`; its `Content-Encoding` is ``contentEncoding``.
    package static let contentType = "application/vnd.tocsin.batches"

    package static let contentEncoding = "zstd"

    private static let magic: [UInt8] = [0x54, 0x63, 0x42, 0x74]
    private static let headerBytes = 52

    /// Frames and compresses a batch, once for its whole life. By zstd: of log lines it leaves a tenth less than libdeflate at its fastest, in two
    /// thirds of the time, and is inflated three times as fast.
    /// - Parameter packed: by block, the part of it that is packed already, by ``pack(_:)``.
    package static func seal(_ batch: Batch, packed: [Int: PackedPart] = [:]) -> SealedBatch {
        let rows = batch.blocks.reduce(0) { $0 + ((try? BlockHeader(decoding: $1))?.count ?? 0) }
        let bytes = frame(batch)
        return SealedBatch(
            lane: batch.lane,
            sequence: batch.sequence,
            createdAt: batch.createdAt,
            bytes: pack(bytes, packed.isEmpty ? [] : places(of: packed, in: batch, bytes.count)),
            rows: rows
        )
    }

    /// The batches of a body, in their order. Blocks are handed on as they came: whoever takes them decodes and so checks them.
    /// - Parameter inflatedBytesMax: most bytes that the whole body may inflate to.
    package static func open(_ body: [UInt8], inflatedBytesMax: Int) throws(WireError) -> [ReceivedBatch] {
        try open(frames: try inflate(body, bytesMax: inflatedBytesMax))
    }

    private static func inflate(_ body: [UInt8], bytesMax: Int) throws(WireError) -> [UInt8] {
        if Gzip.isGzip(body) { do { return try Gzip.inflate(body, outputMax: bytesMax) } catch { throw .packing(error) } }
        guard !body.isEmpty else { throw .packing(.truncated) }
        guard let announced = Zstd.announcedBytes(body) else { throw .packing(.damaged("no whole frames of zstd that say their size")) }
        guard announced <= bytesMax else { throw .packing(.tooLarge(limit: bytesMax)) }
        guard let bytes = Zstd.inflate(body, announced: announced) else { throw .packing(.damaged("zstd cannot undo it")) }
        return bytes
    }

    /// The same batch as this version packs it; nil: it cannot be read. A spool that an older version filled holds gzip members.
    package static func repacked(_ bytes: [UInt8], inflatedBytesMax: Int) -> [UInt8]? {
        (try? inflate(bytes, bytesMax: inflatedBytesMax)).map { pack($0) }
    }

    /// With a small memory for matches: lines repeat what stands close before them, near matches take fewer bits, and the table fits the processor's first
    /// cache. A fiftieth less than level 1's own, a third faster.
    package static func pack(_ bytes: [UInt8]) -> [UInt8] { Zstd.frame(bytes, level: 1, hashLog: 12) }

    /// Frames one after the other: those that are there already, and what stands between them.
    private static func pack(_ bytes: [UInt8], _ parts: [PackedPart]) -> [UInt8] {
        guard !parts.isEmpty else { return pack(bytes) }
        var (frames, place) = ([UInt8](), 0)
        for part in parts {
            let between = bytes[place..<part.range.lowerBound]
            if !between.isEmpty { frames += Zstd.shortFrame(between) ?? pack(Array(between)) }
            frames += part.frame
            place = part.range.upperBound
        }
        return place < bytes.count ? frames + pack(Array(bytes[place...])) : frames
    }

    /// The packed parts of blocks where they stand in the batch's frame, of so many bytes: blocks are its end, each behind its length.
    private static func places(of packed: [Int: PackedPart], in batch: Batch, _ bytes: Int) -> [PackedPart] {
        var (places, end) = ([PackedPart](), bytes)
        for (index, block) in batch.blocks.enumerated().reversed() {
            let start = end - block.count
            if let part = packed[index] {
                places.append(PackedPart(range: start + part.range.lowerBound..<start + part.range.upperBound, frame: part.frame))
            }
            var length = [UInt8]()
            length.appendVarint(UInt64(block.count))
            end = start - length.count
        }
        return places.reversed()
    }

    /// The same for a body that is inflated already.
    /// - Parameters:
    ///   - count: how many of the bytes are meant; nil: all of them.
    ///   - body: what was inflated, as it came; where it is zstd, each batch has its frames in ``ReceivedBatch/packed``.
    package static func open(frames bytes: [UInt8], count: Int? = nil, body: [UInt8] = []) throws(WireError) -> [ReceivedBatch] {
        let count = count ?? bytes.count
        guard count > 0 else { throw .malformed("there is no batch in it") }
        var batches = [ReceivedBatch]()
        var ends = [Int]()
        while ends.last ?? 0 < count {
            let (batch, end) = try batch(in: bytes, at: ends.last ?? 0, through: count)
            batches.append(batch)
            ends.append(end)
        }
        if !Zstd.isFrame(body) { return batches }
        if batches.count == 1 {
            batches[0].packed = body
        } else if let parts = Zstd.parts(body, endingAt: ends) {
            for (index, part) in parts.enumerated() { batches[index].packed = Array(body[part]) }
        }
        return batches
    }

    /// The uncompressed bytes of a batch: what its checksum is about.
    static func frame(_ batch: Batch) -> [UInt8] {
        var bytes = [UInt8]()
        bytes.reserveCapacity(batch.blocks.reduce(256) { $0 + $1.count + 5 })
        bytes += magic
        bytes += [version, batch.lane.rawValue, 0, 0]
        bytes.appendLittleEndian(UInt64(0))
        bytes.appendLittleEndian(UInt32(0))
        bytes.appendLittleEndian(batch.sequence)
        bytes.appendLittleEndian(UInt64(bitPattern: batch.createdAt.nanoseconds))
        bytes += batch.identity.agent.bytes
        bytes.appendText(batch.identity.host)
        bytes.appendVarint(UInt64(batch.identity.tags.count))
        for tag in batch.identity.tags { bytes.appendText(tag) }
        bytes.appendVarint(UInt64(batch.reads.reduce(0) { $0 + ($1.hasMarks ? 2 : 1) }))
        for read in batch.reads {
            bytes.appendText(read.path)
            for number in [read.device, read.inode, read.from, read.to] { bytes.appendVarint(number) }
            guard read.hasMarks else { continue }
            bytes.appendText("")
            let head = UInt64(read.headLength) << 1 | (read.isFinished ? 1 : 0)
            for number in [read.headHash, head, read.tailHash, UInt64(read.tailLength)] { bytes.appendVarint(number) }
        }
        bytes.appendVarint(UInt64(batch.blocks.count))
        for block in batch.blocks {
            bytes.appendVarint(UInt64(block.count))
            bytes += block
        }
        precondition(bytes.count <= Int(UInt32.max), "a batch is below 4 GiB")
        bytes.put(UInt64(bytes.count), width: 4, at: 16)
        bytes.put(checksum(of: bytes.span, at: 0, end: bytes.count), width: 8, at: 8)
        return bytes
    }

    /// The checksum that belongs at offset 8 of the frame.
    static func checksum(of bytes: Span<UInt8>, at start: Int, end: Int) -> UInt64 {
        var seed: UInt64 = 0
        for index in 0..<8 { seed |= UInt64(bytes[start + index]) << UInt64(8 * index) }
        return Checksum.xxh64(bytes.extracting(start + 16..<end), seed: seed)
    }

    private static func batch(in bytes: [UInt8], at start: Int, through last: Int) throws(WireError) -> (ReceivedBatch, end: Int) {
        guard last - start >= headerBytes, bytes[start..<last].starts(with: magic) else { throw .notABatch(offset: start) }
        let version = bytes[start + 4]
        guard version <= Self.version else { throw .newer(version: version) }
        guard version == 1 else { throw .malformed("version \(version) was never written") }
        do throws(BlockError) {
            let span = bytes.span
            var cursor = ByteCursor(start + 8..<last)
            let checksum = try cursor.littleEndian64(in: span)
            let length = Int(try cursor.littleEndian32(in: span))
            guard length >= headerBytes, length <= last - start else {
                throw .malformed("a batch says \(length) bytes where \(last - start) are left")
            }
            guard Wire.checksum(of: span, at: start, end: start + length) == checksum else { throw .checksum }
            guard let lane = Lane(rawValue: bytes[start + 5]) else { throw .malformed("lane \(bytes[start + 5]) is unknown") }
            cursor = ByteCursor(start + 20..<start + length)
            let batch = try batch(of: lane, &cursor, in: bytes)
            guard cursor.isAtEnd else { throw .malformed("\(cursor.remaining) bytes after the last block of a batch") }
            return (ReceivedBatch(batch: batch, checksum: checksum), start + length)
        } catch {
            switch error {
            case .checksum: throw .checksum
            case .malformed(let detail): throw .malformed(detail)
            case .notABlock, .newer, .kind: throw .malformed(error.description)
            }
        }
    }

    private static func batch(of lane: Lane, _ cursor: inout ByteCursor, in bytes: [UInt8]) throws(BlockError) -> Batch {
        let span = bytes.span
        let sequence = try cursor.littleEndian64(in: span)
        guard sequence > 0 else { throw .malformed("a sequence of 0") }
        let createdAt = Timestamp(nanoseconds: Int64(bitPattern: try cursor.littleEndian64(in: span)))
        guard let agent = UUID(bytes: bytes[try cursor.take(16)]) else { throw .malformed("an agent of other than 16 bytes") }
        let host = try cursor.string(in: bytes)
        var tags = [String]()
        for _ in 0..<(try cursor.count(in: span)) { tags.append(try cursor.string(in: bytes)) }
        var reads = [ReadRange]()
        for _ in 0..<(try cursor.count(bytesEach: 5, in: span)) {
            let read = ReadRange(
                path: try cursor.string(in: bytes),
                device: try cursor.varint(in: span),
                inode: try cursor.varint(in: span),
                from: try cursor.varint(in: span),
                to: try cursor.varint(in: span)
            )
            guard read.path.isEmpty else {
                reads.append(read)
                continue
            }
            guard let last = reads.indices.last else { throw .malformed("marks of a file stand before the file") }
            guard let head = UInt32(exactly: read.inode >> 1), let tail = UInt32(exactly: read.to) else {
                throw .malformed("marks of a file are longer than files are")
            }
            (reads[last].headHash, reads[last].headLength, reads[last].isFinished) = (read.device, head, read.inode & 1 == 1)
            (reads[last].tailHash, reads[last].tailLength) = (read.from, tail)
        }
        var blocks = [[UInt8]]()
        for _ in 0..<(try cursor.count(in: span)) { blocks.append(Array(bytes[try cursor.text(in: span)])) }
        let identity = HostIdentity(agent: agent, host: host, tags: tags)
        return Batch(identity: identity, lane: lane, sequence: sequence, createdAt: createdAt, blocks: blocks, reads: reads)
    }
}

extension ReadRange {
    fileprivate var hasMarks: Bool { headLength > 0 || isFinished }
}

extension [UInt8] {
    /// Overwrites `width` bytes with a number, little-endian.
    mutating func put(_ value: UInt64, width: Int, at offset: Int) {
        for index in 0..<width { self[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    }
}

/// Why a body is not batches. Nothing of it is used.
package enum WireError: Error, Sendable, Hashable, CustomStringConvertible {
    case packing(PackingError)
    /// At this offset of the inflated body no batch begins.
    case notABatch(offset: Int)
    /// Written by a newer agent.
    case newer(version: UInt8)
    /// The bytes of a batch changed on the way or on disk.
    case checksum
    /// The checksum holds and the content is wrong all the same.
    case malformed(String)

    package var description: String {
        switch self {
        case .packing(let error): error.description
        case .notABatch(let offset): "no batch begins at byte \(offset) of the inflated body: send what an agent seals, as \(Wire.contentType)"
        case .newer(let version):
            "batch version \(version) is newer than \(Wire.version), the newest known here: upgrade the aggregator before its agents"
        case .checksum: "a batch's checksum does not match: its bytes changed on the way or on disk"
        case .malformed(let detail): "malformed batch: \(detail)"
        }
    }

    /// A metric label; never holds a value.
    package var label: StaticString {
        switch self {
        case .packing(let error): error.label
        case .notABatch: "not_a_batch"
        case .newer: "newer_version"
        case .checksum: "checksum"
        case .malformed: "malformed"
        }
    }
}
