import Operating
import SQLite
package import Telemetry

/// What Alertmanager's API shows and changes.
extension Notifier: AlertmanagerDirectory {
    package func alerts(_ selection: AlertSelection) async throws(QueryError) -> [RoutedAlert] {
        try dispatcher.routed(selection, at: time.now())
    }

    package func groups(_ selection: AlertSelection) async throws(QueryError) -> [RoutedGroup] {
        try dispatcher.routedGroups(selection, at: time.now())
    }

    package func silences(matching filters: [String]) async throws(QueryError) -> [ListedSilence] {
        dispatcher.silences.listed(matching: try [AlertMatcher](filters: filters))
    }

    package func set(_ silence: Silence, replacing id: UUID?) async throws(QueryError) -> UUID? {
        let now = time.now()
        return try changeSilences { (_, book) throws(QueryError) in
            let written = try book.set(silence, replacing: id, at: now)
            return (written?.last?.id, written ?? [], book.prune(at: now))
        }
    }

    package func receivers() async -> [String] { config.receivers.map(\.name) }

    package func configurationText() async -> String { AlertmanagerText.text(of: config) }

    /// `resolve_timeout`: when an alert that was sent without an end is over.
    package func resolveTimeout() async -> Duration { config.resolveTimeout }
}

extension Dispatcher {
    /// Alerts that fire, by fingerprint, with what becomes of each.
    func routed(_ selection: AlertSelection, at now: Timestamp) throws(QueryError) -> [RoutedAlert] {
        let selector = try Selector(selection)
        return alerts.values.filter { $0.state == .firing && selector.filters.hold(for: $0.labels) }.compactMap { alert -> RoutedAlert? in
            let routed = routed(alert, receivers: config.route.routes(for: alert.labels).map(\.receiver), at: now)
            return routed.receivers.contains(where: selector.takes) && selection.admits(routed) ? routed : nil
        }.sorted { $0.alert.fingerprint < $1.alert.fingerprint }
    }

    /// The same by group, in the order of their labels and receivers.
    func routedGroups(_ selection: AlertSelection, at now: Timestamp) throws(QueryError) -> [RoutedGroup] {
        let selector = try Selector(selection)
        return groups.values.sorted { $0.key < $1.key }.compactMap { group -> RoutedGroup? in
            guard selector.takes(group.route.receiver) else { return nil }
            let fitting = group.alerts.values.filter { $0.state == .firing && selector.filters.hold(for: $0.labels) }
            let shown = fitting.map { routed($0, receivers: [group.route.receiver], at: now) }.filter { selection.admits($0) }
            guard !shown.isEmpty else { return nil }
            return RoutedGroup(
                labels: group.labels,
                receiver: group.route.receiver,
                alerts: shown.sorted { $0.alert.fingerprint < $1.alert.fingerprint }
            )
        }
    }

    private func routed(_ alert: Alert, receivers: [String], at now: Timestamp) -> RoutedAlert {
        RoutedAlert(
            alert: alert,
            receivers: receivers,
            silencedBy: silences.silences(for: alert.labels, at: now),
            inhibitedBy: inhibitor.sources(inhibiting: alert.labels, fingerprint: alert.fingerprint)
        )
    }

    /// A selection with its patterns read.
    private struct Selector {
        let filters: [AlertMatcher]
        private let receiver: AlertMatcher?

        init(_ selection: AlertSelection) throws(QueryError) {
            filters = try [AlertMatcher](filters: selection.filters)
            do throws(AlertMatcher.Malformed) {
                receiver = try selection.receiver.map { (pattern) throws(AlertMatcher.Malformed) in try AlertMatcher.make("receiver", "=~", pattern) }
            } catch {
                throw .invalid("the pattern of the receiver cannot be read: \(error)")
            }
        }

        func takes(_ name: String) -> Bool { receiver?.holds(for: ["receiver": name]) ?? true }
    }
}
