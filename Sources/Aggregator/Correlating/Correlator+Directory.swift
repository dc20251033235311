import Operating
import SQLite
package import Telemetry

extension Correlator {
    /// Annotation of an alert whose host is down: this is its last known state.
    static let staleAnnotation = "stale"

    package func alerts() -> [Alert] {
        shownAlerts().map { shown in
            guard let since = shown.staleSince else { return shown.alert }
            var alert = shown.alert
            let sentence = "\(alert.labels["host"] ?? "its host") is down since \(since): this is the last known state"
            alert.annotations = alert.annotations.setting(Self.staleAnnotation, to: sentence)
            return alert
        }
    }

    package func shownAlerts() -> [ShownAlert] {
        correlation?.shown ?? []
    }

    package func incidents(_ query: IncidentQuery) throws(QueryError) -> IncidentPage {
        try reading { (store) throws(SQLiteError) in try store.incidents(query) }
    }

    package func incident(id: UUID) throws(QueryError) -> Incident? {
        try reading { (store) throws(SQLiteError) in try store.incident(id) }
    }

    private func reading<Answer>(_ body: (CorrelationStore) throws(SQLiteError) -> Answer) throws(QueryError) -> Answer {
        guard let store else { throw .failed("the state of alerts and incidents is being opened again") }
        do throws(SQLiteError) { return try body(store) } catch { throw .failed("incidents cannot be read: \(error)") }
    }

    package func hosts() -> [HostRecord] {
        guard let leases = correlation?.leases else { return [] }
        let now = time.now()
        return leases.leases.values.map { leases.record(of: $0, now: now) }.sorted { $0.host < $1.host }
    }

    package func forget(host: String, by author: String) throws(QueryError) -> Bool {
        do throws(SQLiteError) { return try takeOff(host: host, by: author) } catch {
            throw .failed("\(host) could not be taken off the list: \(error)")
        }
    }

    package func decisions(of fingerprint: UInt64, activeFrom: Timestamp, to: Timestamp) async throws(QueryError) -> [Decision] {
        guard let store else { return [] }
        do throws(SQLiteError) { return try store.decisions(of: fingerprint, activeFrom: activeFrom, to: to) } catch {
            throw .failed(error.description)
        }
    }
}
