import Correlating
import JSON
import Notifying
import Operating
import Ruling
import Serving
import Storing
import Telemetry

/// How the rooms are, for `/health` and `/api/v1/status`.
struct AggregatorHealth: Sendable {
    private let log: Log
    private let notifier: Notifier
    private let correlator: Correlator
    private let ruler: Ruler
    private let startedAt: Timestamp
    private let startedMonotonic: Duration
    private let time: any TimeSource

    /// Share of `storage.max_size` or of the disk beyond which somebody should look.
    private static let fullShare = 0.95

    init(log: Log, notifier: Notifier, correlator: Correlator, ruler: Ruler, startedAt: Timestamp, time: any TimeSource) {
        (self.log, self.notifier, self.correlator, self.ruler) = (log, notifier, correlator, ruler)
        (self.startedAt, self.time) = (startedAt, time)
        startedMonotonic = time.monotonic()
    }

    func status() async -> AggregatorStatus {
        let stored = await log.status()
        let told = await notifier.status()
        let unruled = await ruler.problems()
        return AggregatorStatus(
            version: Version.current,
            startedAt: startedAt,
            now: time.now(),
            uptime: time.monotonic() - startedMonotonic,
            health: HealthReport(components: [
                Self.storage(stored),
                await correlating(),
                HealthReport.Component(
                    name: "notifying",
                    status: told.problems.isEmpty ? .healthy : .degraded,
                    detail: told.problems.joined(separator: "; ")
                ),
                HealthReport.Component(name: "rules", status: unruled.isEmpty ? .healthy : .degraded, detail: Self.few(unruled)),
            ]),
            storage: Self.figures(stored)
        )
    }

    /// Why it cannot do its work, the dead man's switch is told: it stores nothing, decides nothing, or tells nobody. A receiver that does not answer is not
    /// among it: that is shown by ``status()``.
    func deadManProblem() async -> String? {
        if let problem = await log.status().problem { return "storage: \(problem)" }
        if let problem = await correlator.heldUp() { return "correlating: \(problem)" }
        return await notifier.stuck().map { "notifying: \($0)" }
    }

    /// Where nothing is decided, nobody is paged.
    private func correlating() async -> HealthReport.Component {
        let problem = await correlator.heldUp()
        return HealthReport.Component(name: "correlating", status: problem == nil ? .healthy : .unhealthy, detail: problem ?? "")
    }

    /// A rule of each page may fail: the first ones say what is wrong.
    private static func few(_ problems: [String]) -> String {
        problems.prefix(10).joined(separator: "; ") + (problems.count > 10 ? "; and \(problems.count - 10) more" : "")
    }

    private static func storage(_ status: LogStatus) -> HealthReport.Component {
        if let problem = status.problem { return .init(name: "storage", status: .unhealthy, detail: problem) }
        if status.setAside > 0 {
            return .init(name: "storage", status: .degraded, detail: "\(status.setAside) blocks are damaged and were set aside: check the disk")
        }
        if Double(status.usedBytes) > Double(status.maxBytes) * fullShare {
            let detail =
                "\(status.usedBytes) of \(status.maxBytes) bytes are used: the oldest data goes before its time; raise storage.retention.max_size"
            return .init(name: "storage", status: .degraded, detail: detail)
        }
        return .init(name: "storage", status: .healthy)
    }

    private static func figures(_ status: LogStatus) -> JSON {
        var members = [
            JSON.Member("position", .number("\(status.end)")), JSON.Member("used_bytes", .number("\(status.usedBytes)")),
            JSON.Member("file_bytes", .number("\(status.fileBytes)")), JSON.Member("max_bytes", .number("\(status.maxBytes)")),
            JSON.Member("waiting_requests", .number("\(status.waiting)")), JSON.Member("blocks_set_aside", .number("\(status.setAside)")),
        ]
        if let free = status.freeDiskBytes { members.append(JSON.Member("free_disk_bytes", .number("\(free)"))) }
        return .object(members)
    }
}
