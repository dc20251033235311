/// Batches on loan: they stay in the spool until they are acknowledged. A lease that is forgotten gives its batches back by itself.
package struct Lease: ~Copyable, Sendable {
    /// The most urgent lane first, then by sequence; never empty.
    package let batches: [SealedBatch]
    private let finish: @Sendable ([SealedBatch]) -> Void

    /// - Parameter finish: called once, when the lease ends in whichever way; what is acknowledged is told to the source separately.
    package init(_ batches: [SealedBatch], finish: @escaping @Sendable ([SealedBatch]) -> Void) {
        (self.batches, self.finish) = (batches, finish)
    }

    deinit { finish(batches) }
}

/// The tank that Shipping draws from. The one return arrow of the agent is the acknowledgement.
package protocol BatchSource: Sendable {
    /// Who sends.
    func identity() async throws(SinkError) -> HostIdentity
    /// Up to `bytes` of the most urgent batches not on loan, at least one; nil when there are none.
    func lease(upToBytes bytes: Int) async throws(SinkError) -> Lease?
    /// Suspends until there is something to lease, or until the task is cancelled.
    func waitForBatches() async
    /// These sequences and all before them are durable at the aggregator: their space is free again.
    func acknowledge(_ acknowledgement: Acknowledgement) async throws(SinkError)
    /// The aggregator will never take this batch: it is kept aside, recorded as a gap, and no longer in the way.
    func setAside(_ batch: SealedBatch, reason: String) async throws(SinkError)
    /// The aggregator holds other content under our sequence (a cloned or restored spool): take a new agent id, restart the sequences,
    /// keep what is not acknowledged, and record it.
    func renewIdentity(reason: String) async throws(SinkError)
}
