import Configuring
import JSON
import Logging
import Operating
import Telemetry
import TestSupport
import Testing
import Transferring

@testable import Notifying

/// A courier over real sockets, for one attempt at a time.
struct ChannelRig {
    var receiver: Receiver
    var http: any HTTPTransferring = HTTPClient(concurrent: 2)
    var pictures: (any MetricPictureSource)?
    /// Kept from attempt to attempt; nil: each has its own.
    var tokens: OAuthTokens?

    /// One attempt through the receiver's first channel, from a notification of its own.
    func attempt(_ notification: Notification, id: UUID = UUID(high: 0x0190, low: 7)) async -> Courier.Report {
        guard let channel = receiver.channels.first else { return Courier.Report(outcome: .failed("no channel")) }
        var notification = notification
        notification.channel = channel
        let courier = Courier(
            http: http,
            mail: MailClient(concurrent: 1),
            composer: Composer(externalURL: "https://tocsin.example.org", pictures: pictures),
            tokens: tokens ?? OAuthTokens(http: http, time: ManualTime())
        )
        let config = NotifyingConfig(receivers: [receiver], route: RouteTree(root: RouteTree.Node(receiver: receiver.name)))
        return await courier.deliver(Delivery(notification, id: id, at: Sample.at(60)), config: config)
    }

    static func notification(_ alerts: [Alert], parts: [Notification.Part] = []) -> Notification {
        Notification(
            channel: Channel(receiver: "ops", kind: .webhook, index: 0, sendsResolved: true),
            groupKey: "{}:{alertname=\"Disk\"}",
            groupLabels: ["alertname": "Disk"],
            reason: .first,
            alerts: alerts,
            openedAt: Sample.at(0),
            parts: parts
        )
    }

    /// Labels and annotations of every kind that has ever broken a message.
    static var hostile: Notification {
        let bad = [
            "<b>&\"'`*_~|[]()@everyone <!channel> <@U1>", "line\r\nBcc: evil@example.org\r\n\r\nbody", "\u{2028}\u{2029}\u{0}\u{1}\u{7F}\u{85}",
            "{{ .Status }}",
            String(repeating: "ä", count: 20_000), "😀👩‍👩‍👧‍👦\u{202E}gpj", "\\\"}]}", "</td></tr></table><script>alert(1)</script>",
        ]
        var alerts: [Alert] = []
        for (index, text) in bad.enumerated() {
            var alert = Sample.alert("Disk", "h\(index)", index % 3 == 2 ? .resolved : .firing, severity: "critical")
            alert.labels = alert.labels.setting("note", to: text).setting("weird \"name\"\n", to: text)
            alert.annotations = alert.annotations.setting("summary", to: text).setting("description", to: text)
            alerts.append(alert)
        }
        // A bomb of labels.
        var bomb = Sample.alert("Disk", "bomb")
        bomb.labels = Labels(bomb.labels.pairs + (0..<2_000).map { Label("label_\($0)", String(repeating: "x", count: 500)) })
        return notification(alerts + [bomb] + (0..<300).map { Sample.alert("Disk", "many-\($0)") })
    }
}

/// For a `guard`: the test has failed and is over.
func issue(_ words: String, sourceLocation: SourceLocation = #_sourceLocation) {
    Issue.record(Comment(rawValue: words), sourceLocation: sourceLocation)
}

func text(_ outcome: DeliveryOutcome) -> String {
    switch outcome {
    case .delivered(let reply): "delivered \(reply)"
    case .retry(let failure): "retry \(failure.reply)"
    case .failed(let reply): "failed \(reply)"
    }
}
