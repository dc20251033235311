import Glibc
import Sealing
import Telemetry
import TestSupport
import Testing

@testable import Storing

/// The head and the parts of a segment: what a released version wrote is read for ever, and damage is never taken for content.
struct SegmentFormatTests {
    typealias F = LogFixture

    private static func fixture(_ name: String) -> String {
        #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Fixtures/log/" + name
    }

    private var row: SegmentRow {
        SegmentRow(id: 7, kind: .events, resolution: .raw, retentionClass: "audit", day: 20_758, bytes: 0, receivedAt: F.noon, level: 2)
    }

    /// A head, a note, the golden block of events, and its words.
    private func bytes() throws -> [UInt8] {
        let block: [UInt8]? = TestFiles.bytes(Self.fixture("events-v1.sealed"))
        let head = SegmentHead(row).encode()
        let note = SegmentPart.inPlace(of: [BlockPlace(segment: 3, start: 64), BlockPlace(segment: 4, start: 1 << 33)], blocks: 1)
        let filter = WordFilter(of: [1, 2, 3] as [UInt64])
        return head + note + (try #require(block)) + SegmentPart.words(of: [head.count + note.count], [filter]).bytes
    }

    private func scan(_ bytes: [UInt8]) throws -> SegmentScan {
        let file = MemoryFile()
        _ = try file.append(bytes)
        return try SegmentScan(file)
    }

    /// Groups of words have checks; the first ones had none.
    @Test(arguments: ["segment-v1.blocks", "segment-v1-checks.blocks"])
    func `a segment of version 1 is read as it was written`(name: String) throws {
        let path = Self.fixture(name)
        // Only with UPDATE_GOLDEN=1, when there is no file of this version yet.
        if unsafe getenv("UPDATE_GOLDEN") != nil, !TestFiles.exists(path) { try TestFiles.write(try bytes(), to: path) }
        let stored: [UInt8]? = TestFiles.bytes(path)
        if name == "segment-v1-checks.blocks" { #expect(try bytes() == stored) }
        let found = try scan(try #require(stored))
        #expect(found.head == SegmentHead(row) && found.unknownBytes == 0)
        #expect(found.blocks.count == 1 && found.words.count == 1)
        #expect(found.words.first?.blocks == [found.blocks[0].range.lowerBound])
        #expect(found.inPlace.first?.start == found.blocks[0].range.lowerBound)
        #expect(found.inPlace.first?.places == [BlockPlace(segment: 3, start: 64), BlockPlace(segment: 4, start: 1 << 33)])
        #expect(found.blocks[0].receivedAt != nil && !found.blocks[0].sequences.isEmpty)
    }

    @Test func `a bit that turned costs what it lies in, and what follows is found`() throws {
        let whole = try bytes()
        let ranges = try scan(whole)
        let noteStart = SegmentHead(row).encode().count
        for (offset, expected) in [(20, 0), (noteStart + 20, 1), (ranges.blocks[0].range.lowerBound + 30, 2), (whole.count - 5, 3)] {
            var damaged = whole
            damaged[offset] ^= 4
            let found = try scan(damaged)
            let there = [found.head != nil, found.inPlace.count == 1, found.blocks.count == 1, found.words.count == 1]
            #expect(there == (0..<4).map { $0 != expected }, "at byte \(offset)")
        }
    }

    @Test func `whatever bytes there are, nothing traps and nothing is invented`() throws {
        var generator = SeededGenerator(seed: 5)
        let whole = try bytes()
        for _ in 0..<200 {
            var damaged = whole
            for _ in 0..<20 { damaged[Int.random(in: 0..<damaged.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator) }
            let found = try scan(Array(damaged.prefix(Int.random(in: 0...damaged.count, using: &generator))))
            #expect(found.blocks.count <= 1 && found.words.count <= 1)
        }
    }

    @Test(arguments: [true, false])
    func `of blocks and those that take their place the rows are read once, whatever a crash left`(isWhole: Bool) throws {
        let block: [UInt8]? = TestFiles.bytes(Self.fixture("events-v1.sealed"))
        let events = try #require(block)
        let files = MemorySegments()
        let old = try files.create(SegmentRow.name(1))
        var first = row
        first.level = 0
        _ = try old.append(SegmentHead(first).encode())
        let places = [
            BlockPlace(segment: 1, start: try old.append(events).lowerBound), BlockPlace(segment: 1, start: try old.append(events).lowerBound),
        ]
        let new = try files.create(SegmentRow.name(2))
        _ = try new.append(SegmentHead(row).encode())
        _ = try new.append(SegmentPart.inPlace(of: places, blocks: 1))
        _ = try new.append(isWhole ? events : Array(events.dropLast(3)))
        let found = try DirectoryRebuild(files, classes: [], now: F.noon)
        #expect(found.segments.map(\.id) == (isWhole ? [2] : [1, 2]))
        #expect(found.sealed.map(\.segment) == (isWhole ? [2] : [1, 1]))
        #expect(found.segments.allSatisfy { $0.retentionClass == "audit" && $0.day == 20_758 })
    }
}
