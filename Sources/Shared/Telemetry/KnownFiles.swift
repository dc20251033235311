/// How far a host's files are stored at the aggregator. An agent whose spool was lost asks for it, and goes on there.
package struct KnownFiles: Sendable, Hashable {
    /// Whether another agent of the host ever delivered something. Without one there was no spool that could have been lost.
    package var hasEarlierAgent: Bool
    /// When the last of the positions was told; nil without one.
    package var notedAt: Timestamp?
    /// By path.
    package var positions: [ReadPosition]

    package init(hasEarlierAgent: Bool, notedAt: Timestamp? = nil, positions: [ReadPosition] = []) {
        (self.hasEarlierAgent, self.notedAt, self.positions) = (hasEarlierAgent, notedAt, positions)
    }
}

/// Who knows it: the log, which notes where files stand in the transaction that stores their lines.
package protocol FileDirectory: Sendable {
    /// - Parameter agents: who asks, by all of its ids; what it delivered itself does not make it an earlier one.
    func knownFiles(of host: String, askedBy agents: [UUID]) async throws(LogError) -> KnownFiles
}

/// What a spool says of itself in a note as long as it does not know where files stand; nil where it knows. Tailing settles it.
package enum FileMemory: Sendable, Hashable {
    /// Where a file was begun although nobody knew how far it was read.
    package struct Start: Sendable, Hashable {
        package var device: UInt64
        package var inode: UInt64
        package var offset: UInt64

        package init(device: UInt64, inode: UInt64, offset: UInt64) { (self.device, self.inode, self.offset) = (device, inode, offset) }
    }

    /// The spool was made new: this is the first start, or the one before it was lost.
    case new
    /// The spool was damaged and positions may be missing.
    case salvaged
    /// Nobody answered in time: these files were begun as `start` says, and the question stands.
    case begun([Start])

    /// The note's name, see ``Intake/notes``.
    package static let note = "files.memory"

    package var text: String {
        switch self {
        case .new: "new"
        case .salvaged: "salvaged"
        case .begun(let starts): "begun" + starts.map { " \($0.device):\($0.inode):\($0.offset)" }.joined()
        }
    }

    /// Nil for the empty text, and for what no version wrote.
    package init?(_ text: String) {
        let words = text.split(separator: " ")
        switch words.first {
        case "new": self = .new
        case "salvaged": self = .salvaged
        case "begun":
            self = .begun(
                words.dropFirst().compactMap { word in
                    let numbers = word.split(separator: ":").compactMap { UInt64($0) }
                    return numbers.count == 3 ? Start(device: numbers[0], inode: numbers[1], offset: numbers[2]) : nil
                }
            )
        default: return nil
        }
    }
}
