import JSON
import Telemetry

/// A notification as a provider's webhook wants it. The lengths are the providers' own limits: what is longer they refuse.
struct PresetMessage {
    private(set) var body: [UInt8] = []
    /// Is added to the configured address.
    private(set) var path = ""

    private let notification: Notification
    private let externalURL: String
    private let moment: Timestamp
    private let title: String
    private let ownText: String?
    private let target: String

    private var isFiring: Bool { notification.status == "firing" }
    /// Names the conversation at providers that keep a state.
    private var conversation: String { ConversationKey.of(notification, for: notification.channel.receiver) }

    init(_ notification: Notification, preset config: PresetConfig, externalURL: String, at moment: Timestamp, notes: inout [String]) {
        (self.notification, self.externalURL, self.moment, target) = (notification, externalURL, moment, config.target)
        func rendered(_ template: NotificationTemplate?, _ name: String) -> String? {
            guard let template else { return nil }
            do throws(NotificationTemplate.Unusable) { return try template.render(notification, externalURL: externalURL, at: moment) } catch {
                notes.append("the template of the \(name) could not be used (\(error)): the usual one stands in its place")
                return nil
            }
        }
        title = OneLine.of(rendered(config.title, "title") ?? MailPayload.subject(of: notification), charactersMax: 400)
        ownText = rendered(config.text, "text")
        var json = JSONWriter(reserving: 2048)
        json.beginObject()
        switch config.preset {
        case .slack: slack(&json)
        case .discord: discord(&json)
        case .teams: teams(&json)
        case .telegram: telegram(&json)
        case .ntfy: ntfy(&json)
        case .pagerduty: pagerDuty(&json)
        case .opsgenie: opsgenie(&json)
        }
        json.endObject()
        body = json.bytes
    }

    // MARK: Chats

    /// api.slack.com/messaging/webhooks, and attachments for the colour.
    private func slack(_ json: inout JSONWriter) {
        json.member("text", PresetText.slack(title))
        json.key("attachments")
        json.beginArray()
        json.beginObject()
        json.member("color", isFiring ? "#b00020" : "#1b6e3c")
        json.member("fallback", PresetText.slack(title))
        json.member("text", text(charactersMax: 7_000, PresetText.slack))
        json.member("mrkdwn_in", ["text"])
        json.member("footer", PresetText.slack("Tocsin \(externalURL)"))
        json.member("ts", moment.nanoseconds / 1_000_000_000)
        json.endObject()
        json.endArray()
    }

    /// discord.com/developers/docs/resources/webhook: an embed's title has 256 characters, its description 4096.
    private func discord(_ json: inout JSONWriter) {
        json.member("username", "Tocsin")
        // A label that says "@everyone" calls nobody.
        json.key("allowed_mentions")
        json.beginObject()
        json.member("parse", [String]())
        json.endObject()
        json.key("embeds")
        json.beginArray()
        json.beginObject()
        json.member("title", PresetText.cut(title, to: 256))
        json.member("description", text(charactersMax: 4_000) { $0 })
        json.member("url", externalURL)
        json.member("color", isFiring ? 0xB00020 : 0x1B6E3C)
        json.member("timestamp", moment.rfc3339)
        json.endObject()
        json.endArray()
    }

    /// A workflow's webhook ("When a Teams webhook request is received"): an adaptive card, of which Teams takes 28 kB.
    private func teams(_ json: inout JSONWriter) {
        json.member("type", "message")
        json.key("attachments")
        json.beginArray()
        json.beginObject()
        json.member("contentType", "application/vnd.microsoft.card.adaptive")
        json.key("contentUrl")
        json.null()
        json.key("content")
        json.beginObject()
        json.member("$schema", "http://adaptivecards.io/schemas/adaptive-card.json")
        json.member("type", "AdaptiveCard")
        json.member("version", "1.4")
        json.key("body")
        json.beginArray()
        for (text, isTitle) in [(title, true), (text(charactersMax: 6_000) { $0 }, false)] {
            json.beginObject()
            json.member("type", "TextBlock")
            json.member("text", text)
            json.member("wrap", true)
            if isTitle {
                json.member("weight", "Bolder")
                json.member("size", "Medium")
                json.member("color", isFiring ? "Attention" : "Good")
            }
            json.endObject()
        }
        json.endArray()
        json.member("actions", .array([.object([.init("type", "Action.OpenUrl"), .init("title", "Tocsin"), .init("url", .string(externalURL))])]))
        json.endObject()
        json.endObject()
        json.endArray()
    }

