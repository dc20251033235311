import Configuring
import JSON
import Logging
import Operating
import ServiceLifecycle
import Telemetry

/// Tells the aggregator that the agent begins, and that it stops by order, and why: then nobody is called down for it. The last word is said when no
/// room gives data any more and the shipper still works; it is on its way before the agent is gone, and if not, it is in the spool.
struct Farewell: Service {
    let spool: any Sink<Intake>
    let host: String
    let tags: [String]
    /// At the agent's last start; nil: there was none, or it did not note it.
    let lastBootID: String?
    let bootID: String
    let absence: @Sendable () async -> AgentNotice.Absence
    /// Whether the agent begins anew after this: then it is not away.
    let beginsAnew: @Sendable () -> Bool
    let time: any TimeSource
    let logger: Logger

    /// The note in the spool that holds the boot's id.
    static let bootNote = "boot"

    func run() async throws {
        var notices = [notice(AgentNotice.started, "tocsin-agent \(Version.current) started", [("version", Version.current), ("boot_id", bootID)])]
        if let lastBootID, !bootID.isEmpty, lastBootID != bootID {
            notices.append(notice(AgentNotice.booted, "\(host) was booted", [("boot_id", bootID), ("boot_id_before", lastBootID)]))
        }
        await say(Intake(notices: notices, notes: bootID.isEmpty ? [:] : [Self.bootNote: bootID]))
        // Cancelled, the agent has failed: that is no absence by order.
        do { try await gracefulShutdown() } catch { return }
        guard !beginsAnew() else { return }
        let kind = await absence()
        await say(Intake(notices: [notice(AgentNotice.stopped, "tocsin-agent stops: \(kind.words)", [("kind", kind.rawValue)])]))
    }

    private func notice(_ type: String, _ message: String, _ data: [(String, String)]) -> Event {
        var writer = JSONWriter()
        writer.beginObject()
        for (key, value) in data { writer.member(key, value) }
        writer.endObject()
        return Event(
            timestamp: time.now(),
            source: Event.ownSource,
            type: type,
            severity: .info,
            host: host,
            tags: tags,
            message: message,
            data: writer.text
        )
    }

    private func say(_ intake: Intake) async {
        do throws(SinkError) { try await spool.accept(intake) } catch {
            logger.warning("what the agent says of itself could not be stored", metadata: ["problem": "\(error)"])
        }
    }

    /// The kernel's id of this boot; empty where it is not told.
    static func currentBootID() -> String {
        guard let text = try? ConfigFile.read("/proc/sys/kernel/random/boot_id") else { return "" }
        return String(text.prefix { !$0.isNewline })
    }
}
