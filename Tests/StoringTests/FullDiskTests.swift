import Operating
import Sealing
import Telemetry
import TestSupport
import Testing

@testable import Storing

/// A disk that is full: answers that say what to do, nothing acknowledged lost, and the log goes on by itself when there is room.
struct FullDiskTests {
    typealias F = LogFixture

    /// One agent's traffic, and what of it was acknowledged.
    private struct Traffic {
        var generator = SeededGenerator(seed: 5)
        var sequence: UInt64 = 0
        var acknowledged: [String] = []
        var refusals: [LogError] = []

        /// Some thousand bytes that do not compress.
        mutating func append(to log: Log) async -> Bool {
            let name = "\(sequence + 1)"
            let padding = (0..<300).map { _ in String(generator.next(), radix: 36) }.joined(separator: " ")
            do {
                let outcome = try await log.append(F.batch(sequence + 1, [F.event("\(name) \(padding)")]))
                guard outcome == .stored(ids: []) || outcome == .repeated(ids: []) else { return false }
                sequence += 1
                acknowledged.append(name)
                return true
            } catch {
                refusals.append(error)
                return false
            }
        }

        /// What is there, by the first word of each message.
        func found(_ log: Log) async throws -> [String] { try await F.messages(log).map { String($0.prefix { $0 != " " }) } }
    }

    private static func isFull(_ error: LogError) -> Bool { if case .full = error { true } else { false } }

    @Test func `a real disk that fills up while data comes and is sealed`() async throws {
        if let obstacle = SmallFileSystem.obstacle {
            print("not tried: \(obstacle)")
            return
        }
        var fixture = try LogFixture()
        let disk = try SmallFileSystem(at: fixture.folder("disk"), bytes: 6 << 20)
        fixture.config.path = disk("log")
        var traffic = Traffic()
        let log = try await fixture.open()
        for _ in 0..<40 { #expect(await traffic.append(to: log)) }
        try await log.sealAll()
        for _ in 0..<40 { #expect(await traffic.append(to: log)) }
        // Somebody else fills the disk.
        let ballast = disk.fill()
        var (taken, sealingErrors) = (0, 0)
        for round in 0..<60 {
            taken += await traffic.append(to: log) ? 1 : 0
            if round % 10 == 5 {
                do { try await log.sealAll() } catch { sealingErrors += 1 }
            }
        }
        let refusal = try #require(traffic.refusals.last)
        #expect(traffic.refusals.allSatisfy(Self.isFull), "\(traffic.refusals.filter { !Self.isFull($0) })")
        #expect(refusal.description.contains("full") && refusal.description.contains("keep their data"), "\(refusal)")
        #expect(sealingErrors > 0)
        #expect(await log.status().problem != nil)
        #expect(try await traffic.found(log) == traffic.acknowledged)
        // Failed steps leave no file behind that would fill what is left.
        let names = try SegmentFolder(fixture.config.segmentsPath).names()
        let known = await log.sealer.store.segments.values.map(\.name)
        #expect(Set(names) == Set(known), "\(names) where the log knows \(known)")

        TestFiles.removeTree(ballast)
        for _ in 0..<40 { #expect(await traffic.append(to: log)) }
        try await log.sealAll()
        #expect(try await traffic.found(log) == traffic.acknowledged)
        #expect(await log.status().problem == nil)
        await log.close()
        #expect(try LogInspector.verify(fixture.config.path).isSound)
        let again = try await fixture.open()
        let found = try await traffic.found(again)
        #expect(found == traffic.acknowledged)
        await again.close()
        print(
            "full disk: acknowledged \(traffic.acknowledged.count), found \(found.count), refused \(traffic.refusals.count), taken while full \(taken)"
        )
    }

    @Test func `a log that is opened on a full disk says what to do, or is read, and is whole when there is room`() async throws {
        if let obstacle = SmallFileSystem.obstacle {
            print("not tried: \(obstacle)")
            return
        }
        var fixture = try LogFixture()
        let disk = try SmallFileSystem(at: fixture.folder("disk"), bytes: 4 << 20)
        fixture.config.path = disk("log")
        var traffic = Traffic()
        var log = try await fixture.open()
        for _ in 0..<30 { #expect(await traffic.append(to: log)) }
        try await log.sealAll()
        for _ in 0..<30 { #expect(await traffic.append(to: log)) }
        await log.close()
        let ballast = disk.fill()
        do {
            log = try await fixture.open()
            #expect(try await traffic.found(log) == traffic.acknowledged)
            await log.close()
        } catch let error as LogError {
            #expect(error.description.contains("free some space"), "\(error)")
        }
        TestFiles.removeTree(ballast)
        log = try await fixture.open()
        #expect(await traffic.append(to: log))
        #expect(try await traffic.found(log) == traffic.acknowledged)
        await log.close()
    }

    @Test func `a disk that is full for the journal, the segments or both`() async throws {
        var (acknowledged, found, refused) = (0, 0, 0)
        for kilobytes in stride(from: 150, through: 1500, by: 75) {
            let folder = try TemporaryFolder()
            let config = StorageConfig(path: folder("log"), diskReserve: 0)
            let disk = FaultDisk(prefix: folder("log") + "/", seed: 1)
            let log = try await disk.open(config)
            disk.limit(bytes: UInt64(kilobytes) * 1024)
            var traffic = Traffic()
            for round in 0..<200 where traffic.refusals.count < 5 {
                _ = await traffic.append(to: log)
                if round % 20 == 19 { try? await log.sealAll() }
            }
            #expect(traffic.refusals.allSatisfy(Self.isFull), "at \(kilobytes) KiB: \(traffic.refusals)")
            #expect(try await traffic.found(log) == traffic.acknowledged, "at \(kilobytes) KiB, while it is full")
            let names = disk.names.filter { $0.hasPrefix("segments/") }
            #expect(names.count == (await log.sealer.store.segments.count), "at \(kilobytes) KiB the folder has \(names)")
            disk.limit(bytes: 0)
            #expect(await traffic.append(to: log))
            try await log.sealAll()
            let rows = try await traffic.found(log)
            #expect(rows == traffic.acknowledged, "at \(kilobytes) KiB, when there is room")
            await log.close()
            (acknowledged, found) = (acknowledged + traffic.acknowledged.count, found + rows.count)
            refused += traffic.refusals.count
        }
        print("full disks: acknowledged \(acknowledged), found \(found), refused \(refused)")
        #expect(refused > 0)
    }

    @Test func `damage that cannot be written down on a full disk does not stop a reader`() async throws {
        let folder = try TemporaryFolder()
        let config = StorageConfig(path: folder("log"), diskReserve: 0)
        let disk = FaultDisk(prefix: folder("log") + "/", seed: 1)
        var log = try await disk.open(config)
        for sequence in 1...3 as ClosedRange<UInt64> {
            _ = try await log.append(F.batch(sequence, [F.event("\(sequence)")]))
            try await log.sealAll()
        }
        let victim = try #require(log.catalog().sealed.min { $0.first < $1.first }?.bytes as? SegmentSlice)
        #expect(disk.damage("segments/00000001.blocks", at: victim.range.lowerBound + 70))
        // Nothing more can be written, whatever it is.
        disk.limit(bytes: 1)
        #expect(try await F.messages(log) == ["2", "3"])
        await log.close()
        disk.limit(bytes: 0)
        log = try await disk.open(config)
        #expect(try await F.messages(log) == ["2", "3"])
        let contents = try await LogContents(log)
        #expect(contents.told.values.reduce(0, +) == 1 && contents.twice.isEmpty, "\(contents.told)")
        await log.close()
    }
}
