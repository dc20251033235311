/// A file's identity and a byte range of it. An empty range says where a file stands without a line of it.
package struct ReadRange: Sendable, Hashable {
    package var path: String
    package var device: UInt64
    package var inode: UInt64
    /// First byte, inclusive, and last, exclusive.
    package var from: UInt64
    package var to: UInt64
    /// What the file held at its beginning and before `to`, as in ``ReadPosition``: by it a new spool knows the file again.
    package var headHash: UInt64 = 0
    /// 0: not told.
    package var headLength: UInt32 = 0
    package var tailHash: UInt64 = 0
    package var tailLength: UInt32 = 0
    /// The file was rotated away and read to its end: nobody needs to know where it stood.
    package var isFinished = false

    package init(path: String, device: UInt64, inode: UInt64, from: UInt64, to: UInt64) {
        (self.path, self.device, self.inode, self.from, self.to) = (path, device, inode, from, to)
    }

    /// From a byte to where a position stands.
    package init(from: UInt64, to position: ReadPosition) {
        self.init(path: position.path, device: position.device, inode: position.inode, from: from, to: position.offset)
        (headHash, headLength, tailHash, tailLength) = (position.headHash, position.headLength, position.tailHash, position.tailLength)
        isFinished = position.isFinished
    }

    /// The next bytes of the same file.
    package func isFollowed(by other: ReadRange) -> Bool {
        other.device == device && other.inode == inode && other.from == to && other.path == path && !isFinished
    }
}

/// How far a file has been read. Stored in the transaction that stores the lines, and handed back to Tailing at the next start.
package struct ReadPosition: Sendable, Hashable {
    /// Where the file was last seen.
    package var path: String
    package var device: UInt64
    package var inode: UInt64
    /// The first byte that is not yet read.
    package var offset: UInt64
    /// A hash of the first `headLength` bytes, so that a reused inode is seen to be a new file.
    package var headHash: UInt64
    package var headLength: UInt32
    /// A hash of the `tailLength` bytes before `offset`, so that a file that was filled anew behind its first lines is seen, too.
    package var tailHash: UInt64
    package var tailLength: UInt32
    /// What else Tailing has to find again with this position: lines that are counted and not yet told. Opaque to the spool; usually empty.
    package var state: [UInt8]
    /// True once the file was rotated away and read to its end: the position may be forgotten.
    package var isFinished: Bool

    package init(
        path: String,
        device: UInt64,
        inode: UInt64,
        offset: UInt64,
        headHash: UInt64 = 0,
        headLength: UInt32 = 0,
        tailHash: UInt64 = 0,
        tailLength: UInt32 = 0,
        state: [UInt8] = [],
        isFinished: Bool = false
    ) {
        (self.path, self.device, self.inode, self.offset) = (path, device, inode, offset)
        (self.headHash, self.headLength, self.tailHash, self.tailLength) = (headHash, headLength, tailHash, tailLength)
        (self.state, self.isFinished) = (state, isFinished)
    }
}

extension ReadPosition {
    /// Where a file stands behind what was read.
    package init(_ read: ReadRange) {
        self.init(
            path: read.path,
            device: read.device,
            inode: read.inode,
            offset: read.to,
            headHash: read.headHash,
            headLength: read.headLength,
            tailHash: read.tailHash,
            tailLength: read.tailLength,
            isFinished: read.isFinished
        )
    }
}

/// What a room had made durable, handed to it once at start. It goes back into the spool inside the intake that it belongs to.
package struct Checkpoint: Sendable, Hashable {
    /// Read positions, for Tailing.
    package var positions: [ReadPosition]
    /// Alerts that are pending or firing, for Judging: `for` goes on after a restart.
    package var alerts: [Alert]
    /// Matches so far by pattern name, for Judging: a counter that does not reset with the agent.
    package var patternMatches: [String: UInt64]
    /// See ``Intake/notes``.
    package var notes: [String: String]

    package init(
        positions: [ReadPosition] = [],
        alerts: [Alert] = [],
        patternMatches: [String: UInt64] = [:],
        notes: [String: String] = [:]
    ) {
        (self.positions, self.alerts, self.patternMatches, self.notes) = (positions, alerts, patternMatches, notes)
    }
}
