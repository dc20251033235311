/// How much one sender may send. Each number can be set in aggregator.yaml under `limits`.
package struct AdmittingLimits: Sendable, Hashable {
    /// `limits.events_per_second`: events of JSON clients a second, for each source.
    package var eventsPerSecond: Double
    /// `limits.burst`: what a source may send at once; a single larger request passes when the bucket is full and leaves a debt.
    package var burst: Double
    /// `limits.agents.events_per_second`: events, samples and alerts a second, for each agent. High: an agent that comes back after nine days
    /// has much to tell.
    package var agentRowsPerSecond: Double
    /// `limits.agents.burst`.
    package var agentBurst: Double
    /// `limits.agents.series`: label sets that one agent may send in an hour. A host has some 500 to 2 000; a label with a value out of control
    /// reaches this limit in minutes.
    package var seriesPerAgentMax: Int
    /// `limits.future`: how far ahead of our clock a row of an agent may be, as for events of JSON clients. A host whose clock is wrong would be first in
    /// every list, and retention and alerts would wait for its days to come.
    package var futureMax: Duration

    package init(
        eventsPerSecond: Double = 1_000,
        burst: Double = 2_000,
        agentRowsPerSecond: Double = 50_000,
        agentBurst: Double = 500_000,
        seriesPerAgentMax: Int = 20_000,
        futureMax: Duration = .seconds(86_400)
    ) {
        (self.eventsPerSecond, self.burst) = (eventsPerSecond, burst)
        (self.agentRowsPerSecond, self.agentBurst) = (agentRowsPerSecond, agentBurst)
        (self.seriesPerAgentMax, self.futureMax) = (seriesPerAgentMax, futureMax)
    }

    /// Sources and agents whose buckets are kept, each; about 100 bytes a bucket. Those beyond share one bucket.
    static let bucketsMax = 20_000
    /// Agents whose series are counted; those beyond are not limited by series.
    static let censusAgentsMax = 10_000
    /// Lists of series remembered of one agent, 16 bytes each; one that changes its list at each collection is looked into each time.
    static let censusListsMax = 256
}
