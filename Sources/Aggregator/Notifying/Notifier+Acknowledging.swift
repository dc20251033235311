import Logging
import Operating
import SQLite
import Telemetry

/// Changes that people make to what is decided: on disk when they are answered.
extension Notifier {
    /// Runs `change` on what is decided, and writes what follows.
    func changing<Result>(_ change: (inout Dispatcher) -> Result) throws(QueryError) -> Result {
        let store: NotificationStore
        do throws(SinkError) { store = try opened() } catch { throw .failed(error.description) }
        let result = change(&dispatcher)
        do throws(SQLiteError) {
            let now = time.now()
            try commit([], dispatcher.flush(at: now, pending: outbox.pending), to: store, at: now)
        } catch {
            closeStore(error)
            throw .failed(error.description)
        }
        wake.continuation.yield()
        return result
    }

    /// The notification with its link. The same at each attempt: its end is counted from when the notification was made.
    func linking(_ notification: Notification, id: UUID, at made: Timestamp) -> Notification {
        let lifetime = config.acknowledge.linkLifetime
        guard lifetime > .zero, notification.status == "firing", notification.acknowledgement == nil else { return notification }
        var linked = notification
        linked.acknowledgeURL = "\(externalURL)/acknowledge/\(links.token(for: id, until: made.advanced(by: lifetime)))"
        return linked
    }

    static func links(beside path: String, logger: Logger) -> AcknowledgeLinks {
        guard path.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return AcknowledgeLinks(key: AcknowledgeLinks.randomKey()) }
        let file = path[...slash] + "acknowledge.key"
        if let key = AcknowledgeLinks.key(at: String(file)) { return AcknowledgeLinks(key: key) }
        logger.warning("the key of the links in messages can be neither read nor written: they count until a restart", metadata: ["file": "\(file)"])
        return AcknowledgeLinks(key: AcknowledgeLinks.randomKey())
    }
}
