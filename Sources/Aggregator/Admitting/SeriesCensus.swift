import Synchronization
import Telemetry

/// Counts the label sets of each agent, an hour at a time.
final class SeriesCensus: Sendable {
    private struct Count {
        var since: Duration
        var fingerprints: Set<UInt64> = []
    }

    private let seriesMax: Int
    private let agents = Mutex<[UUID: Count]>([:])

    /// How long a label set counts after it was first seen.
    static let window = Duration.seconds(3600)

    init(seriesMax: Int) { self.seriesMax = seriesMax }

    /// False when these label sets would take the agent over its limit; none of them is counted then.
    func admit(_ series: some Sequence<Labels>, of agent: UUID, at now: Duration) -> Bool {
        let fingerprints = Set(series.map(\.fingerprint))
        return agents.withLock { agents in
            // Taken out while it is changed: in place, the set would be copied for each block.
            var count = agents.removeValue(forKey: agent) ?? Count(since: now)
            if now - count.since >= Self.window { count = Count(since: now) }
            let new = fingerprints.subtracting(count.fingerprints)
            let isWithinLimit = count.fingerprints.count + new.count <= seriesMax
            if isWithinLimit { count.fingerprints.formUnion(new) }
            if agents.count >= AdmittingLimits.censusAgentsMax { agents = agents.filter { now - $0.value.since < Self.window } }
            if agents.count < AdmittingLimits.censusAgentsMax { agents[agent] = count }
            return isWithinLimit
        }
    }
}
