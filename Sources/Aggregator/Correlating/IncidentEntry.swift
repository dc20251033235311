import Telemetry

/// An incident as this room keeps it.
struct IncidentEntry: Sendable, Hashable {
    var id: UUID
    var name: String
    /// In the order in which they joined; at most ``CorrelatingLimits/keysPerIncidentMax``.
    var keys: [IncidentKey]
    /// In the order in which they joined; at most ``CorrelatingLimits/hostsPerIncidentMax``.
    var hosts: [String]
    var openedAt: Timestamp
    var closedAt: Timestamp?
    var closing: Incident.Closing?
    /// By our clock: when it was made, and when something joined it last.
    var madeAt: Timestamp
    /// In the order in which they joined; at most ``CorrelatingLimits/alertsPerIncidentMax``.
    var alerts: [Alert]
    /// Fingerprints of those that fire.
    var firing: Set<UInt64>
    /// Oldest first; at most ``CorrelatingLimits/evidenceMax``.
    var evidence: [Event] = []
    var changes: [Event] = []
    var metrics: [MetricPoints] = []
    /// The log is still to be searched for what happened before the opening.
    var isEvidenceWanted = true
    var collection = Incident.Collection.collecting
    var missing: [String] = []
    /// The one that goes on in its place.
    var mergedInto: UUID?
    /// Those in whose place it goes on; at most ``CorrelatingLimits/mergedPerIncidentMax``.
    var mergedFrom: [UUID] = []

    var isOpen: Bool { closedAt == nil }

    /// Events between these moments are evidence. A host may write any moment as an alert's start: the ends are clamped, never wrapped.
    var window: ClosedRange<Timestamp> { span(before: CorrelatingLimits.evidenceBefore, after: CorrelatingLimits.evidenceAfter) }

    /// Before anything is evidence: what a host wrote then is not new.
    var dayBefore: ClosedRange<Timestamp> {
        let end = window.lowerBound
        let (start, underflow) = end.nanoseconds.subtractingReportingOverflow(CorrelatingLimits.firstSeenWithin.wholeNanoseconds)
        return (underflow ? .distantPast : Timestamp(nanoseconds: start))...end
    }

    func span(before: Duration, after: Duration) -> ClosedRange<Timestamp> {
        let (lower, underflow) = openedAt.nanoseconds.subtractingReportingOverflow(before.wholeNanoseconds)
        let (upper, overflow) = openedAt.nanoseconds.addingReportingOverflow(after.wholeNanoseconds)
        return (underflow ? .distantPast : Timestamp(nanoseconds: lower))...(overflow ? .distantFuture : Timestamp(nanoseconds: upper))
    }

    var incident: Incident {
        var incident = Incident(
            id: id,
            name: name,
            hosts: hosts,
            keys: keys.map(\.text),
            openedAt: openedAt,
            closedAt: closedAt,
            closing: closing,
            collection: collection,
            missing: missing,
            alerts: alerts,
            evidence: evidence,
            changes: changes,
            metrics: metrics
        )
        (incident.mergedInto, incident.mergedFrom) = (mergedInto, mergedFrom)
        return incident
    }

    /// Correlation ids by which more of it can be found.
    var correlationIDs: [String] { keys.filter { $0.kind == .correlation }.map(\.value) }

    mutating func learn(_ more: [IncidentKey], hosts moreHosts: [String]) {
        for key in more where !keys.contains(key) && keys.count < CorrelatingLimits.keysPerIncidentMax { keys.append(key) }
        for host in moreHosts where !host.isEmpty && !hosts.contains(host) && hosts.count < CorrelatingLimits.hostsPerIncidentMax {
            hosts.append(host)
        }
    }
}
