import Blocks
import Operating
import Telemetry
import TestSupport
import Testing

@testable import Storing

/// The log on a disk that forgets what was not synced. The same traffic runs again and again, and each time something happens at another step: every write,
/// cut, sync, create and remove of SQLite's and of the segments has its turn. A failure names the step; the disk's chances are seeded by it.
@Suite(.serialized) struct PowerLossTests {
    typealias F = LogFixture

    @Test(arguments: FaultDisk.Kept.allCases)
    func `power that fails at any step loses nothing acknowledged and repeats nothing`(kept: FaultDisk.Kept) async throws {
        try await FaultStrike.run(FaultScene.self, "events", with: .power, keeping: kept, stride: 7)
    }

    @Test(arguments: [FaultDisk.Fault.error, .lie, .full])
    func `a write or sync that fails at any step loses nothing acknowledged and repeats nothing`(fault: FaultDisk.Fault) async throws {
        try await FaultStrike.run(FaultScene.self, "events", with: fault, keeping: .nothing, stride: 7)
    }

    @Test(arguments: FaultDisk.Kept.allCases)
    func `power that fails while samples are merged and rolled up, words are grouped and retention deletes`(kept: FaultDisk.Kept) async throws {
        try await FaultStrike.run(UpkeepScene.self, "upkeep", with: .power, keeping: kept, stride: 29)
    }

    @Test(arguments: [FaultDisk.Fault.error, .lie, .full])
    func `a step of upkeep that fails is done later, and loses nothing`(fault: FaultDisk.Fault) async throws {
        try await FaultStrike.run(UpkeepScene.self, "upkeep", with: fault, keeping: .nothing, stride: 29)
    }

    @Test(arguments: [FaultDisk.Kept.nothing, .some])
    func `power that fails around a damaged block of events loses that block only, and tells it once`(kept: FaultDisk.Kept) async throws {
        try await FaultStrike.run(DamagedEventsScene.self, "damaged events", with: .power, keeping: kept, stride: 31)
    }

    @Test func `power that fails around a damaged block of samples loses that block only, and tells it once`() async throws {
        try await FaultStrike.run(DamagedSamplesScene.self, "damaged samples", with: .power, keeping: .some, stride: 31)
    }

    @Test func `a full disk around a damaged block costs nothing else`() async throws {
        try await FaultStrike.run(DamagedEventsScene.self, "damaged events", with: .full, keeping: .nothing, stride: 31)
    }
}

/// Traffic of agents and clients over a log that seals, on a disk that can fail, and what became of it.
final class FaultScene: FaultTraffic {
    typealias F = LogFixture

    private let folder: TemporaryFolder
    private let time = ManualTime(now: F.noon)
    private var config: StorageConfig
    let disk: FaultDisk
    var log: Log?
    /// Messages whose request was answered as stored.
    private(set) var acknowledged: Set<String> = []
    /// Messages of agents by their sequence; a sequence that was not acknowledged is sent again after the restart, as agents do.
    private var sent: [UInt64: [String]] = [:]
    /// Clients' requests that were not answered as stored.
    private var unanswered: [(key: String?, events: [Event])] = []
    init(seed: UInt64) throws {
        folder = try TemporaryFolder()
        config = StorageConfig(path: folder("log"), diskReserve: 0, sourceRetention: ["audit": .seconds(400 * 86_400)])
        disk = FaultDisk(prefix: folder("log") + "/", seed: seed)
    }

    private func open() async throws -> Log {
        let log = try await disk.open(config, time: time)
        self.log = log
        return log
    }

    func close() async {
        await log?.close()
        log = nil
    }

    /// Two openings with appends and seals in turn. Goes on after a refusal, as clients do; throws when the log cannot be opened.
    func run() async throws {
        var sequence: UInt64 = 0
        for opening in 0..<2 {
            let log = try await open()
            for round in 0..<4 {
                for _ in 0..<2 {
                    sequence += 1
                    sent[sequence] = (0..<3).map { "agent \(sequence) \($0)" }
                    sequence = try await send(sequence, to: log)
                }
                let name = "client \(opening).\(round)"
                await request(name, key: round % 2 == 0 ? name : nil, to: log)
                if round % 2 == 1 { try? await log.sealAll() }
                if round == 3 { try? await log.compactNow() }
            }
            await close()
        }
    }

