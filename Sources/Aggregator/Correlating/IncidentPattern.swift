package import Matching
package import Rules
package import Telemetry

/// One entry of `incidents.patterns`: events or alerts that say something only together.
package struct IncidentPattern: Sendable, Hashable {
    package enum Shape: Sendable, Hashable {
        /// A, then B within the time.
        case followed(by: EventMatch)
        /// A, and no B within the time.
        case missing(EventMatch)
        /// So many of A within the time.
        case repeated(Int)
    }

    /// The alert that people are paged by.
    package struct AlertSpec: Sendable, Hashable {
        package var name: String
        /// Besides `alertname` and the values of `by`.
        package var labels: Labels
        package var annotations: [String: Template]
        /// How long it goes on firing after the pattern held last.
        package var keepFiringFor: Duration

        package init(name: String, labels: Labels, annotations: [String: Template], keepFiringFor: Duration) {
            (self.name, self.labels, self.annotations, self.keepFiringFor) = (name, labels, annotations, keepFiringFor)
        }
    }

    package var name: String
    package var first: EventMatch
    package var shape: Shape
    package var within: Duration
    /// What must be equal in all that belongs to it: `host`, `source`, `type`, `correlation_id`, an alert's label or a text in an event's data. What has none of
    /// it is passed over.
    package var by: [String]
    package var alert: AlertSpec?
    /// `allowed_lateness`: an event that arrives so late counts as if it had been in time; what is missed is waited for so much longer.
    package var allowedLateness: Duration

    /// An agent that could not reach us tries again after a minute at most: two such waits.
    package static let allowedLatenessDefault = Duration.seconds(120)

    package init(
        name: String,
        first: EventMatch,
        shape: Shape,
        within: Duration,
        by: [String],
        alert: AlertSpec? = nil,
        allowedLateness: Duration = allowedLatenessDefault
    ) {
        (self.name, self.first, self.shape, self.within, self.by, self.alert) = (name, first, shape, within, by, alert)
        self.allowedLateness = allowedLateness
    }

    var second: EventMatch? {
        switch shape {
        case .followed(let match), .missing(let match): match
        case .repeated: nil
        }
    }

    /// For people.
    var words: String {
        switch shape {
        case .followed(let second): "\(first.words), then \(second.words) within \(Int(within.inSeconds)) s"
        case .missing(let second): "\(first.words), and no \(second.words) within \(Int(within.inSeconds)) s"
        case .repeated(let count): "\(count) of \(first.words) within \(Int(within.inSeconds)) s"
        }
    }
}

/// Which events or alerts are meant; all that is given must hold.
package struct EventMatch: Sendable, Hashable {
    package var source: String?
    /// Whole, or with `.*` at the end.
    package var type: String?
    /// At least.
    package var severity: Severity?
    package var host: String?
    package var message: Pattern?
    package var tags: [String]
    /// Of an alert; of an event, texts in its data.
    package var labels: Labels
    /// An alert of this name, instead of events.
    package var alert: String?
    /// Of the alert: `firing` unless told.
    package var state: AlertState

    package init(
        source: String? = nil,
        type: String? = nil,
        severity: Severity? = nil,
        host: String? = nil,
        message: Pattern? = nil,
        tags: [String] = [],
        labels: Labels = .empty,
        alert: String? = nil,
        state: AlertState = .firing
    ) {
        (self.source, self.type, self.severity, self.host, self.message) = (source, type, severity, host, message)
        (self.tags, self.labels, self.alert, self.state) = (tags, labels, alert, state)
    }

    func wantsType(_ text: String) -> Bool {
        guard let type else { return true }
        return type.hasSuffix(".*") ? text.hasPrefix(type.dropLast(1)) : text == type
    }

    func wantsSource(_ text: String) -> Bool { source.map { $0 == text } ?? true }

    /// Our own events about alerts are meant only by whoever names them: a pattern that counts errors does not count what it caused.
    var namesOwn: Bool {
        source == Event.ownSource || type.map { type in ["alert.", "host.", "site.", "incident."].contains { type.hasPrefix($0) } } ?? false
    }

    func holds(for event: Event) -> Bool {
        guard alert == nil, wantsSource(event.source), wantsType(event.type), severity.map({ event.severity >= $0 }) ?? true,
            host.map({ $0 == event.host }) ?? true, tags.allSatisfy({ event.tags.contains($0) })
        else { return false }
        if let message, !message.matches(event.message ?? "") { return false }
        return labels.isEmpty || labels.pairs.allSatisfy { (try? JSONText.member($0.name, of: event.data)) == $0.value }
    }

    func holds(for decided: Alert, on name: String) -> Bool {
        guard alert == decided.name, state == decided.state, host.map({ $0 == name }) ?? true else { return false }
        return labels.pairs.allSatisfy { decided.labels[$0.name] == $0.value }
    }

    var words: String {
        if let alert { return "\(alert) \(state.rawValue)" }
        let parts: [String?] = [
            source, type, severity.map { "\($0) or worse" }, host.map { "on \($0)" }, message.map { "/\($0.source)/" },
            labels.isEmpty ? nil : labels.description, tags.isEmpty ? nil : tags.joined(separator: "+"),
        ]
        return parts.compactMap { $0 }.joined(separator: " ")
    }
}
