/// What the rooms of an agent show to Controlling, and `agentctl status` prints.
package struct AgentStatus: Sendable, Hashable {
    package enum Health: String, Sendable, Hashable { case healthy, degraded }

    package var identity: HostIdentity
    package var version: String
    package var startedAt: Timestamp
    package var now: Timestamp
    package var spool: SpoolStatus
    package var shipping: ShippingStatus
    package var tails: [TailStatus]
    package var inputs: [InputStatus]
    package var rules: [RuleStatus]
    package var collectors: [CollectorStatus]
    /// Reasons why it is degraded, each a sentence that says what to do; empty when healthy.
    package var problems: [String]

    package init(
        identity: HostIdentity,
        version: String,
        startedAt: Timestamp,
        now: Timestamp,
        spool: SpoolStatus,
        shipping: ShippingStatus,
        tails: [TailStatus],
        inputs: [InputStatus] = [],
        rules: [RuleStatus],
        collectors: [CollectorStatus],
        problems: [String]
    ) {
        (self.identity, self.version, self.startedAt, self.now) = (identity, version, startedAt, now)
        (self.spool, self.shipping, self.tails, self.inputs, self.rules) = (spool, shipping, tails, inputs, rules)
        (self.collectors, self.problems) = (collectors, problems)
    }

    package var health: Health { problems.isEmpty ? .healthy : .degraded }
}

package struct SpoolStatus: Sendable, Hashable {
    package var bytes: UInt64
    package var maxBytes: UInt64
    package var batches: [Lane: UInt64]
    /// Creation time of the oldest batch not yet acknowledged; nil when empty.
    package var oldest: Timestamp?
    /// At the rate of the last minutes; nil when it is not filling.
    package var secondsToFull: Double?
    /// Gaps by reason since the spool was made, and the latest ones.
    package var gapCounts: [Gap.Reason: UInt64]
    package var recentGaps: [Gap]
    /// Sealed bytes that are not acknowledged.
    package var waitingBytes: UInt64
    /// Until nothing waits, at the rate of the last minutes; nil when it does not become less.
    package var secondsToEmpty: Double?
    /// Batches that the aggregator refused for good and that are kept to be looked at.
    package var setAside: UInt64
    /// Why files are not read on: the spool is full of logs. Nil when they are.
    package var logsWait: String?
    /// Damaged databases that were set aside, oldest first.
    package var damaged: [String]

    package init(
        bytes: UInt64,
        maxBytes: UInt64,
        batches: [Lane: UInt64],
        oldest: Timestamp?,
        secondsToFull: Double?,
        gapCounts: [Gap.Reason: UInt64],
        recentGaps: [Gap],
        waitingBytes: UInt64 = 0,
        secondsToEmpty: Double? = nil,
        setAside: UInt64 = 0,
        logsWait: String? = nil,
        damaged: [String] = []
    ) {
        (self.bytes, self.maxBytes, self.batches, self.oldest) = (bytes, maxBytes, batches, oldest)
        (self.secondsToFull, self.gapCounts, self.recentGaps) = (secondsToFull, gapCounts, recentGaps)
        (self.waitingBytes, self.secondsToEmpty, self.setAside) = (waitingBytes, secondsToEmpty, setAside)
        (self.logsWait, self.damaged) = (logsWait, damaged)
    }
}

package struct ShippingStatus: Sendable, Hashable {
    /// Nil: the agent runs alone.
    package var url: String?
    /// Whether the last attempt got an answer.
    package var isReachable: Bool
    package var lastAcknowledgedAt: Timestamp?
    /// The last failure in a sentence; nil after a success.
    package var lastError: String?
    package var failuresInARow: Int
    /// Acknowledged bytes (compressed) over the last minute.
    package var bytesPerSecond: Double

    package init(
        url: String?,
        isReachable: Bool,
        lastAcknowledgedAt: Timestamp?,
        lastError: String?,
        failuresInARow: Int,
        bytesPerSecond: Double = 0
    ) {
        (self.url, self.isReachable, self.lastAcknowledgedAt) = (url, isReachable, lastAcknowledgedAt)
        (self.lastError, self.failuresInARow, self.bytesPerSecond) = (lastError, failuresInARow, bytesPerSecond)
    }
}

package struct TailStatus: Sendable, Hashable {
    package var path: String
    package var source: String
    package var offset: UInt64
    package var size: UInt64
    /// Nil when it is being read; else why not.
    package var problem: String?

    package init(path: String, source: String, offset: UInt64, size: UInt64, problem: String?) {
        (self.path, self.source, self.offset, self.size, self.problem) = (path, source, offset, size, problem)
    }
}

/// An input that is no file: a journal, an address that is listened on.
package struct InputStatus: Sendable, Hashable {
    package var name: String
    /// Since the start.
    package var messages: UInt64 = 0
    package var bytes: UInt64 = 0
    /// Datagrams that the kernel had no room for, since the start.
    package var dropped: UInt64 = 0
    /// Different senders since the start, and connections of now.
    package var peers = 0
    package var connections = 0
    /// Nil when it works; else why not, and what to do.
    package var problem: String?

    package init(name: String) { self.name = name }
}

package struct RuleStatus: Sendable, Hashable {
    package var name: String
    package var group: String
    package var pending: Int
    package var firing: Int
    /// The last evaluation's error; nil when it went well.
    package var lastError: String?

    package init(name: String, group: String, pending: Int, firing: Int, lastError: String?) {
        (self.name, self.group, self.pending, self.firing, self.lastError) = (name, group, pending, firing, lastError)
    }
}

package struct CollectorStatus: Sendable, Hashable {
    package var name: String
    package var isStale: Bool
    package var lastError: String?
    package var lastDuration: Duration

    package init(name: String, isStale: Bool, lastError: String?, lastDuration: Duration) {
        (self.name, self.isStale, self.lastError, self.lastDuration) = (name, isStale, lastError, lastDuration)
    }
}
