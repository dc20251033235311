/// Who sent a request: what a token stands for.
package struct Principal: Sendable, Hashable {
    package enum Role: String, Sendable, Hashable, CaseIterable { case agent, `operator`, viewer }

    /// The token's name in the tokens file; `loopback` where tokens are not required.
    package var name: String
    package var role: Role
    /// The only host that an agent's token may speak for; nil: any.
    package var host: String?

    package init(name: String, role: Role, host: String? = nil) { (self.name, self.role, self.host) = (name, role, host) }

    /// What loopback clients are when there is no tokens file.
    package static let loopback = Principal(name: "loopback", role: .operator)
}

/// What Receiving hands to Admitting: a request's content, read and well-formed, but not yet allowed.
package struct Submission: Sendable {
    package enum Content: Sendable {
        /// From an agent: opened batches, each with the checksum of its sealed bytes.
        case native([ReceivedBatch])
        /// From a JSON client.
        case events(ClientEvents)
        /// Alerts of another system, in one block of kind ``BlockKind/alerts``; the receipt is that of a JSON client.
        case alerts(AdmittedBlock)
    }

    package var principal: Principal
    package var receivedAt: Timestamp
    package var content: Content
    /// Bytes of the body as it came, and after inflating.
    package var bodyBytes: Int
    package var inflatedBytes: Int

    package init(principal: Principal, receivedAt: Timestamp, content: Content, bodyBytes: Int, inflatedBytes: Int) {
        (self.principal, self.receivedAt, self.content) = (principal, receivedAt, content)
        (self.bodyBytes, self.inflatedBytes) = (bodyBytes, inflatedBytes)
    }
}

/// A batch off the wire, with what tells a repeat from a clone.
package struct ReceivedBatch: Sendable, Hashable {
    package var batch: Batch
    /// A 64-bit checksum of the batch's uncompressed bytes.
    package var checksum: UInt64
    /// The zstd frames that hold just this batch, as they came; empty where they are not known.
    package var packed: [UInt8]

    package init(batch: Batch, checksum: UInt64, packed: [UInt8] = []) { (self.batch, self.checksum, self.packed) = (batch, checksum, packed) }
}

/// The good events of a JSON request: encoded as they were read, and what must be known to admit them.
package struct ClientEvents: Sendable {
    /// In the order of the request.
    package var blocks: [AdmittedBlock]
    /// How many events have each source.
    package var sources: [String: Int]
    /// The different hosts; empty stands for events that name none.
    package var hosts: Set<String>
    /// The `Idempotency-Key` header.
    package var idempotencyKey: String?
    /// Of the request's text, inflated: tells a repeat from another request under the same key. Nil: not known, or there is no key.
    package var checksum: UInt64?

    package init(blocks: [AdmittedBlock], sources: [String: Int], hosts: Set<String>, idempotencyKey: String? = nil, checksum: UInt64? = nil) {
        (self.blocks, self.sources, self.hosts, self.idempotencyKey, self.checksum) = (blocks, sources, hosts, idempotencyKey, checksum)
    }

    package var count: Int { blocks.reduce(0) { $0 + $1.count } }
}

/// What passed every check and may be stored.
package struct AdmittedBatch: Sendable {
    package enum Origin: Sendable, Hashable {
        /// One batch of an agent's lane. Stored if `sequence` is above the watermark; the same sequence with another checksum is a clone.
        case agent(HostIdentity, lane: Lane, sequence: UInt64, checksum: UInt64)
        /// A request of a JSON client. `key` makes the whole request idempotent; the same key with another checksum is another request's. A nil checksum is
        /// compared with none.
        case client(name: String, key: String?, checksum: UInt64? = nil)
    }

    package var origin: Origin
    package var receivedAt: Timestamp
    package var blocks: [AdmittedBlock]
    package var reads: [ReadRange]

    package init(origin: Origin, receivedAt: Timestamp, blocks: [AdmittedBlock], reads: [ReadRange] = []) {
        (self.origin, self.receivedAt, self.blocks, self.reads) = (origin, receivedAt, blocks, reads)
    }
}

/// An encoded block whose bytes were verified, and what its header says; or a single event that was not encoded.
package struct AdmittedBlock: Sendable, Hashable {
    package var kind: BlockKind
    /// Empty where ``event`` is there.
    package var bytes: [UInt8]
    /// The only row, which the store encodes together with others.
    package private(set) var event: SingleEvent?
    package var count: Int
    /// The earliest and the latest timestamp in it.
    package var from: Timestamp
    package var to: Timestamp
    /// The clients' own event ids in it, by row; empty when there are none. The store keeps them unique.
    package var ids: [UInt32: UUID]
    /// Nanoseconds by row, where whoever encoded the block kept them: identifiers are derived from them without decoding it. Empty where not.
    package var timestamps: [Int64]
    /// Zstd frames whose last bytes, inflated, are ``bytes``, where the block came so: the store need not pack it anew. Empty where not.
    package var packed: [UInt8]

    package init(
        kind: BlockKind,
        bytes: [UInt8],
        count: Int,
        from: Timestamp,
        to: Timestamp,
        ids: [UInt32: UUID] = [:],
        timestamps: [Int64] = [],
        packed: [UInt8] = []
    ) {
        (self.kind, self.bytes, self.count, self.from, self.to) = (kind, bytes, count, from, to)
        (self.ids, self.timestamps, self.packed) = (ids, timestamps, packed)
    }

    package init(_ event: SingleEvent) {
        self.init(kind: .events, bytes: [], count: 1, from: event.timestamp, to: event.timestamp, timestamps: [event.timestamp.nanoseconds])
        if let id = event.id { ids = [0: id] }
        self.event = event
    }
}
