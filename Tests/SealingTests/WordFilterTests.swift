import Telemetry
import Testing

@testable import Sealing

@Suite struct WordFilterTests {
    private func hash(_ number: UInt64) -> UInt64 { (number &+ 1) &* 0x9E37_79B9_7F4A_7C15 ^ (number << 17) }

    @Test func `a filter never denies a word that it holds, and rarely claims one that it does not`() {
        let held = (0..<5000).map { hash($0) }
        let filter = WordFilter(of: held)
        #expect(held.allSatisfy(filter.mayHold))
        let claimed = (1_000_000..<1_010_000).count { filter.mayHold(hash($0)) }
        #expect(claimed < 60)
    }

    @Test(arguments: [1, 3, 4, 5, 8, 40, 64])
    func `a group answers what its filters answer`(count: Int) throws {
        let filters = (0..<count).map { block in WordFilter(of: (0..<60).map { hash(UInt64(block * 1000 + $0)) }) }
        let group = WordGroup(
            blocks: (0..<count).map { UInt64(100 + $0) },
            bitCount: filters[0].bitCount,
            rows: MemoryBytes(WordGroup.encode(filters))
        )
        for block in 0..<count {
            for word in [0, 17, 59] {
                let wanted = hash(UInt64(block * 1000 + word))
                let found = try group.candidates([wanted])
                #expect(found == Set(filters.indices.filter { filters[$0].mayHold(wanted) }.map { UInt64(100 + $0) }))
                #expect(found.contains(UInt64(100 + block)))
            }
        }
        #expect(try group.candidates([hash(3), hash(1003)]).count < 3)
    }

    @Test(arguments: [1, 4, 5, 64], [true, false])
    func `a changed byte of a group is an error where it is read, and groups of before have no checks`(count: Int, isChecked: Bool) throws {
        let filters = (0..<count).map { block in WordFilter(of: (0..<60).map { hash(UInt64(block * 1000 + $0)) }) }
        let (numbers, bitCount) = ((0..<count).map { UInt64(100 + $0) }, filters[0].bitCount)
        let bytes = isChecked ? WordGroup.encode(filters) : WordGroup.encodeUnchecked(filters)
        #expect(WordGroup.fits(bytes.count, of: count, bitCount: bitCount))
        try WordGroup(blocks: numbers, bitCount: bitCount, rows: MemoryBytes(bytes)).verify()
        for place in [0, bytes.count / 2, bytes.count - 1] {
            var changed = bytes
            changed[place] ^= 0xFF
            let group = WordGroup(blocks: numbers, bitCount: bitCount, rows: MemoryBytes(changed))
            guard isChecked else {
                try group.verify()
                continue
            }
            #expect(throws: LogError.self) { try group.verify() }
            // Each word is found where it is, or the group says that it cannot tell.
            for block in 0..<count {
                for word in 0..<60 {
                    guard let found = try? group.candidates([hash(UInt64(block * 1000 + word))]) else { continue }
                    #expect(found.contains(numbers[block]))
                }
            }
        }
    }
}
