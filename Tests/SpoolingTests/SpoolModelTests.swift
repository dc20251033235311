import Spooling
import Telemetry
import TestSupport
import Testing

/// The spool against an array: whatever order things happen in, each accepted line comes out once, in order.
struct SpoolModelTests {
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func `random accepts, leases, acknowledgements and restarts lose and double nothing`(seed: UInt64) async throws {
        let fixture = try SpoolFixture()
        var generator = SeededGenerator(seed: seed)
        var spool = try fixture.open()
        var (accepted, acknowledged) = ([String](), [String]())
        var (offset, next, path) = (UInt64(0), UInt64(1), fixture.path)
        for step in 0..<300 {
            switch UInt8.random(in: 0..<10, using: &generator) {
            case 0..<5:
                let texts = (0..<Int.random(in: 1...4, using: &generator)).map { "\(step).\($0)" }
                offset += UInt64(texts.count)
                var intake = fixture.lines(texts)
                intake.positions = [ReadPosition(path: "/a", device: 1, inode: 1, offset: offset)]
                try await spool.accept(intake)
                accepted += texts
            case 5..<8:
                // Leased; then acknowledged in whole, in part, or not at all.
                guard let lease = try await spool.lease(upToBytes: Int.random(in: 1...5000, using: &generator)) else { continue }
                let opened = try lease.batches.map { try Opened($0) }
                #expect(opened.map(\.sequence) == Array(next..<next + UInt64(opened.count)))
                let taken = Int.random(in: 0...opened.count, using: &generator)
                guard taken > 0 else { continue }
                acknowledged += opened[..<taken].flatMap(\.messages)
                next += UInt64(taken)
                try await spool.acknowledge(Acknowledgement(lanes: [.logs: next - 1]))
            case 8:
                await spool.close()
                spool = try fixture.open(at: path)
            default:
                // Killed: another process goes on with the files as they are.
                let copy = fixture.folder("killed-\(step)")
                TestFiles.makeFolder(copy)
                // A file that is there and cannot be read, for want of a descriptor, must not look like a spool that forgot.
                for file in ["/spool.db", "/spool.db-wal"] where TestFiles.exists(path + file) {
                    try TestFiles.write(try #require(TestFiles.bytes(path + file)), to: copy + file)
                }
                path = copy
                spool = try fixture.open(at: path)
            }
            #expect(accepted.starts(with: acknowledged))
            let position = try await spool.checkpoint().positions.first?.offset ?? 0
            #expect(position == offset)
        }
        let rest = try await spool.drain()
        #expect(acknowledged + rest.flatMap(\.messages) == accepted)
        #expect(rest.map(\.sequence) == Array(next..<next + UInt64(rest.count)))
        // What failed and was mended on the way would explain a repeat.
        #expect(fixture.errors.all == [])
    }
}
