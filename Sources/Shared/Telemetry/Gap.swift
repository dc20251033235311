/// A loss that is known: which source, from when to when, how many, why. Loss is never silent: a gap is shipped, counted and shown.
package struct Gap: Sendable, Hashable {
    /// Why something is missing; the word is a metric label and never changes.
    package enum Reason: String, Sendable, Hashable, CaseIterable {
        /// The spool was full and its oldest batches were given up.
        case spoolFull = "spool_full"
        /// The spool was full and metrics in it were kept in coarser steps.
        case thinned
        /// A file became shorter than what had been read of it: what was written between is not known.
        case truncated
        /// A file vanished before it was read to its end.
        case fileLost = "file_lost"
        /// Stored bytes failed their checksum and were set aside.
        case corrupt
        /// The aggregator refused a batch for good; it was set aside.
        case refused
        /// A line was longer than the limit and was cut.
        case lineCut = "line_cut"
        /// An operator deleted it.
        case purged
        /// Retention passed over a reader.
        case retention
        /// Samples were collected and the spool could not take them.
        case notStored = "not_stored"
        /// A collector did not answer in time.
        case stale
        /// Datagrams came while there was no room for them.
        case datagramsLost = "datagrams_lost"
        /// The spool was made on another machine, or the aggregator knew its sequence with another content: cloned or restored.
        case spoolCloned = "spool_cloned"
        /// The spool is gone, or forgot where a file stood: what it had not delivered is lost, or a file is read again.
        case spoolLost = "spool_lost"
    }

    /// A path, a collector or a lane.
    package var source: String
    package var reason: Reason
    package var from: Timestamp
    package var to: Timestamp
    /// How many lines, samples or batches; 0 when it cannot be known.
    package var count: UInt64
    /// How many bytes; 0 when it cannot be known.
    package var bytes: UInt64
    /// A sentence for people.
    package var detail: String

    package init(source: String, reason: Reason, from: Timestamp, to: Timestamp, count: UInt64 = 0, bytes: UInt64 = 0, detail: String) {
        (self.source, self.reason, self.from, self.to) = (source, reason, from, to)
        (self.count, self.bytes, self.detail) = (count, bytes, detail)
    }

    /// A gap travels as an Event of this type with source ``Event/ownSource``; its numbers stand in `data`.
    package static let eventType = "gap.recorded"
}
