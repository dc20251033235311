import Spooling
import Telemetry
import TestSupport
import Testing

/// What the aggregator may answer besides an acknowledgement.
struct SpoolAnswersTests {
    let fixture: SpoolFixture
    init() throws { fixture = try SpoolFixture() }

    private func filled() async throws -> Spool {
        let spool = try fixture.open()
        for text in ["a", "b", "c"] { try await spool.accept(fixture.lines([text])) }
        return spool
    }

    private func batch(_ sequence: UInt64, of spool: Spool) async throws -> SealedBatch {
        guard let lease = try await spool.lease(upToBytes: 1 << 20) else { throw NothingToLease() }
        return try #require(lease.batches.first { $0.sequence == sequence && $0.lane == Lane.logs })
    }

    @Test func `a refused batch is kept aside, and a gap takes its sequence`() async throws {
        let spool = try await filled()
        let refused = try await batch(2, of: spool)
        try await spool.setAside(refused, reason: "422: no such type")
        try await spool.setAside(refused, reason: "422: no such type")
        let batches = try await spool.peek()
        #expect(batches.map(\.sequence) == [1, 2, 3])
        #expect(batches.map(\.messages) == [["a"], [], ["c"]])
        #expect(batches[1].gaps.count == 1)
        #expect(batches[1].gaps[0].contains("422: no such type"))
        #expect(try await spool.status().gapCounts == [.refused: 1])
        #expect(try SpoolFile(fixture.path).count("SELECT count(*) FROM refused") == 1)
        #expect(try await spool.status().batches[.logs] == 2)
    }

    @Test func `when even the gap is refused its sequence stays, empty`() async throws {
        let spool = try await filled()
        try await spool.setAside(try await batch(2, of: spool), reason: "422")
        try await spool.setAside(try await batch(2, of: spool), reason: "422 again")
        let batches = try await spool.peek()
        #expect(batches.map(\.sequence) == [1, 2, 3])
        #expect(batches.flatMap(\.gaps).isEmpty)
        #expect(try await spool.drain().count == 3)
    }

    @Test func `a new identity sends what is not acknowledged again, from 1, always the same bytes`() async throws {
        let spool = try await filled()
        let before = try await spool.identity().agent
        _ = try await spool.peek()
        try await spool.acknowledge(Acknowledgement(lanes: [.logs: 1]))
        try await spool.renewIdentity(reason: "409: another content under sequence 2")
        let after = try await spool.identity().agent
        #expect(after != before)
        try await spool.accept(fixture.lines(["d"]))
        let batches = try await spool.peek()
        #expect(Set(batches.map(\.agent)) == [after])
        #expect(batches.map(\.lane) == [.alerts, .logs, .logs, .logs])
        #expect(batches.map(\.sequence) == [1, 1, 2, 3])
        #expect(batches.map(\.messages) == [[], ["b"], ["c"], ["d"]])
        #expect(batches[0].gaps[0].contains("spool_cloned"))
        #expect(try await batch(1, of: spool) == (try await batch(1, of: spool)))
        #expect(try await spool.drain().count == 4)
        #expect(try await spool.status().batches == [.alerts: 0, .metrics: 0, .logs: 0])
    }

    @Test func `the new identity holds after a restart`() async throws {
        let agent: UUID
        do {
            let spool = try await filled()
            try await spool.renewIdentity(reason: "409")
            agent = try await spool.identity().agent
            await spool.close()
        }
        let spool = try fixture.open()
        #expect(try await spool.identity().agent == agent)
        #expect(try await spool.drain().map(\.sequence) == [1, 1, 2, 3])
    }

    @Test func `an aggregator that has more than was ever made shares our id with somebody: what it took is not sent again, what comes has a new id`()
        async throws
    {
        let spool = try await filled()
        let before = try await spool.identity().agent
        _ = try await spool.peek()
        try await spool.acknowledge(Acknowledgement(lanes: [.logs: 4]))
        #expect(try await spool.identity().agent != before)
        try await spool.accept(fixture.lines(["d"]))
        let rest = try await spool.drain()
        #expect(rest.flatMap(\.messages) == ["d"])
        #expect(rest.flatMap(\.gaps).count == 1)
        #expect(rest.map(\.sequence) == [1, 1])
    }

    @Test func `an aggregator that lost what it had acknowledged is begun with anew`() async throws {
        let spool = try await filled()
        let before = try await spool.identity().agent
        _ = try await spool.peek()
        try await spool.acknowledge(Acknowledgement(lanes: [.logs: 2]))
        try await spool.acknowledge(Acknowledgement(lanes: [.logs: 0]))
        #expect(try await spool.identity().agent != before)
        let rest = try await spool.drain()
        #expect(rest.map(\.sequence) == [1, 1])
        #expect(rest.flatMap(\.messages) == ["c"])
    }
}
