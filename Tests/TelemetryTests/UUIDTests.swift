import Telemetry
import Testing

@Suite struct UUIDTests {
    private let agent = UUID(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0001)

    @Test func `a printed identifier reads back, in either case`() throws {
        let text = "01940c2e-9a1b-7def-8123-456789abcdef"
        let id = try #require(UUID(text))
        #expect(id.description == text)
        #expect(UUID(text.uppercased()) == id)
        #expect(UUID(bytes: id.bytes) == id)
    }

    @Test(arguments: [
        "", "01940c2e9a1b7def8123456789abcdef", "01940c2e-9a1b-7def-8123-456789abcde", "01940c2e-9a1b-7def-8123-456789abcdefa",
        "01940c2e-9a1b-7def-8123-456789abcdeg", "0194-0c2e9a1b-7def-8123-456789abcdef", "-1940c2e-9a1b-7def-8123-456789abcdef",
    ])
    func `what is not an identifier is refused`(text: String) {
        #expect(UUID(text) == nil)
    }

    @Test func `new identifiers carry version, variant and millisecond, and sort by time`() {
        var generator = SystemRandomNumberGenerator()
        let early = UUID.v7(at: Timestamp(milliseconds: 1_793_491_200_000), using: &generator)
        let late = UUID.v7(at: Timestamp(milliseconds: 1_793_491_200_001), using: &generator)
        #expect(early < late)
        #expect(early.millisecond == 1_793_491_200_000)
        #expect(early.high >> 12 & 0xF == 7)
        #expect(early.low >> 62 == 2)
    }

    @Test func `the same row has the same identifier, and each other row another`() {
        let time = Timestamp(milliseconds: 1_793_491_200_000)
        var seen = Set<UUID>()
        for lane in Lane.allCases {
            for sequence: UInt64 in 1...20 {
                for block: UInt32 in 0..<3 {
                    for row: UInt32 in 0..<50 {
                        let origin = RowOrigin(agent: agent, lane: lane, sequence: sequence, block: block, row: row)
                        let id = UUID.derived(at: time, from: origin)
                        #expect(id == UUID.derived(at: time, from: origin))
                        seen.insert(id)
                    }
                }
            }
        }
        #expect(seen.count == 3 * 20 * 3 * 50)
    }

    // Stored data is found again by these numbers: they must never change.
    @Test func `derived identifiers are the same in each release`() {
        let origin = RowOrigin(agent: agent, lane: .logs, sequence: 42, block: 1, row: 7)
        #expect(UUID.derived(at: Timestamp(milliseconds: 1_793_491_200_000), from: origin).description == "01a19467-e800-7b17-8c29-baf026839834")
    }
}
