/// A place in the log: grows by one with each stored block, in the order of commitment. Position 0 stands before the first block.
package typealias LogPosition = UInt64

/// A block as the log gives it back.
package struct StoredBlock: Sendable, Hashable {
    package var position: LogPosition
    package var kind: BlockKind
    /// Encoded and uncompressed; its checksum was verified.
    package var bytes: [UInt8]
    package var count: Int
    package var from: Timestamp
    package var to: Timestamp
    package var receivedAt: Timestamp
    /// Of row 0: the origin of row n has `row` n. For clients' requests the agent is the log's own id.
    package var origin: RowOrigin
    /// The agent's host; empty for a client's request.
    package var host: String
    /// The agent's tags; empty for a client's request.
    package var tags: [String]
    /// Rows that are repeats of events stored before (a client's own id came again): readers pass over them.
    package var repeatedRows: [UInt32]
    /// The rows' numbers in the arrival, ascending, where some of its rows are not here any more; empty: row n is its number n.
    package var rowNumbers: [UInt32]

    package init(
        position: LogPosition,
        kind: BlockKind,
        bytes: [UInt8],
        count: Int,
        from: Timestamp,
        to: Timestamp,
        receivedAt: Timestamp,
        origin: RowOrigin,
        host: String,
        tags: [String] = [],
        repeatedRows: [UInt32] = [],
        rowNumbers: [UInt32] = []
    ) {
        (self.position, self.kind, self.bytes, self.count, self.from, self.to) = (position, kind, bytes, count, from, to)
        (self.receivedAt, self.origin, self.host, self.tags, self.repeatedRows) = (receivedAt, origin, host, tags, repeatedRows)
        self.rowNumbers = rowNumbers
    }
}

/// What a writer learns when its batch is durable.
package enum AppendOutcome: Sendable, Hashable {
    /// Stored now. For a client's request: the identifiers of its events, in order.
    case stored(ids: [UUID])
    /// Known already (sequence at or below the watermark, or a known idempotency key) and not stored again; the same answer as the first time.
    case repeated(ids: [UUID])
    /// This sequence is known with another checksum: a cloned or restored spool. Or the idempotency key is, of another request.
    case conflict
    /// The sequence is not the next one after the watermark; the aggregator expects `expected`.
    case outOfOrder(expected: UInt64)
}

// MARK: The seam

// `LogWriter` and `LogReader` are all that Admitting, Correlating and the live stream know of the log: the seam where another engine (a log that several
// machines share) can take SQLite's place. The promises below are checked by Tests/LogConformance, which any implementation must pass;
// docs/architecture.md says how. Searches ask for more (`LogBrowsing`, in Sealing): an engine that others search leaves that to them.

/// The writing side of the log. Safe to call from many tasks at once.
package protocol LogWriter: Sendable {
    /// Stores batches, in their order, and returns when they are on disk: what is answered as stored survives the loss of power. Calls at the same time may
    /// share one commit. Each batch has its own outcome, at its index:
    ///
    /// - An agent's batch whose sequence follows the watermark of its lane is stored, and the watermark moves in the same transaction. The first batch of
    ///   an agent and lane that the log does not know may have any sequence. One at or below the watermark is ``AppendOutcome/repeated(ids:)`` and stores
    ///   nothing; with another checksum than the first time ``AppendOutcome/conflict`` (checksums of the last sequences are remembered); one further on
    ///   is ``AppendOutcome/outOfOrder(expected:)``.
    /// - A client's batch with a known idempotency key is repeated, with the identifiers of the first time; keys are each client's own and are forgotten
    ///   after a while. An event whose own id is stored already is passed over: its row counts as repeated. All others get ids that never come twice.
    ///
    /// - Throws: when a batch could not be stored. Then each of the batches is stored whole, with all that this entails for its repeat, or not at all.
    func append(_ batches: [AdmittedBatch]) async throws(LogError) -> [AppendOutcome]

    /// The highest durable sequence of each lane of an agent; lanes that never sent are absent.
    func watermarks(of agent: UUID) async throws(LogError) -> Acknowledgement
}

extension LogWriter {
    package func append(_ batch: AdmittedBatch) async throws(LogError) -> AppendOutcome { try await append([batch])[0] }
}

/// What a reader is given at once.
package struct LogPage: Sendable, Hashable {
    /// In the order of commitment; only of the kinds asked for.
    package var blocks: [StoredBlock]
    /// Everything up to here was looked at: where the next page begins. Equal to the position asked for at the end of the log.
    package var next: LogPosition
    /// Retention has passed over the reader, or bytes were damaged: this lay between its position and the first block of the page, and is gone.
    package var gap: Gap?

    package init(blocks: [StoredBlock], next: LogPosition, gap: Gap? = nil) { (self.blocks, self.next, self.gap) = (blocks, next, gap) }
}

/// A named reader of the log. The reader commits its position in its own transaction, together with its effect; what the log keeps is a
/// copy, written now and then: never ahead of the truth, and good enough to show the lag.
package struct LogCursor: Sendable, Hashable {
    /// `correlating`; not empty.
    package var name: String
    package var position: LogPosition

    package init(name: String, position: LogPosition) { (self.name, self.position) = (name, position) }
}

/// The reading side of the log. Readers keep their own cursors; everything behind the log is a reader. Safe to call from many tasks at once.
package protocol LogReader: Sendable {
    /// What lies behind `position`, in the order of commitment: each row of the kinds asked for once, for each reader, whatever the engine does with it
    /// meanwhile. It may give the rows of one block as several with one position, and samples in blocks other than those that came. `next` grows with each
    /// page that is not the last, also when no block of it was asked for. An empty page whose `next` is the position asked for, or the end, is the end of
    /// the log.
    ///
    /// What retention or damage took between `position` and `next` is told as the page's gap, once to a reader that goes on from page to page. A reader ahead of
    /// the end (the log was replaced by an older one) gets an empty page and its own position.
    /// - Precondition: `limit > 0`. A page holds at most so many blocks, and more only where several have one position.
    func page(after position: LogPosition, kinds: Set<BlockKind>, limit: Int) async throws(LogError) -> LogPage

    /// The last position stored; 0 when empty. Never shrinks while the log is open, and grows before the append that moved it returns.
    func end() async throws(LogError) -> LogPosition

    /// Suspends until `end() > position`, until the log is closed, or until the task is cancelled.
    func waitForBlocks(after position: LogPosition) async

    /// Keeps a copy of a reader's position, for its lag; may be behind, never ahead of what the reader has committed. A copy that cannot be kept is no error:
    /// the reader's own position is the truth.
    func report(_ cursor: LogCursor) async

    /// The copies, by name.
    func cursors() async throws(LogError) -> [LogCursor]
}

/// Why the log could not do it. Nothing was stored.
package enum LogError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The disk is full or its reserve is reached: try again after `retryAfter`.
    case full(String)
    /// Too much is waiting to be written: try again later.
    case busy(String)
    /// Reading or writing failed; the sentence says what and what to check.
    case failed(String)
    /// What was stored cannot be read where it lies: the file was cut, or the disk says that it cannot read it.
    case unreadable(String)
    case closed

    package var description: String {
        switch self {
        case .full(let detail), .busy(let detail), .failed(let detail), .unreadable(let detail): detail
        case .closed: "the log is closed: the aggregator is stopping"
        }
    }

    /// A metric label; never holds a value.
    package var label: StaticString {
        switch self {
        case .full: "full"
        case .busy: "busy"
        case .failed: "failed"
        case .unreadable: "unreadable"
        case .closed: "closed"
        }
    }
}
