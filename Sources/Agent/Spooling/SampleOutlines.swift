import Blocks
import Synchronization
import Telemetry
import Wire

/// Encodes collections one after the other: what the last one's blocks said of their series is taken again. The series that stay come first, a block of their
/// own; what comes and goes behind them (the largest processes) is in another, so that little has to be encoded anew.
///
/// Givers encode at the same time: who comes while another has it does without.
final class SampleOutlines: Sendable {
    private struct State {
        var stable: SampleOutline?
        var rest: SampleOutline?
    }

    private let last = Mutex(State())

    /// Some of the samples as a block.
    struct Part {
        let block: [UInt8]
        let rows: Range<Int>
        /// What of it was packed with a block before.
        var packed: PackedPart?
    }

    /// One block or two.
    func encode(_ samples: [Sample]) -> [Part] {
        // A few samples come with a line that matched; the next collection is not of them.
        guard samples.count >= SpoolLimits.outlinedSamplesMin else { return [Part(block: SampleBlock.encode(samples), rows: samples.indices)] }
        var state = last.withLock { state in
            defer { state = State() }
            return state
        }
        defer { last.withLock { $0 = state } }
        return Self.encode(samples, &state)
    }

    private static func encode(_ samples: [Sample], _ state: inout State) -> [Part] {
        guard let stable = state.stable else { return begin(samples, through: samples.count, &state) }
        let agreed = stable.agreement(with: samples[...])
        guard agreed == stable.count else {
            // One of the stable ones has gone, or another came between them: those before it still are, if they are many.
            return begin(samples, through: agreed > samples.count / 2 ? agreed : samples.count, &state)
        }
        let packed = state.stable?.packed { Wire.pack($0) }
        let first = Part(block: stable.encode(samples[..<agreed]), rows: 0..<agreed, packed: packed)
        guard agreed < samples.count else { return [first] }
        let tail = samples[agreed...]
        if let rest = state.rest {
            let more = rest.agreement(with: tail)
            if more == rest.count, more == tail.count { return [first, Part(block: rest.encode(tail), rows: tail.indices)] }
            // They have stayed as well.
            if more >= SpoolLimits.outlinedSamplesMin { return begin(samples, through: agreed + more, &state) }
        }
        let (block, rest) = SampleOutline.make(tail)
        state.rest = rest
        return [first, Part(block: block, rows: tail.indices)]
    }

    private static func begin(_ samples: [Sample], through end: Int, _ state: inout State) -> [Part] {
        let (block, stable) = SampleOutline.make(samples[..<end])
        state = State(stable: stable)
        guard end < samples.count else { return [Part(block: block, rows: 0..<end)] }
        let (more, rest) = SampleOutline.make(samples[end...])
        state.rest = rest
        return [Part(block: block, rows: 0..<end), Part(block: more, rows: end..<samples.count)]
    }
}
