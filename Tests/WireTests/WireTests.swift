import Blocks
import Telemetry
import TestSupport
import Testing

@testable import Wire

struct WireTests {
    static let noon = Timestamp(nanoseconds: 1_793_534_400_000_000_000)
    static let identity = HostIdentity(
        agent: UUID(high: 0x1111_2222_3333_7444, low: 0x8555_6666_7777_8888),
        host: "web-1",
        tags: ["production", "wüste"]
    )

    static func batch(_ sequence: UInt64, lane: Lane = .logs) -> Batch {
        let events = (0..<3).map { Event(timestamp: noon, source: "nginx", type: Event.logLine, severity: .info, message: "line \($0)") }
        return Batch(
            identity: identity,
            lane: lane,
            sequence: sequence,
            createdAt: noon,
            blocks: [EventBlock.encode(events), EventBlock.encode([])],
            reads: [ReadRange(path: "/var/log/a.log", device: 66, inode: .max, from: 0, to: 4711)]
        )
    }

    @Test func `a sealed batch opens as it was`() throws {
        let sealed = Wire.seal(Self.batch(17))
        #expect(sealed.rows == 3)
        #expect((sealed.lane, sealed.sequence, sealed.createdAt) == (.logs, 17, Self.noon))
        let opened = try Wire.open(sealed.bytes, inflatedBytesMax: 10_000)
        #expect(opened.map(\.batch) == [Self.batch(17)])
    }

    @Test func `parts that were packed before stand where they belong, whatever lies between them`() throws {
        var batch = Self.batch(17)
        // Nothing, a little and much before, between and behind.
        for sizes in [[10, 300], [300, 0, 70_000], [1, 1], [5]] {
            batch.blocks = sizes.map { size in (0..<size).map { UInt8(truncatingIfNeeded: $0 / 3) } }
            for trim in [0, 1, 400] {
                var packed: [Int: PackedPart] = [:]
                for (index, block) in batch.blocks.enumerated() where block.count > 2 * trim {
                    let range = trim..<block.count - trim
                    packed[index] = PackedPart(range: range, frame: Wire.pack(Array(block[range])))
                }
                let sealed = Wire.seal(batch, packed: packed)
                #expect(try Wire.open(sealed.bytes, inflatedBytesMax: 1 << 20).map(\.batch) == [batch])
            }
        }
    }

    @Test func `several batches travel as members of one stream, in order`() throws {
        let batches = [Self.batch(1), Self.batch(2), Self.batch(9, lane: .alerts)]
        let body = batches.flatMap { Wire.seal($0).bytes }
        #expect(try Wire.open(body, inflatedBytesMax: 10_000).map(\.batch) == batches)
    }

    @Test func `each batch has the frames that it came in, where no other has a part in them`() throws {
        let batches = [Self.batch(1), Self.batch(2), Self.batch(9, lane: .alerts)]
        let sealed = batches.map { Wire.seal($0).bytes }
        let inflated = batches.flatMap { Wire.frame($0) }
        #expect(try Wire.open(frames: inflated, body: sealed.flatMap { $0 }).map(\.packed) == sealed)
        #expect(try Wire.open(frames: Wire.frame(batches[0]), body: sealed[0]).map(\.packed) == [sealed[0]])
        // Several frames for one batch, as where a part was packed before.
        let whole = Wire.frame(batches[1])
        let inTwo = Wire.pack(Array(whole[..<50])) + Wire.pack(Array(whole[50...]))
        #expect(try Wire.open(frames: inflated, body: sealed[0] + inTwo + sealed[2]).map(\.packed) == [sealed[0], inTwo, sealed[2]])
        // One frame for two batches: whose it is cannot be said.
        let together = Wire.pack(Wire.frame(batches[0]) + Wire.frame(batches[1])) + sealed[2]
        #expect(try Wire.open(frames: inflated, body: together).map(\.packed) == [[], [], []])
        #expect(try Wire.open(frames: inflated, body: []).map(\.batch) == batches)
    }