    /// core.telegram.org/bots/api#sendmessage: 4096 characters after the entities are read.
    private mutating func telegram(_ json: inout JSONWriter) {
        path = "/sendMessage"
        json.member("chat_id", target)
        json.member("text", "<b>\(MailPayload.escaped(title))</b>\n" + text(charactersMax: 3_000, MailPayload.escaped))
        json.member("parse_mode", "HTML")
        json.member("link_preview_options", .object([.init("is_disabled", true)]))
    }

    /// docs.ntfy.sh/publish/#publish-as-json: a message has 4096 bytes.
    private func ntfy(_ json: inout JSONWriter) {
        json.member("topic", target)
        json.member("title", title)
        json.member("message", PresetText.cut(text(charactersMax: 3_500) { $0 }, toBytes: 4_000))
        json.member("priority", !isFiring ? 3 : severity == "critical" ? 5 : severity == "info" ? 3 : 4)
        json.member("tags", [isFiring ? "rotating_light" : "white_check_mark"])
        json.member("click", externalURL)
    }

    // MARK: Providers that keep a state

    /// developer.pagerduty.com, Events API v2: a summary has 1024 characters. The routing key is added when it is sent, so that it is in no file of ours.
    private func pagerDuty(_ json: inout JSONWriter) {
        // What is acknowledged in part goes on: its alert there must not rest.
        let action = notification.acknowledgement?.isWhole == true ? "acknowledge" : isFiring ? "trigger" : "resolve"
        json.member("event_action", action)
        json.member("dedup_key", conversation)
        json.member("client", "Tocsin")
        json.member("client_url", externalURL)
        json.key("payload")
        json.beginObject()
        json.member("summary", PresetText.cut(title, to: 1024))
        json.member("source", notification.commonLabels["host"] ?? notification.commonLabels["instance"] ?? "tocsin")
        json.member("severity", ["critical", "error", "warning", "info"].first { $0 == severity } ?? "error")
        if let first = notification.firing.first { json.member("timestamp", first.startsAt.rfc3339) }
        json.member("class", PresetText.cut(notification.commonLabels["alertname"] ?? "", to: 255))
        json.member("custom_details", details(bytesMax: 100_000))
        json.endObject()
    }

    /// docs.opsgenie.com/docs/alert-api: a message has 130 characters, a description 15 000, an alias 512.
    private mutating func opsgenie(_ json: inout JSONWriter) {
        if let told = notification.acknowledgement {
            path = "/v2/alerts/\(conversation)/\(told.isWhole ? "acknowledge" : "notes")?identifierType=alias"
            json.member("source", "Tocsin")
            json.member("user", PresetText.cut(OneLine.of(told.acknowledgement.by), to: 100))
            json.member("note", PresetText.cut(told.words, to: 1_000))
            return
        }
        guard isFiring else {
            path = "/v2/alerts/\(conversation)/close?identifierType=alias"
            json.member("source", "Tocsin")
            json.member("note", PresetText.cut(title, to: 1_000))
            return
        }
        path = "/v2/alerts"
        json.member("message", PresetText.cut(title, to: 130))
        json.member("alias", conversation)
        json.member("description", text(charactersMax: 14_000) { $0 })
        json.member("details", details(bytesMax: 7_000))
        json.member("priority", severity == "critical" ? "P1" : severity == "error" ? "P2" : severity == "info" ? "P5" : "P3")
        json.member("source", "Tocsin")
        json.member("tags", notification.commonLabels.pairs.prefix(20).map { PresetText.cut("\($0.name):\($0.value)", to: 50) })
    }

    // MARK: Words

    private var severity: String {
        let known = ["critical", "error", "warning", "info"]
        let given = Set(notification.firing.compactMap { $0.labels["severity"] })
        return known.first { given.contains($0) } ?? ""
    }

    /// Labels and annotations that all alerts share, as text.
    private func details(bytesMax: Int) -> JSON {
        var (members, bytes) = ([JSON.Member](), 0)
        for pair in notification.commonLabels.pairs + notification.commonAnnotations.pairs {
            let value = PresetText.cut(pair.value, to: 500)
            bytes += pair.name.utf8.count + value.utf8.count
            guard bytes <= bytesMax else { break }
            members.append(JSON.Member(pair.name, .string(value)))
        }
        members.append(JSON.Member("firing", .string("\(notification.firing.count)")))
        members.append(JSON.Member("resolved", .string("\(notification.resolved.count)")))
        return .object(members)
    }

    private func text(charactersMax: Int, _ escape: (String) -> String) -> String {
        if let ownText { return escape(PresetText.cut(ownText, to: charactersMax)) }
        return PresetText.lines(of: notification, charactersMax: charactersMax, escape: escape)
    }
}
