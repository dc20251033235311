/// What an agent says about itself, as events of source ``Event/ownSource`` in the lane of the alerts: they are live, and no log line waits before them.
package enum AgentNotice {
    /// The last word of an agent that is told to stop. `data` has `kind`, a word of ``Absence``.
    package static let stopped = "agent.stopped"
    /// The first word of an agent. `data` has `version` and `boot_id`.
    package static let started = "agent.started"
    /// The agent finds another boot id than at its last start: the host was rebooted meanwhile.
    package static let booted = "host.booted"

    /// Why an agent stops; the words are stored and travel.
    package enum Absence: String, Sendable, Hashable, CaseIterable {
        /// The host is going down, and is not said to come back.
        case shutdown
        case reboot
        /// The agent's package is being replaced.
        case upgrade
        /// Somebody stopped the agent alone.
        case stop

        /// For people: "said goodbye for a reboot".
        package var words: String {
            switch self {
            case .shutdown: "its host is shutting down"
            case .reboot: "its host is rebooting"
            case .upgrade: "the agent is being upgraded"
            case .stop: "the agent was stopped"
            }
        }
    }
}
