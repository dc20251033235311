import Operating
import Sealing
import Telemetry

/// Brings small sealed blocks of events and alerts together, on a thread of its own: it reads, computes and allocates, while sealing goes on.
actor BlockMerging {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// What came of it.
    struct Merged: Sendable {
        /// Empty when an input was damaged.
        var outputs: [SealedOutput] = []
        var damaged: [(block: SealedBlock, detail: String)] = []
    }

    /// - Parameter blocks: of one kind, in the order of the log. Each row keeps its position and its row there, so cursors and derived ids hold.
    func merge(_ blocks: [SealedBlock], kind: BlockKind) throws(LogError) -> Merged {
        var merged = Merged()
        var events = EventSealer()
        var alerts: [StoredBlock] = []
        for block in blocks {
            do throws(SealedError) {
                switch kind {
                case .events:
                    if events.isFull || events.count + block.count > EventSealer.rowsMax {
                        if let output = events.finish() { merged.outputs.append(output) }
                        events = EventSealer()
                    }
                    try events.append(SealedEvents(block))
                case .alerts:
                    if alerts.reduce(0, { $0 + $1.bytes.count }) > CompactionPlan.smallBytes {
                        if let output = PlainSealer.seal(alerts, kind: kind) { merged.outputs.append(output) }
                        alerts = []
                    }
                    alerts += try PlainSealer.arrivals(block)
                case .samples: preconditionFailure("samples are merged by series")
                }
            } catch {
                switch error {
                case .damaged(let detail): merged.damaged.append((block, detail))
                case .read(let error): throw error
                }
            }
        }
        // What is damaged stays where it is until its retention is over, and so does what lies beside it.
        guard merged.damaged.isEmpty else { return Merged(damaged: merged.damaged) }
        if let output = kind == .alerts ? PlainSealer.seal(alerts, kind: kind) : events.finish() { merged.outputs.append(output) }
        return merged
    }
}
