import Telemetry

extension Notification {
    /// What a channel is sent to see whether it works; also what templates are tried with when they are read.
    static func sample(for receiver: String, at now: Timestamp = Timestamp(nanoseconds: 0)) -> Notification {
        let alert = Alert(
            labels: ["alertname": "TocsinTest", "host": "tocsin", "severity": "info"],
            annotations: [
                "summary": "This is a test of the receiver \(receiver): nothing is wrong.",
                "description": "An operator asked Tocsin to send it (agentctl channels test).",
            ],
            state: .firing,
            activeAt: now,
            startsAt: now,
            value: 1,
            updatedAt: now
        )
        return Notification(
            channel: Channel(receiver: receiver, kind: .webhook, index: 0, sendsResolved: true),
            groupKey: "test:\(receiver)",
            groupLabels: ["alertname": "TocsinTest"],
            reason: .test,
            alerts: [alert],
            openedAt: now
        )
    }
}
