import Blocks
import Logging
import Operating
import Telemetry

/// What the decisions need to know of a block.
extension Correlator {
    private var patterns: PatternSearch { PatternSearch(patterns: config.incidents.patterns) }

    func facts(of block: StoredBlock) -> BlockFacts {
        let contact = Contact(
            host: block.host,
            agent: block.origin.agent,
            tags: block.tags,
            kind: block.kind,
            dataAt: block.to,
            receivedAt: block.receivedAt
        )
        var facts = BlockFacts(contact: contact, origin: block.origin, alerts: [])
        do {
            switch block.kind {
            case .alerts: facts.alerts = try AlertBlock(decoding: block.bytes).alerts
            // Few: gaps, and what the agent says about itself.
            case .events where block.origin.lane == .alerts && !block.host.isEmpty:
                facts.notices = try EventBlock(decoding: block.bytes).events().compactMap { HostNotice($0) }
            case .events, .samples: break
            }
            if !patterns.isEmpty { facts.hits = try patterns.hits(in: block) }
        } catch {
            metrics.unreadable.increment()
            logger.warning(
                "a block of alerts or events cannot be read and is passed over; agents repeat what fires",
                metadata: ["log.position": "\(block.position)", "host": "\(block.host)", "error": "\(error)"]
            )
        }
        return facts
    }
}
