import Telemetry

/// The routing tree, every route with what it inherits filled in. An alert takes the first child that matches, and further ones while the
/// child says `continue`; where no child matches, the route itself.
package struct RouteTree: Sendable {
    /// A route as it is written; nil: as the parent.
    package struct Node: Sendable {
        package var receiver: String?
        package var groupBy: GroupBy?
        package var groupWait: Duration?
        package var groupInterval: Duration?
        package var repeatInterval: Duration?
        package var rateLimit: RateLimit?
        /// Names of time intervals; not inherited.
        package var mutedDuring: [String] = []
        package var activeDuring: [String] = []
        package var escalation: [EscalationStep]?
        package var matchers: [AlertMatcher]
        package var continues: Bool
        package var routes: [Node]

        package init(
            receiver: String? = nil,
            groupBy: GroupBy? = nil,
            groupWait: Duration? = nil,
            groupInterval: Duration? = nil,
            repeatInterval: Duration? = nil,
            rateLimit: RateLimit? = nil,
            matchers: [AlertMatcher] = [],
            continues: Bool = false,
            routes: [Node] = []
        ) {
            (self.receiver, self.groupBy, self.groupWait, self.groupInterval) = (receiver, groupBy, groupWait, groupInterval)
            (self.repeatInterval, self.rateLimit, self.matchers) = (repeatInterval, rateLimit, matchers)
            (self.continues, self.routes) = (continues, routes)
        }
    }

    package enum GroupBy: Sendable, Hashable {
        /// `'...'`: every label set is a group of its own.
        case all
        case labels([String])
    }

    /// `20/1h`: a burst of `count`, refilled evenly over `window`.
    package enum RateLimit: Sendable, Hashable {
        case none
        case of(count: Int, window: Duration)
    }

    let root: Route

    package init(root: Node) { self.root = Route(root, under: nil, key: "", isRoot: true) }

    /// The routes that an alert takes, at least one.
    func routes(for labels: Labels) -> [Route] { root.routes(for: labels) }

    /// Every route, the root first.
    var all: [Route] { root.all }
}

/// One route with everything filled in.
final class Route: Sendable {
    /// Names the route by its matchers and those above it, as Alertmanager does: the same after a restart.
    let key: String
    let receiver: String
    let groupBy: RouteTree.GroupBy
    let groupWait: Duration
    let groupInterval: Duration
    let repeatInterval: Duration
    /// The limit and the key of the route that sets it, which all below share.
    let limit: (key: String, count: Int, window: Duration)?
    /// Names of time intervals in which it tells nobody, and in which alone it tells somebody (none: always).
    let mutedDuring: [String]
    let activeDuring: [String]
    /// Whom else, when nobody acknowledges; each after so long since the group was told.
    let escalation: [EscalationStep]
    let matchers: [AlertMatcher]
    let continues: Bool
    let children: [Route]

    /// Alertmanager's defaults.
    static let groupWait = Duration.seconds(30)
    static let groupInterval = Duration.seconds(300)
    static let repeatInterval = Duration.seconds(4 * 3600)

    init(_ node: RouteTree.Node, under parent: Parent?, key parentKey: String, isRoot: Bool) {
        let own = "{" + node.matchers.map(\.description).joined(separator: ",") + "}"
        key = isRoot ? own : "\(parentKey)/\(own)\(parent?.twin ?? "")"
        receiver = node.receiver ?? parent?.receiver ?? ""
        groupBy = node.groupBy ?? parent?.groupBy ?? .labels([])
        groupWait = node.groupWait ?? parent?.groupWait ?? Route.groupWait
        groupInterval = node.groupInterval ?? parent?.groupInterval ?? Route.groupInterval
        repeatInterval = node.repeatInterval ?? parent?.repeatInterval ?? Route.repeatInterval
        switch node.rateLimit {
        case .of(let count, let window): limit = (key, count, window)
        case .some(.none): limit = nil
        case nil: limit = parent?.limit
        }
        (mutedDuring, activeDuring) = (node.mutedDuring, node.activeDuring)
        escalation = node.escalation ?? parent?.escalation ?? []
        matchers = node.matchers
        continues = node.continues
        var (children, seen): ([Route], [String: Int]) = ([], [:])
        for child in node.routes {
            let text = child.matchers.map(\.description).joined(separator: ",")
            let count = seen[text, default: 0]
            seen[text] = count + 1
            // Two routes with the same matchers (the first continues) must not share their groups.
            let inherited = Parent(
                receiver: receiver,
                groupBy: groupBy,
                groupWait: groupWait,
                groupInterval: groupInterval,
                repeatInterval: repeatInterval,
                limit: limit,
                escalation: escalation,
                twin: count == 0 ? "" : "#\(count)"
            )
            children.append(Route(child, under: inherited, key: key, isRoot: false))
        }
        self.children = children
    }

    /// What a child takes over.
    struct Parent {
        var receiver: String
        var groupBy: RouteTree.GroupBy
        var groupWait: Duration
        var groupInterval: Duration
        var repeatInterval: Duration
        var limit: (key: String, count: Int, window: Duration)?
        var escalation: [EscalationStep]
        var twin: String
    }

    var all: [Route] { [self] + children.flatMap(\.all) }

    func routes(for labels: Labels) -> [Route] {
        var taken: [Route] = []
        for child in children where child.matchers.hold(for: labels) {
            taken += child.routes(for: labels)
            if !child.continues { break }
        }
        return taken.isEmpty ? [self] : taken
    }

    func groupLabels(of labels: Labels) -> Labels {
        switch groupBy {
        case .all: labels
        case .labels(let names): labels.keeping(names)
        }
    }

    /// Alertmanager's group key: `{}/{severity="critical"}:{alertname="DiskFull"}`.
    func groupKey(_ groupLabels: Labels) -> String { "\(key):\(groupLabels)" }
}
