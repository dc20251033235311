package import JSON
package import Telemetry

/// What a check of the whole log found.
package struct LogVerification: Sendable, Hashable {
    /// One thing that is not as it should be.
    package struct Finding: Sendable, Hashable {
        package enum Kind: String, Sendable, Hashable, CaseIterable {
            /// SQLite's own check of the journal, or of another database in the folder, found something.
            case database
            /// An arrival in the journal that is not what was stored.
            case arrival
            /// A segment that the journal names is not there, or cannot be opened.
            case missingSegment = "missing_segment"
            /// A sealed block lies behind the end of its file.
            case cutSegment = "cut_segment"
            /// A checksum or a length inside a sealed block is wrong.
            case block
            /// The block is whole, but the directory says something else of it.
            case directory
            /// The rows of a group of words are damaged, or lie behind the end of their file.
            case words
        }

        package var kind: Kind
        /// The file, below the log's folder.
        package var file: String
        /// Where in the file; nil: all of it.
        package var bytes: Range<Int>?
        /// The sealed block's number, or the arrival's position.
        package var number: UInt64?
        /// Rows that cannot be read any more because of it.
        package var rows: Int
        package var from: Timestamp?
        package var to: Timestamp?
        package var detail: String

        /// What it means for whoever asks the log.
        package var meaning: String {
            let span = if let from, let to { " from \(from.rfc3339) to \(to.rfc3339)" } else { "" }
            switch kind {
            case .database:
                return
                    "stop the aggregator and restore this database from a backup; the log's own journal is written again from the segments at the next start, and the old one stays beside it"
            case .arrival, .block:
                return "\(rows) rows\(span) cannot be read; the aggregator sets them aside and records a gap, all others stay readable"
            case .missingSegment, .cutSegment:
                return "\(rows) rows\(span) are gone; put the file back from a backup before the aggregator starts, or they become a gap"
            case .directory: return "\(rows) rows\(span) may be searched in the wrong place"
            case .words:
                return
                    "the aggregator looks into each block of this group instead, from its next start on: slower, and nothing is missed; until then searches may pass over some"
            }
        }

        /// Words are an index: without them nothing is lost.
        package var isLoss: Bool { kind != .words }
    }

    package var path: String
    package var segments = 0
    package var segmentBytes = 0
    package var sealedBlocks = 0
    package var arrivals = 0
    /// Rows in sealed blocks and arrivals, whether whole or not.
    package var rows = 0
    package var end: LogPosition = 0
    package var findings: [Finding] = []
    /// What the aggregator had found and set aside before.
    package var setAside = 0
    /// Files that nobody names, and bytes behind a file's recorded end: what a crash leaves; the next start removes them.
    package var leftovers: [String] = []

    package init(path: String) { self.path = path }

    package var isSound: Bool { findings.isEmpty }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("path", path)
        writer.member("sound", isSound)
        writer.member("end", end)
        writer.member("segments", segments)
        writer.member("segment_bytes", segmentBytes)
        writer.member("sealed_blocks", sealedBlocks)
        writer.member("arrivals", arrivals)
        writer.member("rows", rows)
        writer.member("set_aside", setAside)
        writer.member("leftovers", leftovers)
        writer.key("findings")
        writer.beginArray()
        for finding in findings {
            writer.beginObject()
            writer.member("kind", finding.kind.rawValue)
            writer.member("file", finding.file)
            if let bytes = finding.bytes {
                writer.member("offset", bytes.lowerBound)
                writer.member("bytes", bytes.count)
            }
            if let number = finding.number { writer.member("number", number) }
            writer.member("rows", finding.rows)
            if let from = finding.from { writer.member("from", from.rfc3339) }
            if let to = finding.to { writer.member("to", to.rfc3339) }
            writer.member("detail", finding.detail)
            writer.member("meaning", finding.meaning)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }
}
