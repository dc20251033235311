import Explaining
import JSON
import Telemetry

extension JSONWriter {
    /// `{"<name>": […], "count": n, "next_cursor": "…" or null}`.
    mutating func page<Element>(_ name: String, _ elements: [Element], next: String?, _ write: (inout JSONWriter, Element) -> Void) {
        beginObject()
        key(name)
        beginArray()
        for element in elements { write(&self, element) }
        endArray()
        member("count", elements.count)
        member("next_cursor", next)
        endObject()
    }

    mutating func episode(_ episode: AlertEpisode) {
        alert(episode.alert) { json in
            json.member("reason", episode.reason)
            json.member("history_only", episode.isHistoryOnly)
            json.member("incident", episode.incident.description)
            json.member("notifications", episode.notifications)
            json.member("pages", episode.pages)
            json.acknowledgement(episode.acknowledgement)
        }
    }

    /// The member `acknowledged`.
    mutating func acknowledgement(_ acknowledgement: AlertAcknowledgement?) {
        key("acknowledged")
        guard let acknowledgement else { return null() }
        beginObject()
        member("at", acknowledgement.at)
        member("by", acknowledgement.by)
        member("comment", acknowledgement.comment)
        member("via", acknowledgement.via)
        endObject()
    }

    mutating func explanation(_ explanation: Explanation) {
        beginObject()
        member("id", AlertID.text(of: explanation.alert.fingerprint))
        key("alert")
        alert(explanation.alert) { json in json.acknowledgement(explanation.episode?.acknowledgement) }
        member("verdict", explanation.story.verdict)
        key("decisions")
        beginArray()
        for line in explanation.story.lines { decision(line.decision, sentence: line.sentence) }
        endArray()
        key("other_episodes")
        beginArray()
        for other in explanation.others {
            beginObject()
            member("active_at", other.alert.activeAt)
            member("starts_at", other.alert.startsAt)
            member("ends_at", other.alert.endsAt)
            member("pages", other.pages)
            endObject()
        }
        endArray()
        endObject()
    }

    private mutating func decision(_ decision: Decision, sentence: String) {
        beginObject()
        member("at", decision.at)
        member("kind", decision.kind.rawValue)
        member("reason", decision.reason)
        if case .delivery(let id) = decision.subject { member("notification", id.description) }
        key("details")
        labels(decision.details)
        member("sentence", sentence)
        endObject()
    }
}
