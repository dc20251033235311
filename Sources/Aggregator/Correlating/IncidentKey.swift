import Telemetry

/// What alerts and events have in common when they belong together.
struct IncidentKey: Sendable, Hashable {
    enum Kind: String, Sendable, Hashable {
        /// A pattern's name, and the values for which it held.
        case pattern
        case correlation = "correlation_id"
        case site
        /// The values of the labels of `incidents.group_by`.
        case group
        case host
        /// None of the others: the alert stands alone.
        case alert

        /// Whether it says what an incident is about: two open ones that have it in common are one. A host says only where something happens; one that
        /// serves many would make one incident of all of theirs.
        var isTelling: Bool {
            switch self {
            case .pattern, .correlation, .site, .group: true
            case .host, .alert: false
            }
        }
    }

    var kind: Kind
    var value: String

    init(_ kind: Kind, _ value: String) { (self.kind, self.value) = (kind, value) }

    /// As ``text`` writes it.
    init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":"), let kind = Kind(rawValue: String(text[..<colon])) else { return nil }
        self.init(kind, String(text[text.index(after: colon)...]))
    }

    var text: String { "\(kind.rawValue):\(value)" }

    /// The closest first: an alert joins the incident of the first key that has one.
    static func keys(of alert: Alert, on host: String, groupBy names: [String]) -> [IncidentKey] {
        if let site = alert.foldedInto { return [IncidentKey(.site, site)] }
        var keys: [IncidentKey] = []
        if let id = alert.labels["correlation_id"] { keys.append(IncidentKey(.correlation, id)) }
        if alert.name == SiteUnreachable.alertName, host.isEmpty, let site = alert.labels["site"] { keys.append(IncidentKey(.site, site)) }
        if !names.isEmpty, names.allSatisfy({ alert.labels[$0] != nil }) {
            keys.append(IncidentKey(.group, alert.labels.keeping(names).description))
        }
        let name = host.isEmpty ? alert.labels["host"] ?? "" : host
        if !name.isEmpty { keys.append(IncidentKey(.host, name)) }
        return keys.isEmpty ? [IncidentKey(.alert, String(alert.fingerprint, radix: 16))] : keys
    }
}
