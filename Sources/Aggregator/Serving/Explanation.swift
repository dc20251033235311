import Explaining
import Telemetry

/// What is told of one episode of an alert.
struct Explanation: Sendable {
    let alert: Alert
    /// Nil for an alert that is pending or was withdrawn: nothing of it is history.
    let episode: AlertEpisode?
    let story: Story
    /// The latest first; without the one that is told.
    let others: [AlertEpisode]

    /// One episode of a label set: the time that it was active, and what else began before and behind it.
    struct Choice: Sendable {
        var alert: Alert
        var episode: AlertEpisode?
        /// Decisions of this episode, and of what was learned anew of it, carry a beginning in this range.
        var activeFrom: Timestamp
        var activeTo: Timestamp
        var others: [AlertEpisode]

        /// - Parameters:
        ///   - current: as the directory of alerts knows it; nil when it does not.
        ///   - episodes: of the same label set.
        ///   - moment: the episode of then, or the last one before; nil: the latest.
        init?(current: Alert?, episodes: [AlertEpisode], at moment: Timestamp?) {
            var known: [(alert: Alert, episode: AlertEpisode?)] = episodes.map { ($0.alert, $0) }
            if let current, !known.contains(where: { $0.alert.activeAt == current.activeAt }) { known.append((current, nil)) }
            known.sort { $0.alert.activeAt < $1.alert.activeAt }
            let index = moment.map { moment in known.lastIndex { $0.alert.activeAt <= moment } } ?? known.indices.last
            guard let index else { return nil }
            (alert, episode) = known[index]
            activeFrom = index > 0 ? Timestamp(nanoseconds: known[index - 1].alert.activeAt.nanoseconds + 1) : .distantPast
            activeTo = alert.activeAt
            others = known.enumerated().filter { $0.offset != index }.compactMap(\.element.episode).reversed()
        }
    }

    init(_ choice: Choice, decisions: [Decision]) {
        (alert, episode, others) = (choice.alert, choice.episode, choice.others)
        // What was pending before and came to nothing is another story.
        let own = decisions.filter { decision in
            guard case .alert(let key) = decision.subject, key.activeAt != choice.alert.activeAt else { return true }
            return decision.kind != .pending && decision.kind != .withdrawn
        }
        story = Story(of: choice.alert, decisions: own)
    }
}
