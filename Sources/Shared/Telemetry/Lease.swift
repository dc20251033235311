/// Batches on loan: they stay in the spool until they are acknowledged. A lease that is forgotten gives its batches back by itself.
package struct Lease: ~Copyable, Sendable {
    /// The most urgent lane first, then by sequence; never empty.
    package let batches: [SealedBatch]
    /// Under whose id they are sealed. It is not always the spool's own: what a damaged or cloned spool held goes out under the id it was sealed
    /// with, so that the aggregator knows what it has already.
    package let agent: UUID
    private let finish: @Sendable ([SealedBatch]) -> Void

    /// - Parameter finish: called once, when the lease ends in whichever way; what is acknowledged is told to the source separately.
    package init(_ batches: [SealedBatch], of agent: UUID, finish: @escaping @Sendable ([SealedBatch]) -> Void) {
        (self.batches, self.agent, self.finish) = (batches, agent, finish)
    }

    deinit { finish(batches) }
}

/// The tank that Shipping draws from. The one return arrow of the agent is the acknowledgement.
package protocol BatchSource: Sendable {
    /// Who sends.
    func identity() async throws(SinkError) -> HostIdentity
    /// Up to `bytes` of the most urgent batches of these lanes not on loan, at least one, all of one agent id; nil when there are none.
    func lease(of lanes: [Lane], upToBytes bytes: Int) async throws(SinkError) -> Lease?
    /// Suspends until there is something of these lanes to lease, or until the task is cancelled.
    func waitForBatches(of lanes: [Lane]) async
    /// From now on `ring` is called, on any thread, whenever there may be something to lease; who was called before is forgotten.
    func tellArrivals(_ ring: @escaping @Sendable () -> Void)
    /// These sequences and all before them are durable at the aggregator: their space is free again.
    /// - Parameter agent: whose sequences they are, see ``Lease/agent``.
    func acknowledge(_ acknowledgement: Acknowledgement, of agent: UUID) async throws(SinkError)
    /// The aggregator will never take this batch: it is kept aside, recorded as a gap, and no longer in the way.
    func setAside(_ batch: SealedBatch, of agent: UUID, reason: String) async throws(SinkError)
    /// Makes two of a batch that is too large for the aggregator. False when it cannot be divided any more.
    func split(_ batch: SealedBatch, of agent: UUID) async throws(SinkError) -> Bool
    /// The aggregator holds other content under this batch's sequence (a cloned or restored spool): take a new agent id, restart the sequences,
    /// keep what is not acknowledged, and record it. False when no new id was needed: only a note of damage stood there, and the aggregator has
    /// the batch itself.
    func resolveConflict(over batch: SealedBatch, of agent: UUID, reason: String) async throws(SinkError) -> Bool
}
