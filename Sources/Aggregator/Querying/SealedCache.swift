import Sealing
import Synchronization
import Telemetry

/// How many rows of a sealed block have which value, as numbers: statistics add them up without a text.
struct SealedSummary: Sendable {
    /// A value's number (``ValueNumbers``) and its rows, by number.
    typealias Counts = [(number: Int32, rows: Int32)]

    let count: Int
    let severities: [Int]
    let sources: Counts
    let types: Counts
    let hosts: Counts

    static func holds(_ number: Int32, _ counts: Counts) -> Bool {
        var (low, high) = (0, counts.count)
        while low < high {
            let middle = (low + high) / 2
            if counts[middle].number < number { low = middle + 1 } else { high = middle }
        }
        return low < counts.count && counts[low].number == number
    }

    var bytes: Int { 128 + 8 * (sources.count + types.count + hosts.count) }
}

/// Texts as numbers, for the whole life of the process; there are as many as the log has different sources, types and hosts.
final class ValueNumbers: Sendable {
    private struct State {
        var numbers: [String: Int32] = [:]
        var texts: [String] = []
    }

    private let state = Mutex(State())

    func number(of text: String) -> Int32? { state.withLock { $0.numbers[text] } }
    func texts(of numbers: some Sequence<Int>) -> [String] { state.withLock { state in numbers.map { state.texts[$0] } } }
    var count: Int { state.withLock { $0.texts.count } }

    func counts(_ values: SealedEvents.Values) -> SealedSummary.Counts {
        state.withLock { state in
            var counts: SealedSummary.Counts = []
            counts.reserveCapacity(values.texts.count)
            for (text, rows) in zip(values.texts, values.counts) {
                let number = state.numbers[text] ?? Int32(state.texts.count)
                if Int(number) == state.texts.count {
                    state.numbers[text] = number
                    state.texts.append(text)
                }
                counts.append((number, Int32(clamping: rows)))
            }
            return counts.sorted { $0.number < $1.number }
        }
    }
}

/// Directories of sealed blocks that were read: all summaries that fit, and the directories used last. Sealed blocks never change, so nothing here is ever wrong.
final class SealedCache: Sendable {
    private struct State {
        var summaries: [UInt64: SealedSummary] = [:]
        var summaryBytes = 0
        var opened: [UInt64: (events: SealedEvents, lastUse: UInt64)] = [:]
        var openedBytes = 0
        var uses: UInt64 = 0
    }

    let numbers = ValueNumbers()
    private let state = Mutex(State())
    private let bytesMax: Int

    /// - Parameter bytesMax: of which half is for summaries.
    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Reads: from a thread that may block.
    func events(_ block: SealedBlock) throws(SealedError) -> SealedEvents {
        let known = state.withLock { state in
            state.uses += 1
            state.opened[block.number]?.lastUse = state.uses
            return state.opened[block.number]?.events
        }
        if let known { return known }
        let events = try SealedEvents(block)
        let summary = SealedSummary(
            count: events.count,
            severities: events.severityCounts,
            sources: numbers.counts(events.sources),
            types: numbers.counts(events.types),
            hosts: numbers.counts(events.hosts)
        )
        state.withLock { state in
            if state.opened.updateValue((events, state.uses), forKey: block.number) == nil { state.openedBytes += events.bytesInMemory }
            if state.summaries.updateValue(summary, forKey: block.number) == nil { state.summaryBytes += summary.bytes }
            // A quarter at once: sorting for each block would cost more than it saves.
            if state.openedBytes > bytesMax / 2 {
                for (number, entry) in state.opened.sorted(by: { $0.value.lastUse < $1.value.lastUse }) where state.openedBytes > bytesMax / 8 * 3 {
                    state.opened[number] = nil
                    state.openedBytes -= entry.events.bytesInMemory
                }
            }
            if state.summaryBytes > bytesMax / 2 {
                for number in state.summaries.keys.sorted() where state.summaryBytes > bytesMax / 8 * 3 {
                    state.summaryBytes -= state.summaries.removeValue(forKey: number)?.bytes ?? 0
                }
            }
        }
        return events
    }

    /// Reads the directory when it is not known.
    func summary(_ block: SealedBlock) throws(SealedError) -> SealedSummary {
        if let known = state.withLock({ $0.summaries[block.number] }) { return known }
        let events = try events(block)
        return SealedSummary(
            count: events.count,
            severities: events.severityCounts,
            sources: numbers.counts(events.sources),
            types: numbers.counts(events.types),
            hosts: numbers.counts(events.hosts)
        )
    }
}
