package import Telemetry

/// One alert's decisions of all rooms, in order and in plain sentences: why somebody was told, or nobody.
package struct Story: Sendable {
    package struct Line: Sendable {
        package var decision: Decision
        package var sentence: String
    }

    /// The answer in one sentence.
    package let verdict: String
    package let lines: [Line]

    /// - Parameter decisions: of one episode, from all rooms, in any order of rooms; each room's in the order in which they were made.
    package init(of alert: Alert, decisions: [Decision]) {
        // Rooms stamp their own clock's moments; what one room decided at one moment keeps its order.
        let ordered = decisions.enumerated().sorted {
            ($0.element.at, $0.element.kind.stage, $0.offset) < ($1.element.at, $1.element.kind.stage, $1.offset)
        }
        var kept: [Decision] = []
        // A restart looks at everything anew and says the same again.
        var last: [String: Decision] = [:]
        for (_, decision) in ordered {
            let topic = decision.kind.topic
            if let topic, let before = last[topic], before.kind == decision.kind, before.reason == decision.reason,
                before.details == decision.details
            {
                continue
            }
            if let topic { last[topic] = decision }
            kept.append(decision)
        }
        lines = kept.map { Line(decision: $0, sentence: Sentence.of($0, alert)) }
        verdict = Verdict.of(kept)
    }
}

extension Decision.Kind {
    /// Decisions that follow from one another at one moment: state, who is told, delivery.
    fileprivate var stage: Int {
        switch self {
        case .pending, .withdrawn, .firing, .late, .history, .flapping, .steady, .seconded, .stillSaid, .incidentMerged, .resolved: 0
        case .refused, .routed, .grouped, .inhibited, .silenced, .muted, .limited, .held, .released, .escalated, .acknowledged, .unacknowledged: 1
        case .queued: 2
        case .attempted, .delivered, .failed, .diverted, .resent, .digested: 3
        }
    }

    /// What is said once until something else of the kind is said; nil: each time.
    fileprivate var topic: String? {
        switch self {
        case .inhibited, .silenced, .muted, .released: "muting"
        case .limited: "limit"
        case .held: "room"
        default: nil
        }
    }
}

/// The answer to "why was I, or was I not, told?".
enum Verdict {
    static func of(_ decisions: [Decision]) -> String {
        var told: [(channel: String, at: Timestamp)] = []
        var (failed, waiting): ([String], Set<String>) = ([], [])
        var pages: Set<UUID> = []
        for decision in decisions {
            guard case .delivery(let id) = decision.subject else { continue }
            let channel = decision.details["channel"] ?? "a channel"
            switch decision.kind {
            case .queued:
                if decision.details["status"] == "firing" { pages.insert(id) }
                waiting.insert(channel)
            case .delivered:
                waiting.remove(channel)
                if pages.contains(id) { told.append((channel, decision.at)) }
            case .failed:
                waiting.remove(channel)
                failed.append("\(channel) (\(decision.details["reply"] ?? "no reply"))")
            default: break
            }
        }
        if let first = told.first {
            let channels = Set(told.map(\.channel)).sorted().joined(separator: ", ")
            return told.count == 1
                ? "\(first.channel) was told at \(Sentence.time(first.at))."
                : "Told \(told.count) times, first at \(Sentence.time(first.at)): \(channels)."
        }
        if !failed.isEmpty { return "Nobody was told: \(failed.joined(separator: ", ")) did not take it." }
        if !waiting.isEmpty { return "Nobody was told yet: \(waiting.sorted().joined(separator: ", ")) has not taken it so far." }
        return cause(decisions)
    }

    /// What kept it back last.
    private static func cause(_ decisions: [Decision]) -> String {
        for decision in decisions.reversed() {
            switch decision.kind {
            case .inhibited: return "Nobody was told: it was inhibited by \(decision.details["source"] ?? "another alert")."
            case .silenced: return "Nobody was told: it was silenced by \(decision.details["author"] ?? "somebody")."
            case .muted: return "Nobody was told: its route was muted at that time\(decision.details["interval"].map { " (\($0))" } ?? "")."
            case .limited: return "Nobody was told yet: its route is over the rate limit."
            case .held: return "Nobody was told yet: \(decision.details["channel"] ?? "the channel") has no room."
            case .history: return "Nobody was told: it was over, or told elsewhere, before it arrived."
            case .flapping: return "Nobody was told: it changes its state too often and is held."
            case .refused: return "Nobody was told: too many alerts fired."
            case .late: return "Nobody was told yet: it arrived late, and its end may be on the way."
            case .withdrawn: return "Nobody was told: it did not hold for long enough to fire."
            case .pending: return "Nobody was told: it does not fire yet."
            case .acknowledged: return "Nobody was told: it was acknowledged before."
            case .grouped: return "Nobody was told: its group was not due, or had nothing to say to anybody."
            default: continue
            }
        }
        return "Nobody was told, and nothing is on record about it: it is older than the history, or the record was cut."
    }
}
