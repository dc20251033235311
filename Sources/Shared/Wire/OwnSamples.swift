import Blocks
package import Telemetry

/// Series that the aggregator itself writes into the log: counts of events, recorded series. They stand under an identifier of their own, as an
/// agent's would, so that retention, roll-ups and queries know no difference; they belong to no host.
///
/// Who writes keeps no sequence: the log knows it. Samples that were appended when the aggregator died are there, those that were not are the writer's to make
/// again, at a later moment.
package actor OwnSamples {
    /// One identifier a writer. They stand in logs: never change one.
    package enum Writer: UInt64, Sendable {
        case counting = 1
        case ruling = 2

        var agent: UUID { UUID(high: 0x746F_6373_696E_8000, low: 0x8000_0000_0000_0000 | rawValue) }
    }

    private let log: any LogWriter
    private let identity: HostIdentity
    /// The last sequence that the log has; nil: to be asked.
    private var sequence: UInt64?

    /// How often a sequence is tried that turns out to be taken, before the log is to blame.
    private static let attemptsMax = 5

    package init(into log: any LogWriter, as writer: Writer) {
        (self.log, identity) = (log, HostIdentity(agent: writer.agent, host: ""))
    }

    /// Returns when they are on disk and queries see them.
    package func append(_ samples: [Sample], receivedAt now: Timestamp) async throws(LogError) {
        var rest = samples[...]
        while !rest.isEmpty {
            try await appendBlock(Array(rest.prefix(BlockFormat.rowsMax)), now)
            rest = rest.dropFirst(BlockFormat.rowsMax)
        }
    }

    private func appendBlock(_ samples: [Sample], _ now: Timestamp) async throws(LogError) {
        let bytes = SampleBlock.encode(samples)
        let times = samples.map(\.timestamp)
        let block = AdmittedBlock(kind: .samples, bytes: bytes, count: samples.count, from: times.min() ?? now, to: times.max() ?? now)
        let checksum = Checksum.xxh64(bytes.span)
        for _ in 0..<Self.attemptsMax {
            let next = try await nextSequence()
            let origin = AdmittedBatch.Origin.agent(identity, lane: .metrics, sequence: next, checksum: checksum)
            switch try await log.append(AdmittedBatch(origin: origin, receivedAt: now, blocks: [block])) {
            case .stored: return
            // Taken meanwhile, or the log was replaced by an older one: it knows where it stands.
            case .repeated, .conflict, .outOfOrder: sequence = nil
            }
        }
        throw .failed("the aggregator's own samples find no place in the log: does a second aggregator write to it?")
    }

    private func nextSequence() async throws(LogError) -> UInt64 {
        if sequence == nil { sequence = try await log.watermarks(of: identity.agent).lanes[.metrics] ?? 0 }
        let next = (sequence ?? 0) + 1
        sequence = next
        return next
    }
}
