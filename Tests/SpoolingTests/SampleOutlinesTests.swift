import Blocks
import Telemetry
import Testing
import Wire

@testable import Spooling

struct SampleOutlinesTests {
    private static func collection(_ names: [String], round: Int) -> [Sample] {
        let time = Timestamp(nanoseconds: Int64(round) * 10_000_000_000)
        return names.enumerated().map { Sample($1, [Label("host", "web-1")], at: time, Double(round * $0)) }
    }

    private static let stable = (0..<200).map { "m\($0)" }

    /// Which rows stood in which block, after it was checked that they hold all samples, in their order.
    private func split(_ outlines: SampleOutlines, _ names: [String], round: Int) throws -> [Range<Int>] {
        let samples = Self.collection(names, round: round)
        let blocks = outlines.encode(samples)
        #expect(try blocks.flatMap { try SampleBlock(decoding: $0.block).samples() } == samples)
        for part in blocks { #expect(part.block == SampleBlock.encode(Array(samples[part.rows]))) }
        let batch = Batch(
            identity: HostIdentity(agent: UUID(high: 1, low: 2), host: "web-1", tags: ["a"]),
            lane: .metrics,
            sequence: UInt64(round),
            createdAt: Timestamp(nanoseconds: 5),
            blocks: blocks.map(\.block)
        )
        let packed = blocks.indices.reduce(into: [:]) { $0[$1] = blocks[$1].packed }
        let sealed = Wire.seal(batch, packed: packed)
        #expect(try Wire.open(sealed.bytes, inflatedBytesMax: 1 << 24).map(\.batch) == [batch])
        // Frames have heads of their own, and find no matches in each other: at most a quarter, here where the names make up most of it.
        #expect(sealed.bytes.count * 4 < Wire.seal(batch).bytes.count * 5)
        return blocks.map(\.rows)
    }

    @Test func `what comes and goes behind the others gets a block of its own`() throws {
        let outlines = SampleOutlines()
        func names(_ pids: [Int]) -> [String] { Self.stable + pids.map { "p\($0)" } }
        #expect(try split(outlines, names([1, 2, 3]), round: 1) == [0..<203])
        #expect(try split(outlines, names([1, 2, 3]), round: 2) == [0..<203])
        #expect(try split(outlines, names([1, 4]), round: 3) == [0..<201, 201..<202])
        #expect(try split(outlines, names([5]), round: 4) == [0..<200, 200..<201])
        #expect(try split(outlines, names([5, 6]), round: 5) == [0..<200, 200..<202])
        #expect(try split(outlines, names([5, 6]), round: 6) == [0..<200, 200..<202])
        #expect(try split(outlines, names([]), round: 7) == [0..<200])
        #expect(try split(outlines, names([7]), round: 8) == [0..<200, 200..<201])
    }

    @Test func `a device that goes divides the block once, and what stays behind it joins again`() throws {
        let outlines = SampleOutlines()
        let without = Array(Self.stable[..<120] + Self.stable[121...])
        #expect(try split(outlines, Self.stable, round: 1) == [0..<200])
        #expect(try split(outlines, without, round: 2) == [0..<120, 120..<199])
        #expect(try split(outlines, without, round: 3) == [0..<120, 120..<199])
        #expect(try split(outlines, without + ["p1"], round: 4) == [0..<199, 199..<200])
        // At the front: hardly anything is where it was.
        #expect(try split(outlines, Array(without.dropFirst()), round: 5) == [0..<198])
    }

    @Test func `a few samples leave what is known of collections alone`() throws {
        let outlines = SampleOutlines()
        _ = try split(outlines, Self.stable + ["p1"], round: 1)
        _ = try split(outlines, Self.stable + ["p2"], round: 2)
        #expect(try split(outlines, ["matches"], round: 3) == [0..<1])
        #expect(try split(outlines, Self.stable + ["p3"], round: 4) == [0..<200, 200..<201])
    }
}
