import Sealing
import Synchronization

/// The directories of sealed blocks of samples that were used last. Blocks never change, so nothing here is ever wrong.
final class SealedSampleCache: Sendable {
    private struct State {
        var blocks: [UInt64: (samples: SealedSamples, lastUse: UInt64)] = [:]
        var bytes = 0
        var uses: UInt64 = 0
    }

    private let state = Mutex(State())
    private let bytesMax: Int

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    var bytesInMemory: Int { state.withLock(\.bytes) }

    /// Reads it when it is not here: from a thread that may block.
    func samples(of block: SealedBlock) throws(SealedError) -> SealedSamples {
        let known = state.withLock { state in
            state.uses += 1
            state.blocks[block.number]?.lastUse = state.uses
            return state.blocks[block.number]?.samples
        }
        if let known { return known }
        let fresh = try SealedSamples(block)
        insert(fresh)
        return fresh
    }

    private func insert(_ samples: SealedSamples) {
        guard samples.bytesInMemory < bytesMax / 2 else { return }
        state.withLock { state in
            state.uses += 1
            if state.blocks.updateValue((samples, state.uses), forKey: samples.block.number) == nil { state.bytes += samples.bytesInMemory }
            guard state.bytes > bytesMax else { return }
            // A quarter at once: sorting for each block would cost more than it saves.
            for (number, entry) in state.blocks.sorted(by: { $0.value.lastUse < $1.value.lastUse }) {
                guard state.bytes > bytesMax / 4 * 3 else { break }
                state.blocks[number] = nil
                state.bytes -= entry.samples.bytesInMemory
            }
        }
    }
}
