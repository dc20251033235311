import Synchronization
import Telemetry

extension FakeRooms {
    func decisions(of fingerprint: UInt64, activeFrom: Timestamp, to: Timestamp) async throws(QueryError) -> [Decision] {
        state.withLock { $0.decisions }.of(fingerprint, activeFrom: activeFrom, to: to)
    }

    func episodes(_ query: EpisodeQuery) async throws(QueryError) -> [AlertEpisode] {
        state.withLock { state in
            state.episodeQueries.append(query)
            return Array(state.episodes.prefix(query.limit))
        }
    }

    func episodes(fingerprints: ClosedRange<UInt64>, limit: Int) async throws(QueryError) -> [AlertEpisode] {
        state.withLock { state in Array(state.episodes.filter { fingerprints.contains($0.alert.fingerprint) }.prefix(limit)) }
    }

    func notifications(_ query: NotificationQuery) async throws(QueryError) -> [(ordinal: Int64, record: NotificationRecord)] {
        state.withLock { state in
            state.notificationQueries.append(query)
            let found = state.notifications.filter { query.state == nil || $0.state == query.state }
            return found.prefix(query.limit).enumerated().map { (Int64(100 - $0.offset), $0.element) }
        }
    }

    func noise(from start: Timestamp, to end: Timestamp) async throws(QueryError) -> [RuleNoise] { state.withLock { $0.noise } }

    func acknowledgements() async -> [UInt64: AlertAcknowledgement] { state.withLock { $0.acknowledgements } }

    func acknowledge(_ fingerprints: [UInt64], _ acknowledgement: AlertAcknowledgement) async throws(QueryError) -> Int {
        state.withLock { state in
            let firing = Set(state.alerts.filter { $0.state == .firing }.map(\.fingerprint)).intersection(fingerprints)
            for fingerprint in firing { state.acknowledgements[fingerprint] = acknowledgement }
            return firing.count
        }
    }

    func unacknowledge(_ fingerprint: UInt64, by: String) async throws(QueryError) -> Bool {
        state.withLock { $0.acknowledgements.removeValue(forKey: fingerprint) != nil }
    }

    func linked(by token: String) async throws(QueryError) -> LinkedAlerts {
        guard let linked = state.withLock({ $0.links[token] }) else { throw .invalid("It is not one of ours.") }
        return linked
    }

    func onCall(turns: Int) async -> [OnCallRecord] { state.withLock { $0.onCall } }
}

/// The room that decides on the state of alerts.
struct FakeCorrelating: DecisionDirectory {
    let rooms: FakeRooms

    func decisions(of fingerprint: UInt64, activeFrom: Timestamp, to: Timestamp) async throws(QueryError) -> [Decision] {
        rooms.state.withLock { $0.correlated }.of(fingerprint, activeFrom: activeFrom, to: to)
    }
}

extension [Decision] {
    fileprivate func of(_ fingerprint: UInt64, activeFrom: Timestamp, to: Timestamp) -> [Decision] {
        filter { decision in
            guard case .alert(let key) = decision.subject else { return true }
            return key.fingerprint == fingerprint && key.activeAt >= activeFrom && key.activeAt <= to
        }
    }
}
