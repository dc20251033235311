/// An alert and what becomes of it, as Alertmanager's API shows it.
package struct RoutedAlert: Sendable, Hashable {
    package var alert: Alert
    /// Names of the receivers of the routes that it takes, in their order.
    package var receivers: [String]
    /// Silences that hold now and match.
    package var silencedBy: [UUID]
    /// Fingerprints of alerts that inhibit it.
    package var inhibitedBy: [UInt64]

    package init(alert: Alert, receivers: [String], silencedBy: [UUID] = [], inhibitedBy: [UInt64] = []) {
        (self.alert, self.receivers, self.silencedBy, self.inhibitedBy) = (alert, receivers, silencedBy, inhibitedBy)
    }

    package var isSuppressed: Bool { !silencedBy.isEmpty || !inhibitedBy.isEmpty }
}

/// Alerts that are told together.
package struct RoutedGroup: Sendable, Hashable {
    package var labels: Labels
    package var receiver: String
    package var alerts: [RoutedAlert]

    package init(labels: Labels, receiver: String, alerts: [RoutedAlert]) {
        (self.labels, self.receiver, self.alerts) = (labels, receiver, alerts)
    }
}

/// Which alerts are asked for.
package struct AlertSelection: Sendable, Hashable {
    /// Matchers in Alertmanager's notation; all must hold.
    package var filters: [String]
    /// A pattern for the whole name of a receiver; nil: any.
    package var receiver: String?
    /// Neither silenced nor inhibited.
    package var active: Bool
    package var silenced: Bool
    package var inhibited: Bool

    package init(filters: [String] = [], receiver: String? = nil, active: Bool = true, silenced: Bool = true, inhibited: Bool = true) {
        (self.filters, self.receiver) = (filters, receiver)
        (self.active, self.silenced, self.inhibited) = (active, silenced, inhibited)
    }

    /// What the flags say of one alert.
    package func admits(_ alert: RoutedAlert) -> Bool {
        (active || alert.isSuppressed) && (silenced || alert.silencedBy.isEmpty) && (inhibited || alert.inhibitedBy.isEmpty)
    }
}

/// One condition of a silence, taken apart.
package struct MatcherParts: Sendable, Hashable {
    package var name: String
    package var value: String
    package var isRegex: Bool
    package var isEqual: Bool

    package init(name: String, value: String, isRegex: Bool, isEqual: Bool) {
        (self.name, self.value, self.isRegex, self.isEqual) = (name, value, isRegex, isEqual)
    }
}

/// A silence with its matchers read.
package struct ListedSilence: Sendable, Hashable {
    package var silence: Silence
    package var matchers: [MatcherParts]

    package init(silence: Silence, matchers: [MatcherParts]) { (self.silence, self.matchers) = (silence, matchers) }
}

/// What Notifying knows, in Alertmanager's words.
package protocol AlertmanagerDirectory: Sendable {
    /// Alerts that fire, by fingerprint. Throws a sentence when a filter cannot be read.
    func alerts(_ selection: AlertSelection) async throws(QueryError) -> [RoutedAlert]
    /// The same by group; groups without such alerts are left out.
    func groups(_ selection: AlertSelection) async throws(QueryError) -> [RoutedGroup]
    /// - Parameter filters: matchers that must be among the silence's own.
    func silences(matching filters: [String]) async throws(QueryError) -> [ListedSilence]
    /// Makes a silence, or changes the one of this id: what may not be changed in its place (other matchers, another start of one that
    /// runs) ends it and makes another. Nil when there is none of this id.
    /// - Returns: under which id it is.
    func set(_ silence: Silence, replacing id: UUID?) async throws(QueryError) -> UUID?
    /// In the order of the configuration.
    func receivers() async -> [String]
    /// The configuration in force as an `alertmanager.yml`, without secrets.
    func configurationText() async -> String
}
