import Synchronization
import Telemetry

/// An agent's list of series as it stands in a block of samples: agents repeat theirs at each collection, so that one that was looked into need not
/// be looked into again.
struct SeriesList: Hashable, Sendable {
    /// Seeded by the process, of the list's bytes and of the host that its token is bound to: nobody can make another list that looks like a known one.
    private let digest: Int
    private let bytes: Int

    init(_ list: Span<UInt8>, host: String?) {
        var hasher = Hasher()
        hasher.combine(host)
        unsafe list.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        (digest, bytes) = (hasher.finalize(), list.count)
    }
}

/// Counts the label sets of each agent, an hour at a time.
final class SeriesCensus: Sendable {
    private struct Count {
        var since: Duration
        var fingerprints: Set<UInt64> = []
        var lists: Set<SeriesList> = []
    }

    private let seriesMax: Int
    private let agents = Mutex<[UUID: Count]>([:])

    /// How long a label set counts after it was first seen.
    static let window = Duration.seconds(3600)

    init(seriesMax: Int) { self.seriesMax = seriesMax }

    /// Whether all series of this list are counted already.
    func knows(_ list: SeriesList, of agent: UUID, at now: Duration) -> Bool {
        agents.withLock { agents in
            guard let count = agents[agent], now - count.since < Self.window else { return false }
            return count.lists.contains(list)
        }
    }

    /// False when these label sets would take the agent over its limit; none of them is counted then.
    /// - Parameters:
    ///   - series: fingerprints of label sets.
    ///   - lists: whose series are all among them.
    func admit(_ series: Set<UInt64>, _ lists: Set<SeriesList>, of agent: UUID, at now: Duration) -> Bool {
        guard !series.isEmpty || !lists.isEmpty else { return true }
        return agents.withLock { agents in
            // Taken out while it is changed: in place, the set would be copied for each block.
            var count = agents.removeValue(forKey: agent) ?? Count(since: now)
            if now - count.since >= Self.window { count = Count(since: now) }
            let new = series.subtracting(count.fingerprints)
            let isWithinLimit = count.fingerprints.count + new.count <= seriesMax
            if isWithinLimit {
                count.fingerprints.formUnion(new)
                if count.lists.count >= AdmittingLimits.censusListsMax { count.lists.removeAll() }
                count.lists.formUnion(lists)
            }
            if agents.count >= AdmittingLimits.censusAgentsMax { agents = agents.filter { now - $0.value.since < Self.window } }
            if agents.count < AdmittingLimits.censusAgentsMax { agents[agent] = count }
            return isWithinLimit
        }
    }
}
