/// How the aggregator's parts are.
package struct HealthReport: Sendable, Hashable {
    /// From good to bad.
    package enum Status: String, Sendable, Hashable, CaseIterable, Comparable {
        case healthy
        /// It works, and somebody should look.
        case degraded
        /// It cannot do its main job.
        case unhealthy

        package static func < (a: Status, b: Status) -> Bool { a.rank < b.rank }

        private var rank: Int {
            switch self {
            case .healthy: 0
            case .degraded: 1
            case .unhealthy: 2
            }
        }
    }

    package struct Component: Sendable, Hashable {
        package var name: String
        package var status: Status
        /// What is wrong and what to do; empty when healthy.
        package var detail: String

        package init(name: String, status: Status, detail: String = "") { (self.name, self.status, self.detail) = (name, status, detail) }
    }

    package var components: [Component]

    package init(components: [Component]) { self.components = components }

    /// That of the worst part.
    package var status: Status { components.map(\.status).max() ?? .healthy }
}
