/// What one room of the agent hands to the next: one collection, one read of a file, or one judgement. It is stored whole, in one
/// transaction, or not at all; that is how a read position can never run ahead of its lines.
package struct Intake: Sendable {
    package var samples: [Sample]
    package var events: [Event]
    /// Transitions to ship (pending is kept at home: only firing and resolved travel).
    package var alerts: [Alert]
    package var gaps: [Gap]
    /// What the agent says about itself (``AgentNotice``); they travel before metrics and logs.
    package var notices: [Event]
    /// Read positions that the events bring about.
    package var positions: [ReadPosition]
    /// Which bytes the events are, for the batch's header.
    package var reads: [ReadRange]
    /// The judge's whole state after this intake, to be stored with it; nil when nothing changed.
    package var judgement: JudgementState?
    /// What a room must find again with this intake, by a name that no other room uses: a journal's cursor, who was told of what. An empty text
    /// forgets it.
    package var notes: [String: String]

    package init(
        samples: [Sample] = [],
        events: [Event] = [],
        alerts: [Alert] = [],
        gaps: [Gap] = [],
        notices: [Event] = [],
        positions: [ReadPosition] = [],
        reads: [ReadRange] = [],
        judgement: JudgementState? = nil,
        notes: [String: String] = [:]
    ) {
        (self.samples, self.events, self.alerts, self.gaps) = (samples, events, alerts, gaps)
        (self.positions, self.reads, self.judgement, self.notes) = (positions, reads, judgement, notes)
        self.notices = notices
    }

    package var isEmpty: Bool {
        samples.isEmpty && events.isEmpty && alerts.isEmpty && gaps.isEmpty && positions.isEmpty && judgement == nil
            && notes.isEmpty && notices.isEmpty
    }
}

/// What Judging must find again after a restart.
package struct JudgementState: Sendable, Hashable {
    /// Alerts that are pending or firing. `endsAt` of a firing one is when its expression ceased to hold, while `keep_firing_for` runs.
    package var alerts: [Alert]
    package var patternMatches: [String: UInt64]

    package init(alerts: [Alert], patternMatches: [String: UInt64]) { (self.alerts, self.patternMatches) = (alerts, patternMatches) }
}