    @Test func `the checksum is the same for a repeat and another for another content`() throws {
        func checksum(_ batch: Batch) throws -> UInt64 { try Wire.open(Wire.seal(batch).bytes, inflatedBytesMax: 10_000)[0].checksum }
        var other = Self.batch(5)
        other.blocks = [EventBlock.encode([])]
        #expect(try checksum(Self.batch(5)) == checksum(Self.batch(5)))
        #expect(try checksum(Self.batch(5)) != checksum(other))
        #expect(try checksum(Self.batch(5)) != checksum(Self.batch(6)))
    }

    @Test func `version 1 is written byte for byte as it was released`() throws {
        var batch = Self.batch(17)
        batch.blocks = [[1, 2, 3], []]
        let expected: [UInt8] = [
            84, 99, 66, 116, 1, 2, 0, 0, 90, 117, 128, 190, 196, 235, 165, 207, 113, 0, 0, 0, 17, 0, 0, 0,
            0, 0, 0, 0, 0, 128, 113, 196, 8, 234, 227, 24, 17, 17, 34, 34, 51, 51, 116, 68, 133, 85, 102, 102,
            119, 119, 136, 136, 5, 119, 101, 98, 45, 49, 2, 10, 112, 114, 111, 100, 117, 99, 116, 105, 111, 110, 6, 119,
            195, 188, 115, 116, 101, 1, 14, 47, 118, 97, 114, 47, 108, 111, 103, 47, 97, 46, 108, 111, 103, 66, 255, 255,
            255, 255, 255, 255, 255, 255, 255, 1, 0, 231, 36, 2, 3, 1, 2, 3, 0,
        ]
        #expect(Wire.frame(batch) == expected)
    }

    private static func markedRead() -> ReadRange {
        let position = ReadPosition(
            path: "/var/log/b.log",
            device: 66,
            inode: 9,
            offset: 50,
            headHash: .max >> 1,
            headLength: 1024,
            tailHash: 12,
            tailLength: 256
        )
        return ReadRange(from: 10, to: position)
    }

    @Test func `where files stand travels with their lines, in a few bytes a file`() throws {
        var batch = Self.batch(17)
        let before = Wire.frame(batch).count
        var finished = ReadRange(path: "/var/log/c.log", device: 66, inode: 10, from: 5, to: 5)
        finished.isFinished = true
        batch.reads += [Self.markedRead(), finished]
        #expect(try Wire.open(frames: Wire.frame(batch)).map(\.batch) == [batch])
        batch.reads.removeLast()
        let plain = ReadRange(path: "/var/log/b.log", device: 66, inode: 9, from: 10, to: 50)
        var unmarked = Self.batch(17)
        unmarked.reads.append(plain)
        #expect(Wire.frame(batch).count - Wire.frame(unmarked).count <= 24)
        #expect(Wire.frame(unmarked).count > before)
    }

    @Test func `marks without a file before them are refused`() {
        var batch = Self.batch(17)
        batch.reads = [ReadRange(path: "", device: 1, inode: 2, from: 3, to: 4)]
        #expect(throws: WireError.malformed("marks of a file stand before the file")) { try Wire.open(frames: Wire.frame(batch)) }
        batch.reads = [ReadRange(path: "/a", device: 1, inode: 2, from: 3, to: 4), ReadRange(path: "", device: 1, inode: .max, from: 3, to: 4)]
        #expect(throws: WireError.self) { try Wire.open(frames: Wire.frame(batch)) }
    }

