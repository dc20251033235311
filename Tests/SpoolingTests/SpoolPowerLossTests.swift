import Glibc
import Logging
import Spooling
import Telemetry
import TestSupport
import Testing

/// The spool on a disk that forgets what was not synced. The same traffic runs again and again, and each time something happens at another step: every
/// write, cut and sync of SQLite's has its turn, those of a commit and of an acknowledgement too. Whatever it is, each line is stored once.
@Suite(.serialized) struct SpoolPowerLossTests {
    @Test(arguments: SpoolFaultDisk.Kept.allCases)
    func `power that fails at any step loses no line and repeats none`(kept: SpoolFaultDisk.Kept) async throws {
        try await strike(with: .power, keeping: kept)
    }

    /// A sync that fails and drops what it should have written, a call that is done and says that it failed (so a commit that failed is on disk all the
    /// same), a disk that is full for a moment.
    @Test(arguments: [SpoolFaultDisk.Fault.error, .lie, .full])
    func `a call that fails at any step loses no line and repeats none`(fault: SpoolFaultDisk.Fault) async throws {
        try await strike(with: fault, keeping: .nothing)
    }

    private func strike(with fault: SpoolFaultDisk.Fault, keeping kept: SpoolFaultDisk.Kept) async throws {
        let quiet = try SpoolScene(seed: 1)
        await quiet.run()
        try await quiet.finish(after: "nothing")
        let steps = quiet.disk.steps
        #expect(steps > 100, "only \(steps) steps: the traffic is too small to show anything")
        // All of them take a minute (`make test-agent-faults`); each ordinary run takes other ones. `TOCSIN_STEP` takes one again.
        let stride: UInt64 = unsafe getenv("TOCSIN_EVERY_STEP") != nil ? 1 : 9
        var (struck, written, stored) = (0, 0, 0)
        let only = unsafe getenv("TOCSIN_STEP").flatMap { UInt64(unsafe String(cString: $0)) }
        let chosen = only.map { [$0] } ?? Array(Swift.stride(from: UInt64.random(in: 1...stride), through: steps, by: Int(stride)))
        for step in chosen {
            let scene = try SpoolScene(seed: step)
            scene.disk.plan(fault, atStep: step)
            await scene.run()
            struck += scene.disk.hasFailed ? 1 : 0
            await scene.close()
            scene.disk.restart(keeping: kept)
            try await scene.finish(after: "\(fault) at step \(step) of \(steps), \(kept) kept")
            (written, stored) = (written + SpoolScene.linesMax, stored + scene.aggregator.messages.count)
        }
        print("| spool: \(fault), \(kept) kept | \(struck) | \(written) | \(stored) | 0 | 0 | 0 |")
        #expect(struck > chosen.count / 2)
        #expect(written == stored)
    }
}

/// A file that is followed, a spool, and an aggregator whose answers get lost now and then.
final class SpoolScene {
    static let linesMax = 60

    private let fixture: SpoolFixture
    let disk: SpoolFaultDisk
    let aggregator = MemoryAggregator()
    private var spool: Spool?
    /// What the reader has handed over and believes to be stored; after a restart what the spool says.
    private var offset = 0
    private var generator: SeededGenerator

    init(seed: UInt64) throws {
        fixture = try SpoolFixture()
        disk = SpoolFaultDisk(prefix: fixture.path + "/", seed: seed)
        generator = SeededGenerator(seed: 77)
    }

    private func open() async throws -> Spool {
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let spool = try Spool(config: SpoolConfig(path: fixture.path), host: "web-1", time: fixture.time, logger: quiet)
        self.spool = spool
        offset = Int(try await spool.checkpoint().positions.first?.offset ?? 0)
        return spool
    }

    func close() async {
        await spool?.close()
        spool = nil
    }

    /// Three openings, each with reads of the file, collections, and POSTs whose answers arrive or not.
    func run() async {
        for _ in 0..<3 {
            guard let spool = try? await open() else { return }
            for round in 0..<4 {
                try? await read(4, into: spool)
                try? await spool.accept(fixture.samples(3))
                fixture.time.advance(by: .seconds(1))
                _ = try? await aggregator.receive(from: spool, loses: Int.random(in: 0..<4, using: &generator) == 0)
                if round == 2 { while (try? await aggregator.receive(from: spool)) == true {} }
            }
            await close()
        }
    }

    /// Offers lines until they are taken, as Tailing does; gives up after some attempts, as when the power is off.
    private func read(_ count: Int, into spool: Spool) async throws {
        let end = min(offset + count, Self.linesMax)
        guard end > offset else { return }
        var intake = fixture.lines((offset..<end).map { "line \($0)" })
        intake.positions = [ReadPosition(path: "/a", device: 1, inode: 1, offset: UInt64(end))]
        for _ in 0..<4 {
            do {
                try await spool.accept(intake)
                offset = end
                return
            } catch { continue }
        }
        throw NothingToLease()
    }

    /// The disk is sound again: reads and sends all that is left, and counts.
    func finish(after what: String) async throws {
        let spool = try await open()
        while offset < Self.linesMax { try await read(7, into: spool) }
        while try await aggregator.receive(from: spool) {}
        let missing = (0..<Self.linesMax).filter { aggregator.messages["line \($0)"] == nil }
        #expect(missing.isEmpty, "lost after \(what): \(missing)")
        #expect(aggregator.duplicates == 0, "twice after \(what): \(aggregator.messages.filter { $0.value > 1 }.keys.sorted())")
        #expect(aggregator.agents.count == 1, "after \(what) the agent has another id")
        await close()
    }
}
