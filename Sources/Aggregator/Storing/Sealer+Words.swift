import Logging
import Operating
import Sealing
import Telemetry

/// A bit that turned in a group of words would hide what is there, and searches read single rows of it, which no checksum covers: so each group is read whole
/// once after the start.
extension Sealer {
    /// Takes groups whose checksum does not hold out of the directory; their blocks are looked into from then on.
    func checkWords() async throws(LogError) {
        for group in try await committer.wordGroups() {
            guard !Task.isCancelled else { return }
            guard let file = store.file(of: group.segment), try !group.isWhole(in: file) else { continue }
            var directory = DirectoryChange()
            directory.groupsGone = [group]
            try await committer.apply(directory, CatalogChange(wordsGone: [group.blocks]))
            logger.error(
                "the words of some sealed blocks are damaged: searches look into the blocks themselves, which is slower and misses nothing; check the disk",
                metadata: ["segment": "\(group.segment)", "blocks": "\(group.blocks.count)"]
            )
        }
    }
}

extension WordGroupRow {
    /// Whether its bytes are those that were written. Of an older segment, which has no checksum for it, it cannot be told: then true. One that was cut off
    /// is in no catalog.
    func isWhole(in file: any SegmentFile) throws(LogError) -> Bool {
        let start = range.lowerBound - SegmentPart.headBytes - 8 * blocks.count
        guard range.upperBound <= file.count, start >= 0, try file.read(0..<min(4, file.count)) == SegmentHead.magic else { return true }
        guard let part = SegmentPart(try file.read(start..<range.upperBound)), case .words(bitCount, let members) = part.content else { return false }
        return members.count == blocks.count
    }
}
