import Sealing
import Synchronization
import Telemetry

/// Texts as numbers, the same number for the same text in all digests. Only grows; a cache begins a new one when it is full.
final class Names: Sendable {
    private struct State {
        var numbers: [String: UInt32] = [:]
        var texts: [String] = []
        var bytes = 0
    }

    private let state = Mutex(State())

    /// About how much memory they take.
    var bytes: Int { state.withLock(\.bytes) }
    var count: Int { state.withLock(\.texts.count) }

    /// The text's number, a new one when it has none.
    func number(of text: String) -> UInt32 {
        state.withLock { state in
            if let known = state.numbers[text] { return known }
            let number = UInt32(state.texts.count)
            state.texts.append(text)
            state.numbers[text] = number
            state.bytes += text.utf8.count + 64
            return number
        }
    }

    func numbers(of texts: [String]) -> [UInt32] { texts.map { number(of: $0) } }

    /// - Precondition: the number was given here.
    func text(_ number: UInt32) -> String { state.withLock { $0.texts[Int(number)] } }
}

/// What a sealed block says of its rows, small enough to keep for all of them: totals over a day and the decision whether a block can match need no more.
final class BlockDigest: Sendable {
    struct Tally: Sendable {
        let name: UInt32
        let count: UInt32
    }

    let sources: [Tally]
    let types: [Tally]
    let hosts: [Tally]
    /// By severity's raw value.
    let severities: [Int]

    init(_ events: SealedEvents, _ names: Names) {
        func tallies(_ values: SealedEvents.Values) -> [Tally] {
            zip(values.texts, values.counts).map { Tally(name: names.number(of: $0), count: UInt32(clamping: $1)) }
        }
        (sources, types, hosts) = (tallies(events.sources), tallies(events.types), tallies(events.hosts))
        severities = events.severityCounts
    }

    var bytes: Int { 256 + 8 * (sources.count + types.count + hosts.count) }
}

/// Digests of all sealed blocks that were looked at, and the directories of those used last. Blocks never change, so nothing here is ever wrong.
final class DirectoryCache: Sendable {
    private struct State {
        var digests: [UInt64: BlockDigest] = [:]
        var digestBytes = 0
        var names = Names()
    }

    private let state = Mutex(State())
    private let directories: RecentlyUsed<SealedEvents>
    private let digestBytesMax: Int

    init(directoryBytesMax: Int, digestBytesMax: Int) {
        (directories, self.digestBytesMax) = (RecentlyUsed(bytesMax: directoryBytesMax), digestBytesMax)
    }

    var bytesInMemory: Int { directories.bytesInMemory + state.withLock { $0.digestBytes + $0.names.bytes } }

    /// The numbers that digests speak of; one query uses the same from its beginning to its end.
    var names: Names {
        state.withLock { state in
            // Everything at once: numbers are shared by all digests.
            if state.digestBytes + state.names.bytes > digestBytesMax { (state.digests, state.digestBytes, state.names) = ([:], 0, Names()) }
            return state.names
        }
    }

    /// Reads when it is not here: from a thread that may block.
    func digest(of block: SealedBlock, _ names: Names) throws(SealedError) -> BlockDigest {
        if let known = state.withLock({ $0.names === names ? $0.digests[block.number] : nil }) { return known }
        let digest = BlockDigest(try directory(of: block), names)
        state.withLock { state in
            guard state.names === names, state.digestBytes + digest.bytes <= digestBytesMax else { return }
            if state.digests.updateValue(digest, forKey: block.number) == nil { state.digestBytes += digest.bytes }
        }
        return digest
    }

    /// Reads when it is not here: from a thread that may block.
    func directory(of block: SealedBlock) throws(SealedError) -> SealedEvents {
        if let known = directories.find(block.number) { return known }
        let fresh = try SealedEvents(block)
        directories.insert(fresh, bytes: fresh.bytesInMemory, for: block.number)
        return fresh
    }
}
