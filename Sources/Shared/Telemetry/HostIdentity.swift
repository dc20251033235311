/// Who an agent is. The identifier lives in the spool: a new spool is a new agent, so a sequence is never used twice; the name is another thing.
package struct HostIdentity: Sendable, Hashable {
    package var agent: UUID
    /// The host's name, or what `host:` of the configuration says.
    package var host: String
    /// `tags:` of the configuration.
    package var tags: [String]

    package init(agent: UUID, host: String, tags: [String] = []) { (self.agent, self.host, self.tags) = (agent, host, tags) }
}
