import Telemetry

/// One decision in a plain sentence.
enum Sentence {
    static func of(_ decision: Decision, _ alert: Alert) -> String {
        switch decision.kind {
        case .pending, .withdrawn, .firing, .late, .history, .flapping, .steady, .seconded, .stillSaid, .incidentMerged, .resolved:
            state(decision, alert)
        case .refused, .routed, .grouped, .inhibited, .silenced, .muted, .limited, .held, .released, .escalated, .acknowledged, .unacknowledged:
            telling(decision)
        case .queued, .attempted, .delivered, .failed, .diverted, .resent, .digested: delivery(decision)
        }
    }

    /// To the millisecond, in UTC: `2026-11-21T20:14:03.120Z`.
    static func time(_ moment: Timestamp) -> String {
        let milliseconds = moment.nanoseconds - (moment.nanoseconds % 1_000_000 + 1_000_000) % 1_000_000
        return Timestamp(nanoseconds: milliseconds).rfc3339
    }

    // MARK: The state

    private static func state(_ decision: Decision, _ alert: Alert) -> String {
        let details = Details(decision)
        switch decision.kind {
        case .pending:
            return
                "The expression \(details["expression"]) holds since \(time(alert.activeAt)) (value \(details["value"])); it fires when it has held for as "
                + "long as the rule's `for` says."
        case .withdrawn: return "It held no longer before `for` was over."
        case .firing: return firing(decision.reason, details, alert)
        case .late:
            return "It arrived late (its host said so at \(details.time("updated_at"))): people are told at \(details.time("until")) unless its end "
                + "arrives before."
        case .history: return history(decision.reason, details)
        case .flapping: return "It changed its state \(details["changes"]) times in \(details["window"]): it is held until it is steady."
        case .steady: return "It has been steady for long enough and is let go."
        case .seconded: return "\(details["origin"]) says the same as \(details["by"]): for people it is one alert, and they know it."
        case .stillSaid: return "\(details["origin"]) says that it is over; \(details["by"]) goes on saying that it fires, and so it does."
        case .incidentMerged: return "Its incident \(details["incident"]) turned out to be part of \(details["into"]), and is one with it."
        default: return resolved(decision.reason, details)
        }
    }

    private static func firing(_ reason: String, _ details: Details, _ alert: Alert) -> String {
        // Another system's alert may come without an expression.
        let said = "who sent it says so since \(time(alert.activeAt))"
        let held = alert.expression.isEmpty ? said : "\(details["expression"]) holds since \(time(alert.activeAt)) (value \(details["value"]))"
        let since = "firing since \(details.time("starts_at"))"
        return switch reason {
        case "fired_late": "It fires: \(held), \(since). It arrived late and its end did not follow."
        case "host_down": "It fires: \(held)."
        default: "It fires: \(held), \(since)."
        }
    }

    private static func history(_ reason: String, _ details: Details) -> String {
        switch reason {
        case "told_locally": "Its host could not reach the aggregator and told its own receivers: nobody is told again."
        case "host_down_folded": "Its whole site is out of reach: one alert stands for all its hosts, and that one is told."
        case "held_flapping": "It changed again while it flaps: shown, and nobody is told before it is steady."
        case "history", "":
            "It fired at \(details.time("starts_at")) and ended at \(details.time("ends_at")) before that arrived: shown, nobody is told."
        default: "It is shown, and nobody is told (\(reason))."
        }
    }

    private static func resolved(_ reason: String, _ details: Details) -> String {
        let ended = "It ended at \(details.time("ends_at"))"
        return switch reason {
        case "expired": "\(ended): its agent no longer repeats it although newer data came."
        case "host_back": "\(ended): the host is heard of again."
        case "host_forgotten": "\(ended): its host is taken as retired."
        case "site_reachable": "\(ended): the site is reachable again."
        case "resolved", "": "\(ended) (value \(details["value"]))."
        default: "\(ended) (\(reason))."
        }
    }

    // MARK: Who is told

