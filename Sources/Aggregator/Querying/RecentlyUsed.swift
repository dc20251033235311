import Sealing
import Synchronization

/// Directories of sealed blocks that were used last, by the blocks' numbers. Blocks never change, so nothing here is ever wrong.
final class RecentlyUsed<Directory: Sendable>: Sendable {
    private struct State {
        var entries: [UInt64: (directory: Directory, bytes: Int, lastUse: UInt64)] = [:]
        var bytes = 0
        var uses: UInt64 = 0
    }

    private let state = Mutex(State())
    private let bytesMax: Int

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// About how much memory they take.
    var bytesInMemory: Int { state.withLock(\.bytes) }

    func find(_ number: UInt64) -> Directory? {
        state.withLock { state in
            state.uses += 1
            state.entries[number]?.lastUse = state.uses
            return state.entries[number]?.directory
        }
    }

    /// One that takes half of all there is room for is not kept.
    func insert(_ directory: Directory, bytes: Int, for number: UInt64) {
        guard bytes < bytesMax / 2 else { return }
        state.withLock { state in
            state.uses += 1
            if state.entries.updateValue((directory, bytes, state.uses), forKey: number) == nil { state.bytes += bytes }
            guard state.bytes > bytesMax else { return }
            // A quarter at once: sorting for each block would cost more than it saves.
            for (number, entry) in state.entries.sorted(by: { $0.value.lastUse < $1.value.lastUse }) {
                guard state.bytes > bytesMax / 4 * 3 else { break }
                state.entries[number] = nil
                state.bytes -= entry.bytes
            }
        }
    }
}

/// The directories of sealed blocks of samples that were used last.
final class SealedSampleCache: Sendable {
    private let recent: RecentlyUsed<SealedSamples>

    init(bytesMax: Int) { recent = RecentlyUsed(bytesMax: bytesMax) }

    var bytesInMemory: Int { recent.bytesInMemory }

    /// Reads it when it is not here: from a thread that may block.
    func samples(of block: SealedBlock) throws(SealedError) -> SealedSamples {
        if let known = recent.find(block.number) { return known }
        let fresh = try SealedSamples(block)
        recent.insert(fresh, bytes: fresh.bytesInMemory, for: block.number)
        return fresh
    }
}
