import Telemetry

/// Why a transition is told; the words are metric labels and never change.
enum TransitionReason: String, Sendable, CaseIterable {
    case fired
    /// It fired while the host could not reach us, and still does.
    case firedLate = "fired_late"
    case resolved
    /// It fired and was resolved before it arrived.
    case history
    /// Its agent no longer repeats it.
    case expired
    case hostDown = "host_down"
    /// A host is down, and an alert of its site stands for it: shown, and nobody is paged.
    case hostDownFolded = "host_down_folded"
    case hostBack = "host_back"
    case siteUnreachable = "site_unreachable"
    case siteReachable = "site_reachable"
    /// Events that say something together (`incidents.patterns`), and that they do so no more.
    case patternMatched = "pattern_matched"
    case patternEnded = "pattern_ended"
    /// The host was down for so long that it is taken as retired, or an operator said that it is gone for good.
    case hostForgotten = "host_forgotten"
    /// It changes so often that people are told so, and of no further change.
    case flapping = "flapping"
    /// A change of an alert that flaps.
    case heldFlapping = "held_flapping"
    /// An alert that flapped did not change for a while: this is its true state.
    case steady
    /// Of no alert: two open incidents turned out to be one. It goes into the log and to nobody.
    case incidentsMerged = "incidents_merged"
}

/// The book's word on one alert: to be numbered, stored and told.
struct AlertDecision: Sendable, Hashable {
    var key: AlertKey
    var alert: Alert
    var previous: AlertState?
    var reason: TransitionReason
    var isHistoryOnly = false
}

/// What the book must know of a host before it lets an alert expire.
struct HostCondition: Sendable, Hashable {
    var isUp: Bool
    /// The latest sample of the latest sample block, by the host's clock.
    var dataAt: Timestamp
    var collections: UInt64
}
