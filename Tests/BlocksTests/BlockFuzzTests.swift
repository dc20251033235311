import Telemetry
import TestSupport
import Testing

@testable import Blocks

/// Damaged blocks under a right checksum and with their true length: refused, or other rows, never a trap.
struct BlockFuzzTests {
    @Test func `blocks of anything are refused or read`() throws {
        var fuzzer = Fuzzer(HostileBlockTests.blocks, seed: 21)
        try fuzzer.run(rounds: Fuzzer.rounds * 4) { bytes in
            var signed = bytes
            if signed.count >= BlockFormat.headerBytes {
                for index in 0..<4 { signed[16 + index] = UInt8(truncatingIfNeeded: signed.count >> (8 * index)) }
                let sum = BlockFormat.checksum(of: signed.span)
                for index in 0..<8 { signed[8 + index] = UInt8(truncatingIfNeeded: sum >> UInt64(8 * index)) }
            }
            for bytes in [bytes, signed] {
                guard let header = try? BlockHeader(decoding: bytes) else { continue }
                switch header.kind {
                case .events: _ = try? EventBlock(decoding: bytes).events()
                case .samples:
                    _ = try? SampleBlock(decoding: bytes).samples()
                    try? SampleColumns(decoding: bytes).visitSeries { _, _ in }
                case .alerts: _ = try? AlertBlock(decoding: bytes).alerts
                }
            }
        }
    }
}