    private static func telling(_ decision: Decision) -> String {
        let details = Details(decision)
        switch decision.kind {
        case .refused: return "More alerts fire than can be told (\(details["limit"])): nobody is told of this one."
        case .routed: return "The route \(details["route"]) took it: receiver \(details["receiver"])."
        case .grouped:
            let why =
                switch decision.reason {
                case "group_wait": "which waits for what belongs to it"
                case "groups_max": "because there are too many groups for one of its own"
                default: "which was told of before"
                }
            return "It joined the group \(details["group"]), \(why); that is looked at again at \(details.time("until"))."
        case .inhibited: return "Not told: \(details["source"]) fires and inhibits it."
        case .silenced:
            return "Not told: the silence \(details["silence"]) of \(details["author"]) (\(details["comment"])) holds until \(details.time("until"))."
        case .muted:
            return decision.reason == "active_time_intervals"
                ? "Not told: its route tells somebody in its active time intervals only."
                : "Not told: the time interval \(details["interval"]) mutes its route."
        case .limited:
            return "Over the rate limit of \(details["limit"]): it waits for a digest\(details.suffix(", at the earliest at ", time: "until"))."
        case .held: return "\(details["channel"]) has as many undelivered notifications as it may: its group waits until there is room."
        case .released: return "What kept it back (\(decision.reason)) is over."
        case .escalated:
            return "Nobody had acknowledged it \(details["after"]) after it was told: step \(details["step"]), \(details["receiver"]) is told."
        case .acknowledged:
            let comment = details["comment"] == "?" ? "" : ": \(details["comment"])"
            return "\(details["by"]) takes care of it (by \(details["via"]))\(comment). No repeats and no escalation until it ends."
        default: return "\(details["by"]) took the acknowledgement back."
        }
    }

    // MARK: Deliveries

    private static func delivery(_ decision: Decision) -> String {
        let details = Details(decision)
        let attempt = details["attempt"] == "?" ? "" : "attempt \(details["attempt"]), "
        switch decision.kind {
        case .queued:
            return "A notification to \(details["channel"]) lies in the outbox: \(details["status"]), \(details["alerts"]) alert(s), because "
                + "\(because(decision.reason))."
        case .attempted: return "\(details["channel"]) did not take it (\(attempt)\(details["reply"])): tried again at \(details.time("until"))."
        case .delivered: return "\(details["channel"]) took it (\(attempt)\(details["reply"]))."
        case .failed: return "\(details["channel"]) will not get it (\(attempt)\(details["reply"]))."
        case .digested: return "The digest \(details["digest"]) tells it, because its channel was down."
        case .diverted: return "\(details["channel"]) is tried in its place."
        default: return "An operator sends it again."
        }
    }

    private static func because(_ reason: String) -> String {
        switch reason {
        case "first": "the group fires and the channel had not been told"
        case "new_alerts": "an alert fires that the channel had not been told of"
        case "some_resolved": "some of what it was told of is over"
        case "all_resolved": "all that it was told of is over"
        case "repeat_interval": "it still fires and repeat_interval has passed"
        case "digest": "groups over the rate limit are told in one"
        case "escalated": "nobody had acknowledged it"
        case "acknowledged": "somebody takes care of what it was told of"
        case "handed_over": "the duty was handed over and it still fires"
        case "outage_digest": "the channel was down, and what waited for it is told in one"
        case "fallback": "another channel did not take it"
        default: reason
        }
    }
}

/// A decision's details, with a mark where one is missing.
private struct Details {
    private let labels: Labels

    init(_ decision: Decision) { labels = decision.details }

    subscript(name: String) -> String { labels[name] ?? "?" }

    func time(_ name: String) -> String {
        labels[name].map { text in Timestamp(rfc3339: text).map { Sentence.time($0) } ?? text } ?? "an unknown time"
    }

    /// Nothing where the detail is missing.
    func suffix(_ words: String, time name: String) -> String { labels[name] == nil ? "" : words + time(name) }
}
