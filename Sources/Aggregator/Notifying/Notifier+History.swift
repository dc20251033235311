import Operating
import SQLite
package import Telemetry

/// Past alerts, and who takes care of present ones.
extension Notifier: AlertHistory {
    package func episodes(_ query: EpisodeQuery) async throws(QueryError) -> [AlertEpisode] {
        try await reading { (tables) throws(SQLiteError) in try tables.episodes(query) }
    }

    package func episodes(fingerprints: ClosedRange<UInt64>, limit: Int) async throws(QueryError) -> [AlertEpisode] {
        try await reading { (tables) throws(SQLiteError) in try tables.episodes(fingerprints: fingerprints, limit: limit) }
    }

    package func decisions(of fingerprint: UInt64, activeFrom: Timestamp, to: Timestamp) async throws(QueryError) -> [Decision] {
        try await reading { (tables) throws(SQLiteError) in try tables.decisions(of: fingerprint, activeFrom: activeFrom, to: to) }
    }

    package func noise(from start: Timestamp, to end: Timestamp) async throws(QueryError) -> [RuleNoise] {
        try await reading { (tables) throws(SQLiteError) in try tables.noise(from: start, to: end) }
    }

    package func notifications(_ query: NotificationQuery) async throws(QueryError) -> [(ordinal: Int64, record: NotificationRecord)] {
        try await reading { (tables) throws(SQLiteError) in try tables.notifications(query) }
    }

    package func acknowledgements() async -> [UInt64: AlertAcknowledgement] { dispatcher.acknowledged }

    package func acknowledge(_ fingerprints: [UInt64], _ acknowledgement: AlertAcknowledgement) async throws(QueryError) -> Int {
        let now = time.now()
        return try changing { dispatcher in dispatcher.acknowledge(fingerprints, acknowledgement, at: now) }
    }

    package func unacknowledge(_ fingerprint: UInt64, by: String) async throws(QueryError) -> Bool {
        let now = time.now()
        return try changing { dispatcher in dispatcher.unacknowledge(fingerprint, by: by, at: now) }
    }

    package func linked(by token: String) async throws(QueryError) -> LinkedAlerts {
        let now = time.now()
        let (id, end): (UUID, Timestamp)
        do throws(AcknowledgeLinks.Refusal) { (id, end) = try links.delivery(of: token, at: now) } catch {
            switch error {
            case .unknown: throw .invalid("It is not one of this aggregator's, or not all of it was copied.")
            case .expired(let moment): throw .invalid("It counted until \(moment). Look at the list of alerts, or ask on the command line.")
            }
        }
        let found = try await reading { (tables) throws(SQLiteError) in (try tables.episodes(ofDelivery: id), try tables.receiver(ofDelivery: id)) }
        guard let receiver = found.1 else { throw .invalid("Its message is older than what is kept.") }
        return LinkedAlerts(alerts: found.0, receiver: receiver, expiresAt: end)
    }

    package func onCall(turns: Int) async -> [OnCallRecord] {
        let now = time.now()
        return config.onCall.map { OnCallRecord(name: $0.name, timeZone: $0.zone.name, turns: $0.turns(from: now, count: turns)) }
    }

    /// On a connection of its own; a store in memory has but one.
    private func reading<Result: Sendable>(_ body: @Sendable (HistoryTables) throws(SQLiteError) -> Result) async throws(QueryError) -> Result {
        guard let store else { throw .failed("the notifications' file is not open: \(problem ?? "the aggregator starts")") }
        guard let past else {
            do throws(SQLiteError) { return try body(HistoryTables(connection: store.connection)) } catch { throw .failed(error.description) }
        }
        return try await past.read(body)
    }
}
