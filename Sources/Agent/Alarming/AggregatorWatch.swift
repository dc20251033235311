import JSON
import Telemetry

/// `local_receivers.watch_aggregator`: this agent looks after the aggregator, and local receivers are told when it is away or unwell for a while. Pure.
///
/// It is an alert like any other, `AggregatorUnreachable`, but of this room: the judge knows nothing of it, and the aggregator learns of it, when it
/// is back, as of one that was told here.
struct AggregatorWatch: Sendable {
    static let alertName = "AggregatorUnreachable"
    /// The room's second note in the spool.
    static let note = "alarming-watch"

    private var failingSince: Duration?
    private var beganAt: Timestamp?
    private(set) var alert: Alert?
    private var repeatedAt: Duration?

    /// - Parameters:
    ///   - problem: what is wrong with the aggregator; nil: nothing.
    ///   - now: by the clock that does not jump; `wall`: by the other one.
    /// - Returns: the alert, when it begins to fire or ends.
    mutating func look(_ problem: String?, of url: String, after: Duration, host: String, now: Duration, wall: Timestamp) -> Alert? {
        guard let problem else {
            (failingSince, beganAt) = (nil, nil)
            guard var ended = alert else { return nil }
            alert = nil
            (ended.state, ended.endsAt, ended.updatedAt) = (.resolved, max(wall, ended.startsAt), wall)
            ended.annotations = ended.annotations.setting("summary", to: "the aggregator \(url) takes data and is well again")
            return ended
        }
        if failingSince == nil { (failingSince, beganAt) = (now, wall) }
        guard alert == nil, let failingSince, now - failingSince >= after else { return nil }
        let seconds = Int((now - failingSince).inSeconds)
        alert = Alert(
            labels: [
                "alertname": Self.alertName, "host": host, "instance": host, "job": "tocsin", "severity": "critical", "aggregator": url,
            ],
            annotations: [
                "summary": "the aggregator \(url) is not there for \(host): \(problem)",
                "description": """
                For \(seconds) s: \(problem). While it lasts nobody is paged for any host but by the hosts' own local receivers. On the aggregator: \
                `systemctl status tocsin-aggregator`, the disk, the network between. \(host) keeps in its spool what it collects.
                """,
            ],
            state: .firing,
            activeAt: beganAt ?? wall,
            startsAt: wall,
            value: Double(seconds),
            updatedAt: wall,
            expression: "seconds without the aggregator >= \(Int(after.inSeconds))"
        )
        repeatedAt = now
        return alert
    }

    /// The alert, as often as agents repeat what fires; nil: not now.
    mutating func repeated(now: Duration, wall: Timestamp) -> Alert? {
        guard alert != nil, repeatedAt.map({ now - $0 >= AlarmLimits.repeatInterval }) ?? true else { return nil }
        repeatedAt = now
        alert?.updatedAt = wall
        return alert
    }

    // MARK: Through a restart

    init() {}

    /// Of an alert that fires; empty: of none.
    var noteText: String {
        guard let alert else { return "" }
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("active_at", alert.activeAt.nanoseconds)
        writer.member("starts_at", alert.startsAt.nanoseconds)
        writer.member("url", alert.labels["aggregator"])
        writer.member("host", alert.labels["host"])
        writer.member("summary", alert.annotations["summary"])
        writer.endObject()
        return writer.text
    }

    init(_ checkpoint: Checkpoint) {
        guard let text = checkpoint.notes[Self.note], let tree = try? JSON.parse(Array(text.utf8)), let host = tree["host"]?.string,
            let url = tree["url"]?.string, let activeAt = tree["active_at"]?.integer, let startsAt = tree["starts_at"]?.integer
        else { return }
        alert = Alert(
            labels: [
                "alertname": Self.alertName, "host": host, "instance": host, "job": "tocsin", "severity": "critical", "aggregator": url,
            ],
            annotations: ["summary": tree["summary"]?.string ?? ""],
            state: .firing,
            activeAt: Timestamp(nanoseconds: activeAt),
            startsAt: Timestamp(nanoseconds: startsAt),
            value: 0,
            updatedAt: Timestamp(nanoseconds: startsAt)
        )
    }
}

extension Alert {
    /// Of this room, not of the judge.
    var isAboutAggregator: Bool { name == AggregatorWatch.alertName && labels["aggregator"] != nil }
}
