import Blocks
import Telemetry
import TestSupport
import Testing

@testable import Wire

/// Damaged bodies of agents, also under a right checksum: refused with a reason, or other batches, never a trap.
struct WireFuzzTests {
    private static let frames = [Wire.frame(WireTests.batch(17)), Wire.frame(WireTests.batch(1, lane: .metrics)) + Wire.frame(WireTests.batch(2))]

    @Test func `frames of anything are refused or opened`() throws {
        var fuzzer = Fuzzer(Self.frames, seed: 11)
        try fuzzer.run(rounds: Fuzzer.rounds * 4) { bytes in
            var signed = bytes
            // Whoever writes hostile bytes signs them too.
            if signed.count >= 20 {
                signed.put(UInt64(signed.count), width: 4, at: 16)
                signed.put(Wire.checksum(of: signed.span, at: 0, end: signed.count), width: 8, at: 8)
            }
            for bytes in [bytes, signed] {
                guard let batches = try? Wire.open(frames: bytes, count: bytes.count) else { continue }
                for batch in batches { for block in batch.batch.blocks { _ = try? BlockHeader(decoding: block) } }
            }
        }
    }

    @Test func `packed bodies of anything are refused or opened`() throws {
        var fuzzer = Fuzzer(Self.frames.flatMap { [Gzip.compress($0), Zstd.frame($0)] }, seed: 12)
        try fuzzer.run { bytes in _ = try? Wire.open(bytes, inflatedBytesMax: 100_000) }
    }
}
