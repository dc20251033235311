import Blocks
import Glibc
import Operating
import Querying
import Telemetry
import TestSupport
import Testing

@testable import Storing

/// Files that are not as they were written: bits turned, pages of zeros, files cut, files empty. The log opens and goes on, shows nothing that was not stored and
/// nothing twice, keeps what is whole, and tells what is gone.
struct DamageTests {
    typealias F = LogFixture

    private enum Harm: CaseIterable {
        case bit, bytes, page, cut, empty

        /// Nil for a file of nothing.
        func done(to bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8]? {
            guard !bytes.isEmpty else { return nil }
            var bytes = bytes
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            switch self {
            case .bit: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case .bytes: for _ in 0..<16 { bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255, using: &generator) }
            case .page: for index in place..<min(bytes.count, place + 4096) { bytes[index] = 0 }
            case .cut: bytes.removeSubrange(place...)
            case .empty: bytes = []
            }
            return bytes
        }
    }

    /// Files of a log that was killed: segments of two classes of events, of samples and of alerts, words in groups, and arrivals in the journal.
    private struct Victim {
        let fixture: LogFixture
        /// What was acknowledged, by the place that holds it: a segment's name, or the journal.
        var places: [String: Set<String>] = [:]
        var all: Set<String> = []
        var files: [String] = []
        /// What came with the last commit.
        var last: Set<String> = []

        init() async throws {
            var fixture = try LogFixture()
            fixture.config.sourceRetention = ["audit": .seconds(400 * 86_400)]
            fixture.config.wordGroupBlocks = 3
            self.fixture = fixture
            let log = try await fixture.open()
            for round in 0..<8 as Range<UInt64> {
                let events = (0..<6).map { F.event("e\(round).\($0)", source: $0 % 3 == 0 ? "audit" : "nginx") }
                _ = try await log.append(F.batch(round + 1, events))
                _ = try await log.append(F.alert("a\(round)", sequence: round + 1))
                let samples = (0..<4).map { index in
                    let number = round * 4 + UInt64(index)
                    return Sample("m", at: F.noon.advanced(by: .seconds(Int(number))), Double(UInt64(1) << number))
                }
                _ = try await log.append(
                    AdmittedBatch(
                        origin: .agent(F.identity, lane: .metrics, sequence: round + 1, checksum: 1),
                        receivedAt: F.noon,
                        blocks: [
                            AdmittedBlock(
                                kind: .samples,
                                bytes: SampleBlock.encode(samples),
                                count: 4,
                                from: F.noon,
                                to: F.noon.advanced(by: .seconds(40))
                            )
                        ]
                    )
                )
                let names = ["e\(round).0", "e\(round).3"]
                let isSealed = round < 6
                places[isSealed ? "audit" : "journal", default: []].formUnion(names)
                places[isSealed ? "events" : "journal", default: []].formUnion(events.map { $0.message ?? "" }.filter { !names.contains($0) })
                places[isSealed ? "alerts" : "journal", default: []].insert("a\(round)")
                last = Set((round * 4..<round * 4 + 4).map { "s\($0)" })
                places[isSealed ? "samples" : "journal", default: []].formUnion(last)
                if isSealed { try await log.sealAll() }
            }
            all = places.values.reduce(into: []) { $0.formUnion($1) }
            files = ["log.db", "log.db-wal"] + (await log.sealer.store.segments.values.map { "segments/" + $0.name }).sorted()
        }

        /// The files as a kill leaves them, in a folder of their own.
        func copy() throws -> LogFixture {
            var copy = fixture
            copy.config.path = fixture.folder("copy-\(UInt64.random(in: 0...(.max)))")
            TestFiles.makeFolder(copy.config.path)
            TestFiles.makeFolder(copy.config.segmentsPath)
            for name in files {
                if let bytes = TestFiles.bytes(fixture.config.path + "/" + name) { try TestFiles.write(bytes, to: copy.config.path + "/" + name) }
            }
            return copy
        }

        /// What a segment held.
        func held(by file: String) -> Set<String> {
            switch file {
            case "segments/00000001.blocks": places["events"] ?? []
            case "segments/00000002.blocks": places["audit"] ?? []
            case "segments/00000003.blocks": places["samples"] ?? []
            case "segments/00000004.blocks": places["alerts"] ?? []
            default: all
            }
        }
    }

    /// More of them with `make test-faults`; one of them again with `TOCSIN_DAMAGE_SEED`.
    private static var seeds: [UInt64] {
        func number(_ name: String) -> UInt64? { unsafe getenv(name).flatMap { UInt64(unsafe String(cString: $0)) } }
        if let one = number("TOCSIN_DAMAGE_SEED") { return [one] }
        return Array(1...(number("TOCSIN_DAMAGE_SEEDS") ?? 60))
    }

    @Test func `damaged files of any kind are opened, told of, and gone on with`() async throws {
        let victim = try await Victim()
        var (acknowledged, found, told, lost) = (0, 0, 0, 0)
        for seed in Self.seeds {
            var generator = SeededGenerator(seed: seed)
            let file = victim.files.randomElement(using: &generator)!
            let harm = Harm.allCases.randomElement(using: &generator)!
            let fixture = try victim.copy()
            defer { TestFiles.removeTree(fixture.config.path) }
            guard let bytes = TestFiles.bytes(fixture.config.path + "/" + file), let harmed = harm.done(to: bytes, &generator) else { continue }
            try TestFiles.write(harmed, to: fixture.config.path + "/" + file)
            let what = "seed \(seed) (TOCSIN_DAMAGE_SEED=\(seed) runs it alone): \(harm) of \(file)"
            do {
                let (rows, counted, unaccounted) = try await Self.check(victim, fixture, file, harm, what)
                acknowledged += victim.all.count
                (found, told, lost) = (found + rows, told + counted, lost + unaccounted)
            } catch { Issue.record("\(what): \(error)") }
        }
        print("damage: acknowledged \(acknowledged), found \(found), told \(told), cut off with the last commits of a WAL \(lost)")
    }

    private static func check(_ victim: Victim, _ fixture: LogFixture, _ file: String, _ harm: Harm, _ what: String) async throws -> (Int, Int, Int) {
        var log = try await fixture.open()
        _ = try await LogContents(log)
        var contents = try await LogContents(log)
        let found = Set(contents.names.keys).union(contents.samples)
        #expect(contents.twice.isEmpty, "\(what): twice \(contents.twice)")
        #expect(found.isSubset(of: victim.all), "\(what): never stored: \(found.subtracting(victim.all).sorted())")
        let missing = victim.all.subtracting(found)
        if file.hasPrefix("segments/") {
            let elsewhere = missing.subtracting(victim.held(by: file))
            #expect(elsewhere.isEmpty, "\(what): of other files \(elsewhere.sorted()) is gone")
        }
        // A WAL that was cut, or whose last commit is damaged, looks as after a power cut: nobody can tell what was there from what never was.
        let isEnd = harm == .cut || harm == .empty || missing.isSubset(of: victim.last)
        let mayBeSilent = file == "log.db-wal" && isEnd
        let told = contents.told.values.reduce(0, +)
        #expect(missing.isEmpty || mayBeSilent || !contents.told.isEmpty, "\(what): gone without a word: \(missing.sorted())")
        // A journal that was written again from the segments cannot tell how many rows a damaged place had: then the gap's count is 0.
        let isUnknown = contents.told.values.contains(0)
        if file.hasPrefix("segments/") {
            #expect(missing.count <= told || isUnknown, "\(what): \(missing.sorted()) are gone, and \(told) rows were told")
        }

        // Words find what is there.
        let search = EventSearch(log: log, time: fixture.time)
        for name in ["e0.1", "e2.3", "e4.5"] where found.contains(name) {
            let answer = try await search.events(EventQuery(words: "\"\(name)\""))
            #expect(answer.events.contains { $0.message == name }, "\(what): \(name) is there and not found by its word")
        }

        // It goes on: new data, sealing, merging, opening.
        let agent = UUID(high: 77, low: 77)
        for number in 1...3 as ClosedRange<UInt64> { _ = try await log.append(F.batch(number, [F.event("new \(number)")], agent: agent)) }
        try await log.sealAll()
        while try await log.mergeSamples() {}
        await log.close()
        log = try await fixture.open()
        contents = try await LogContents(log)
        let later = Set(contents.names.keys).union(contents.samples)
        #expect(
            later == found.union(["new 1", "new 2", "new 3"]),
            "\(what): after opening again \(later.symmetricDifference(found).sorted()) differs"
        )
        #expect(contents.twice.isEmpty, "\(what): twice \(contents.twice)")
        await log.close()
        return (found.count, missing.isEmpty ? 0 : told, mayBeSilent ? missing.count : 0)
    }

    @Test func `a segment that is cut while it is open costs what lay behind the cut, and readers go on`() async throws {
        let victim = try await Victim()
        let fixture = try victim.copy()
        let log = try await fixture.open()
        for file in victim.files where file.hasPrefix("segments/") {
            let path = fixture.config.path + "/" + file
            let count = TestFiles.bytes(path)?.count ?? 0
            #expect(unsafe truncate(path, count / 2) == 0)
        }
        _ = try await LogContents(log)
        let contents = try await LogContents(log)
        let found = Set(contents.names.keys).union(contents.samples)
        let missing = victim.all.subtracting(found)
        #expect(!missing.isEmpty && missing.isDisjoint(with: victim.places["journal"] ?? []))
        #expect(missing.count <= contents.told.values.reduce(0, +), "\(missing.sorted()), told \(contents.told)")
        let search = EventSearch(log: log, time: fixture.time)
        for name in found where name.hasPrefix("e") {
            #expect(
                try await search.events(EventQuery(words: "\"\(name)\"")).events.contains { $0.message == name },
                "\(name) is not found by its word"
            )
        }
        _ = try await log.append(F.batch(99, [F.event("new")], agent: UUID(high: 77, low: 77)))
        try await log.sealAll()
        #expect(try await F.messages(log).contains("new"))
        await log.close()
    }
}