    /// An agent's batch. What the log answers tells the next sequence, as over HTTP.
    private func send(_ sequence: UInt64, to log: Log) async throws -> UInt64 {
        guard let messages = sent[sequence] else { return sequence }
        for _ in 0..<2 {
            do {
                let outcome = try await log.append(batch(sequence, messages))
                switch outcome {
                case .stored, .repeated:
                    acknowledged.formUnion(messages)
                    return sequence
                case .outOfOrder(let expected): return expected - 1
                case .conflict: Issue.record("sequence \(sequence) is known with another checksum")
                }
            } catch { continue }
        }
        return sequence - 1
    }

    private func batch(_ sequence: UInt64, _ messages: [String]) -> AdmittedBatch {
        F.batch(sequence, messages.enumerated().map { F.event($1, source: $0 == 1 ? "audit" : "nginx") })
    }

    /// A client's request with ids of its own, or with a key for the whole of it.
    private func request(_ name: String, key: String?, to log: Log) async {
        let events = (0..<3).map { row in
            let message = "\(name) \(row)"
            let id = key == nil ? UUID(high: 0x1234_0000_0000_7000, low: UInt64(message.utf8.reduce(5) { $0 &* 31 &+ Int($1) })) : nil
            return F.event(message, id: id, source: row == 0 ? "audit" : "app")
        }
        do {
            switch try await log.append(F.request(events, key: key)) {
            case .stored, .repeated: acknowledged.formUnion(events.compactMap(\.message))
            default: Issue.record("a client's request has no sequence")
            }
        } catch { unanswered.append((key, events)) }
    }

    /// Opens again, sends what was not acknowledged once more, and counts: each acknowledged message once, none twice, whatever was sealed.
    func check(after what: String) async throws -> FaultTally {
        let log = try await open()
        var counts = try await Self.counts(log)
        let lost = acknowledged.filter { counts[$0] == nil }
        let tally = FaultTally(
            acknowledged: acknowledged.count,
            found: acknowledged.count - lost.count,
            lost: lost.count,
            duplicated: counts.values.count { $0 > 1 }
        )
        #expect(lost.isEmpty, "lost after \(what): \(lost.sorted())")
        #expect(counts.allSatisfy { $0.value == 1 }, "twice after \(what): \(counts.filter { $0.value > 1 }.keys.sorted())")
        let watermark = try await log.watermarks(of: F.agent).lanes[.logs] ?? 0
        for sequence in sent.keys.sorted() where sequence > watermark { _ = try await send(sequence, to: log) }
        let again = unanswered
        unanswered = []
        for (key, events) in again {
            guard case .stored = try await log.append(F.request(events, key: key)) else { continue }
        }
        for (_, events) in again { acknowledged.formUnion(events.compactMap(\.message)) }
        try await log.sealAll()
        counts = try await Self.counts(log)
        acknowledged.formUnion(sent.values.joined())
        #expect(Set(counts.keys) == acknowledged, "not all after \(what) and a repeat: \(acknowledged.symmetricDifference(counts.keys).sorted())")
        #expect(counts.allSatisfy { $0.value == 1 }, "twice after \(what) and a repeat: \(counts.filter { $0.value > 1 }.keys.sorted())")
        let status = await log.status()
        #expect(status.setAside == 0 && status.problem == nil, "after \(what): \(status.setAside) set aside, \(status.problem ?? "no problem")")
        await close()
        return tally
    }

    /// How often each message is in the log, read as its followers read it.
    static func counts(_ log: Log) async throws -> [String: Int] {
        var (counts, position) = ([String: Int](), LogPosition(0))
        let end = try await log.end()
        while position < end {
            let page = try await log.page(after: position, kinds: [.events], limit: 5)
            for block in page.blocks {
                let events = try EventBlock(decoding: block.bytes)
                for row in 0..<events.count where !block.repeatedRows.contains(UInt32(row)) {
                    let event = events.event(at: row)
                    if event.source != Event.ownSource { counts[event.message ?? "", default: 0] += 1 }
                }
            }
            #expect(page.next > position, "a page that leads nowhere")
            guard page.next > position else { break }
            position = page.next
        }
        return counts
    }
}
