import Telemetry
import Testing

@testable import Notifying

@Suite struct DigestTests {
    private let channel = Channel(receiver: "ops", kind: .webhook, index: 0, sendsResolved: true)

    private func waiting(_ number: UInt64, _ alerts: [Alert], group: Labels = ["alertname": "Disk"]) -> Digest.Waiting {
        let notification = Notification(
            channel: channel,
            groupKey: "{}:\(number)",
            groupLabels: group,
            reason: .first,
            alerts: alerts,
            openedAt: Sample.at(Int(number))
        )
        return Digest.Waiting(id: UUID(high: 0, low: number), notification: notification, createdAt: Sample.at(Int(number)))
    }

    @Test func `a digest tells each alert once, in its latest state, and lists what it stands for`() throws {
        let folded = Digest.fold(
            [
                waiting(1, [Sample.alert("Disk", "a"), Sample.alert("Disk", "b")]),
                waiting(2, [Sample.alert("Load", "c")], group: ["alertname": "Load"]),
                waiting(3, [Sample.alert("Disk", "a", .resolved, until: 9)]),
            ],
            for: channel,
            reason: .outageDigest
        )
        let digest = try #require(folded.first)
        #expect(folded.count == 1)
        #expect(digest.ids.map(\.low) == [1, 2, 3])
        #expect(digest.notification.alerts.map { "\($0.labels["host"] ?? "") \($0.state.rawValue)" } == ["b firing", "c firing", "a resolved"])
        #expect(digest.notification.parts.map(\.alertCount) == [2, 1, 1])
        #expect(digest.notification.parts.map(\.status) == ["firing", "firing", "resolved"])
        #expect(digest.notification.groupLabels.isEmpty)
        #expect(digest.notification.digestTitle == "digest of 3 notifications after an outage")
    }

    @Test func `more alerts than one notification holds make several digests, and none is left out`() {
        let hosts = 0..<(NotifyingLimits.alertsPerNotificationMax + 500)
        let folded = Digest.fold(
            hosts.map { waiting(UInt64($0 + 1), [Sample.alert("Disk", "h\($0)")]) },
            for: channel,
            reason: .outageDigest
        )
        #expect(folded.map(\.notification.alerts.count) == [NotifyingLimits.alertsPerNotificationMax, 500])
        #expect(folded.flatMap(\.ids).count == hosts.count)
        #expect(Set(folded.flatMap(\.notification.alerts).map(\.fingerprint)).count == hosts.count)
    }

    @Test func `a digest that is folded again is told by what it stood for`() {
        let first = Digest.fold(
            [waiting(1, [Sample.alert("Disk", "a")]), waiting(2, [Sample.alert("Disk", "b")])],
            for: channel,
            reason: .outageDigest
        )
        let again = Digest.Waiting(id: UUID(high: 0, low: 9), notification: first[0].notification, createdAt: Sample.at(9))
        let folded = Digest.fold([again, waiting(10, [Sample.alert("Disk", "c")])], for: channel, reason: .outageDigest)
        #expect(folded[0].notification.parts.compactMap(\.id).map(\.low) == [1, 2, 10])
        #expect(folded[0].ids.map(\.low) == [9, 10])
    }

    @Test func `a notification in the store comes back as it was`() {
        var notification = Digest.fold(
            [waiting(1, [Sample.alert("Disk", "ä\"")]), waiting(2, [Sample.alert("Load", "b", .resolved)])],
            for: channel,
            reason: .fallback,
            remark: "because"
        )[0].notification
        #expect(StoredNotification.decode(StoredNotification.encode(notification), for: channel) == notification)
        (notification.parts, notification.openedAt, notification.remark) = ([], nil, nil)
        #expect(StoredNotification.decode(StoredNotification.encode(notification), for: channel) == notification)
        #expect(StoredNotification.decode("{}", for: channel) == nil)
    }
}
