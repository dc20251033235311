import Spooling
import Telemetry
import TestSupport
import Testing

/// A spool that was copied to another machine, and a batch that the aggregator finds too large.
struct SpoolCloneTests {
    let fixture: SpoolFixture
    init() throws { fixture = try SpoolFixture() }

    private func open(_ path: String, machine: String?) throws -> Spool {
        try Spool(config: SpoolConfig(path: path), host: "web-1", tags: ["test"], machine: machine, time: fixture.time)
    }

    @Test func `a copy takes a new id for what comes, and sends what it brought along as the original does`() async throws {
        let original = try open(fixture.path, machine: "machine one of thirty-two letters")
        for text in ["a", "b", "c"] { try await original.accept(fixture.lines([text])) }
        try await original.accept(fixture.samples(3))
        let copied = try fixture.copyAsKilled(to: "copy")
        let clone = try open(copied, machine: "machine two of thirty-two letters")
        #expect(try await clone.identity().agent != (try await original.identity().agent))
        #expect(try await clone.status().gapCounts == [.spoolCloned: 1])
        try await clone.accept(fixture.lines(["only here"]))

        let theirs = try await original.drain(upToBytes: 1)
        let ours = try await clone.drain(upToBytes: 1)
        let old = try await original.identity().agent
        // The very same sequences under the old id: an aggregator stores them once, whoever comes first.
        #expect(ours.filter { $0.agent == old } == theirs.filter { $0.agent == old })
        let fresh = ours.filter { $0.agent != old }
        #expect(fresh.flatMap(\.messages) == ["only here"])
        #expect(fresh.flatMap(\.gaps).count == 1)
        #expect(fresh.map(\.sequence) == [1, 1])
        #expect(try await clone.status().batches.values.allSatisfy { $0 == 0 })
    }

    @Test func `a copy's new id and what it inherited hold through restarts, and one lease holds one id`() async throws {
        let original = try open(fixture.path, machine: "machine one of thirty-two letters")
        for text in ["a", "b"] { try await original.accept(fixture.lines([text])) }
        let (copied, agent) = (try fixture.copyAsKilled(to: "copy"), UUID(high: 0, low: 0))
        var (clone, known) = (try open(copied, machine: "machine two of thirty-two letters"), agent)
        known = try await clone.identity().agent
        try await clone.accept(fixture.lines(["c"]))
        await clone.close()
        clone = try open(copied, machine: "machine two of thirty-two letters")
        #expect(try await clone.identity().agent == known)
        #expect(try await clone.status().gapCounts == [.spoolCloned: 1])
        var seen: [[UUID]] = []
        while let lease = try await clone.lease(upToBytes: 1 << 20) {
            seen.append(Array(Set(try lease.batches.map { try Opened($0).agent })))
            var lanes: [Lane: UInt64] = [:]
            for batch in lease.batches { lanes[batch.lane] = batch.sequence }
            #expect(seen.last == [lease.agent])
            try await clone.acknowledge(Acknowledgement(lanes: lanes), of: lease.agent)
        }
        #expect(Set(seen.joined()).count == 2)
        #expect(try SpoolInspector(folder: copied).check().problems == [])
    }

    @Test func `the same machine and a machine that is not known change nothing`() async throws {
        let first = try open(fixture.path, machine: "machine one of thirty-two letters")
        let agent = try await first.identity().agent
        await first.close()
        for machine in ["machine one of thirty-two letters", nil] {
            let again = try open(fixture.path, machine: machine)
            #expect(try await again.identity().agent == agent)
            #expect(try await again.status().gapCounts.isEmpty)
            await again.close()
        }
    }

    @Test func `a batch too large is divided down to its rows: none is lost, none comes twice`() async throws {
        let spool = try fixture.open()
        let texts = (0..<9).map { "line \($0)" }
        var intake = fixture.lines(texts)
        intake.reads = [ReadRange(path: "/a", device: 1, inode: 1, from: 0, to: 90)]
        try await spool.accept(intake)
        try await spool.accept(fixture.lines(["after"]))
        var divisions = 0
        // An aggregator that takes no batch of more than two rows.
        var taken: [Opened] = []
        while let lease = try await spool.lease(upToBytes: 1) {
            let batch = lease.batches[0]
            let opened = try Opened(batch)
            if opened.messages.count > 2 {
                #expect(try await spool.split(batch, of: lease.agent))
                divisions += 1
                continue
            }
            taken.append(opened)
            try await spool.acknowledge(Acknowledgement(lanes: [.logs: batch.sequence]), of: lease.agent)
        }
        #expect(divisions > 3)
        #expect(taken.flatMap(\.messages).sorted() == (texts + ["after"]).sorted())
        #expect(taken.map(\.sequence) == Array(1...UInt64(taken.count)))
        // The bytes are said to be there by the last part.
        let told = taken.indices.filter { !taken[$0].reads.isEmpty }
        #expect(told.count == 1 && taken[told[0]].messages.contains("line 8"))
        #expect(try SpoolInspector(folder: fixture.path).check().problems == [])
    }

    @Test func `one row cannot be divided`() async throws {
        let spool = try fixture.open()
        try await spool.accept(fixture.lines(["one"]))
        guard let lease = try await spool.lease(upToBytes: 1) else { throw NothingToLease() }
        #expect(try await spool.split(lease.batches[0], of: lease.agent) == false)
    }
}
