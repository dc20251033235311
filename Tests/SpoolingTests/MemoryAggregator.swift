import Blocks
import Spooling
import Telemetry
import Wire

/// An aggregator as the log keeps its books: a watermark per agent and lane, and the checksum of each sequence. It counts what it stored.
final class MemoryAggregator {
    enum Answer { case acknowledged(Acknowledgement), conflict, refused }

    private struct LaneID: Hashable {
        var agent: UUID
        var lane: Lane
    }

    private var watermarks: [LaneID: UInt64] = [:]
    private var checksums: [LaneID: [UInt64: UInt64]] = [:]
    /// How often each message was stored.
    private(set) var messages: [String: Int] = [:]
    private(set) var samples = 0
    /// What gaps of the logs' and metrics' lanes count.
    private(set) var inGaps: [String: UInt64] = [:]
    private(set) var gapReasons: [String: Int] = [:]
    private(set) var agents: Set<UUID> = []
    private(set) var saysPositionsAreLost = false

    func take(_ batch: SealedBatch) -> Answer {
        guard let received = (try? Wire.open(batch.bytes, inflatedBytesMax: 64 << 20))?.first else { return .refused }
        let (batch, id) = (received.batch, LaneID(agent: received.batch.identity.agent, lane: received.batch.lane))
        let contents = batch.blocks.map { (try? EventBlock(decoding: $0), try? SampleBlock(decoding: $0), try? AlertBlock(decoding: $0)) }
        guard contents.allSatisfy({ $0.0 != nil || $0.1 != nil || $0.2 != nil }) else { return .refused }
        if let watermark = watermarks[id] {
            if batch.sequence <= watermark {
                if let known = checksums[id]?[batch.sequence], known != received.checksum { return .conflict }
                return acknowledged(id.agent)
            }
            guard batch.sequence == watermark + 1 else { return acknowledged(id.agent) }
        }
        watermarks[id] = batch.sequence
        checksums[id, default: [:]][batch.sequence] = received.checksum
        agents.insert(id.agent)
        for (events, samples, _) in contents {
            self.samples += samples?.count ?? 0
            for event in events?.events() ?? [] { count(event) }
        }
        return acknowledged(id.agent)
    }

    private func count(_ event: Event) {
        guard event.type == Gap.eventType else {
            messages[event.message ?? "", default: 0] += 1
            return
        }
        func member(_ name: String) -> Substring {
            guard let start = event.data.firstRange(of: "\"\(name)\":") else { return "" }
            return event.data[start.upperBound...].drop { $0 == "\"" }.prefix { $0 != "," && $0 != "\"" && $0 != "}" }
        }
        inGaps[String(member("source")), default: 0] += UInt64(member("count")) ?? 0
        gapReasons[String(member("reason")), default: 0] += 1
        if event.message?.firstRange(of: "read positions") != nil { saysPositionsAreLost = true }
    }

    private func acknowledged(_ agent: UUID) -> Answer {
        var lanes: [Lane: UInt64] = [:]
        for (id, watermark) in watermarks where id.agent == agent { lanes[id.lane] = watermark }
        return .acknowledged(Acknowledgement(lanes: lanes))
    }

    /// A message that is not one of those counted.
    func forget(_ message: String) { messages[message] = nil }

    var duplicates: Int { messages.values.reduce(0) { $0 + $1 - 1 } }

    /// Sends what the spool lends, one batch a POST, as the shipper does after a conflict. Returns false when nothing was left.
    /// - Parameter loses: whether this answer gets lost on its way back.
    func receive(from spool: Spool, loses: Bool = false) async throws -> Bool {
        guard let lease = try await spool.lease(upToBytes: 1) else { return false }
        let (batch, agent) = (lease.batches[0], lease.agent)
        let answer = take(batch)
        if loses { return true }
        switch answer {
        case .acknowledged(let acknowledgement):
            try await spool.acknowledge(Acknowledgement(lanes: acknowledgement.lanes.filter { $0.key == batch.lane }), of: agent)
        case .conflict: _ = try await spool.resolveConflict(over: batch, of: agent, reason: "409")
        case .refused: try await spool.setAside(batch, of: agent, reason: "400")
        }
        return true
    }
}

extension String {
    /// The standard library alone has no search for strings.
    func firstRange(of text: String) -> Range<Index>? {
        let (whole, part) = (Array(utf8), Array(text.utf8))
        guard whole.count >= part.count, !part.isEmpty else { return nil }
        for start in 0...(whole.count - part.count) where whole[start..<(start + part.count)].elementsEqual(part) {
            return utf8.index(startIndex, offsetBy: start)..<utf8.index(startIndex, offsetBy: start + part.count)
        }
        return nil
    }
}
