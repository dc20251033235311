/// How many rows of a block of events have which value: statistics and filters need not read the block.
package struct BlockSummary: Sendable, Hashable {
    package var sources: [String: Int]
    package var types: [String: Int]
    package var hosts: [String: Int]
    package var severities: [Severity: Int]
    /// A Bloom filter of the rows' correlation ids, made by ``correlationFilter(of:)``; empty when no row has one.
    package var correlationFilter: [UInt8]

    package init(
        sources: [String: Int],
        types: [String: Int],
        hosts: [String: Int],
        severities: [Severity: Int],
        correlationFilter: [UInt8] = []
    ) {
        (self.sources, self.types, self.hosts, self.severities) = (sources, types, hosts, severities)
        self.correlationFilter = correlationFilter
    }

    /// False: no row has this correlation id. True: some row may have it.
    package func mayHold(correlationID: String) -> Bool {
        guard !correlationFilter.isEmpty else { return false }
        return BlockSummary.bits(of: correlationID, in: correlationFilter.count * 8).allSatisfy {
            correlationFilter[$0 / 8] & 1 << UInt8($0 % 8) != 0
        }
    }

    /// About twelve bits an id and four bits set for each: one in 150 blocks is read in vain. At most 16 KiB.
    package static func correlationFilter(of ids: [String]) -> [UInt8] {
        guard !ids.isEmpty else { return [] }
        var filter = [UInt8](repeating: 0, count: min(16_384, (ids.count * 12 + 7) / 8))
        for id in ids { for bit in bits(of: id, in: filter.count * 8) { filter[bit / 8] |= 1 << UInt8(bit % 8) } }
        return filter
    }

    /// FNV-1a and double hashing: stored filters depend on it, so it never changes.
    private static func bits(of id: String, in count: Int) -> [Int] {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in id.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash = (hash ^ hash >> 33) &* 0xFF51_AFD7_ED55_8CCD
        let step = hash >> 32 | 1
        return (0..<4).map { Int((hash &+ $0 &* step) % UInt64(count)) }
    }
}