    @Test func `each changed byte of a frame is noticed`() {
        let frame = Wire.frame(Self.batch(17))
        for offset in frame.indices {
            for change: UInt8 in [0x01, 0x80, 0xFF] {
                var bytes = frame
                bytes[offset] ^= change
                #expect(throws: WireError.self) { try Wire.open(frames: bytes) }
            }
        }
        for length in frame.indices { #expect(throws: WireError.self) { try Wire.open(frames: Array(frame[..<length])) } }
    }

    @Test func `random damage under a right checksum never crashes`() {
        var generator = SeededGenerator(seed: 4711)
        let frame = Wire.frame(Self.batch(17))
        for _ in 0..<5000 {
            var bytes = frame
            for _ in 0..<Int.random(in: 1...5, using: &generator) {
                bytes[Int.random(in: 20..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            bytes.put(Wire.checksum(of: bytes.span, at: 0, end: bytes.count), width: 8, at: 8)
            _ = try? Wire.open(frames: bytes)
        }
    }

    @Test func `what an older version packed by gzip is read, and packed anew`() throws {
        let batch = Self.batch(17)
        let old = Gzip.compress(Wire.frame(batch))
        #expect(try Wire.open(old, inflatedBytesMax: 10_000).map(\.batch) == [batch])
        #expect(Wire.repacked(old, inflatedBytesMax: 10_000) == Wire.seal(batch).bytes)
        #expect(Wire.repacked(Array(old.dropLast()), inflatedBytesMax: 10_000) == nil)
        #expect(Wire.repacked(old, inflatedBytesMax: 10) == nil)
    }

    @Test func `frames that are cut, damaged, or say other sizes are refused`() throws {
        let sealed = Wire.seal(Self.batch(3)).bytes
        for length in sealed.indices { #expect(throws: WireError.self) { try Wire.open(Array(sealed[..<length]), inflatedBytesMax: 10_000) } }
        for offset in sealed.indices {
            for bit in 0..<8 {
                var bad = sealed
                bad[offset] ^= 1 << UInt8(bit)
                // Bits of zstd that stand for nothing leave the batch as it was; its checksum sees all others.
                let opened = try? Wire.open(bad, inflatedBytesMax: 10_000).map(\.batch)
                #expect(opened == nil || opened == [Self.batch(3)], "bit \(bit) of byte \(offset)")
            }
        }
        #expect(throws: WireError.self) { try Wire.open(sealed + [1, 2, 3], inflatedBytesMax: 10_000) }
    }

    @Test func `a newer version and other bodies are refused by name`() {
        var frame = Wire.frame(Self.batch(17))
        frame[4] = 2
        #expect(throws: WireError.newer(version: 2)) { try Wire.open(Gzip.compress(frame), inflatedBytesMax: 10_000) }
        #expect(throws: WireError.notABatch(offset: 0)) { try Wire.open(Gzip.compress(Array("{}".utf8)), inflatedBytesMax: 10_000) }
        #expect(throws: WireError.packing(.truncated)) { try Wire.open([], inflatedBytesMax: 10_000) }
        #expect(throws: WireError.self) { try Wire.open(Gzip.compress([]), inflatedBytesMax: 10_000) }
        #expect(throws: WireError.packing(.tooLarge(limit: 10))) { try Wire.open(Wire.seal(Self.batch(1)).bytes, inflatedBytesMax: 10) }
    }

    @Test func `an acknowledgement survives JSON`() {
        let acknowledgement = Acknowledgement(lanes: [.logs: 17, .alerts: 3])
        #expect(String(decoding: AcknowledgementJSON.encode(acknowledgement), as: UTF8.self) == #"{"lanes":{"alerts":3,"logs":17}}"#)
        #expect(AcknowledgementJSON.decode(AcknowledgementJSON.encode(acknowledgement)) == acknowledgement)
        #expect(AcknowledgementJSON.decode(Array(#"{"lanes":{"dreams":1,"logs":2}}"#.utf8)) == Acknowledgement(lanes: [.logs: 2]))
    }

    @Test(arguments: ["", "<html>", "{}", #"{"lanes":[]}"#, #"{"lanes":{"logs":-1}}"#, #"{"lanes":{"logs":"9"}}"#])
    func `an answer that is none acknowledges nothing`(body: String) {
        #expect(AcknowledgementJSON.decode(Array(body.utf8)) == nil)
    }
}
