import Blocks
import Operating
import Telemetry
import TestSupport
import Testing

@testable import Storing

/// A week of a log in a second: events of two classes of retention, samples, alerts; sealing, words in groups of three, samples merged and rolled up, retention;
/// three openings. On a disk that can fail.
class UpkeepScene: FaultTraffic {
    typealias F = LogFixture

    /// What was sent, and when it arrived.
    private struct Sent {
        var batch: AdmittedBatch
        /// Events and alerts by their names, samples by series and number.
        var names: [String]
    }

    private let folder: TemporaryFolder
    private let time = ManualTime(now: F.noon)
    private var config: StorageConfig
    let disk: FaultDisk
    private var log: Log?
    private var acknowledged: Set<String> = []
    /// All that was ever made, with the time of its arrival and the source, which retention goes by.
    private var made: [String: (receivedAt: Timestamp, source: String)] = [:]
    /// By lane, in the order of their sequences: what is not acknowledged yet.
    private var pending: [Lane: [Sent]] = [:]
    private var requests: [Sent] = []
    private var sequences: [Lane: UInt64] = [:]
    private var sampleNumber = 0
    private var serial = 0

    /// The segment in which a bit turns while the log is closed for the first time; nil: none.
    class var damagedKind: BlockKind? { nil }

    required init(seed: UInt64) throws {
        folder = try TemporaryFolder()
        config = StorageConfig(
            path: folder("log"),
            eventRetention: .seconds(475_200),
            metricRetention: .seconds(2 * 86_400),
            minuteRetention: .seconds(100 * 86_400),
            hourRetention: .seconds(400 * 86_400),
            diskReserve: 0,
            sourceRetention: ["audit": .seconds(400 * 86_400)]
        )
        config.wordGroupBlocks = 3
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

    // MARK: Traffic

    func run() async throws {
        var log = try await open()
        for _ in 0..<4 { await round(log) }
        await close()
        if let kind = Self.damagedKind, let name = disk.names.filter({ $0.hasPrefix("segments/") }).sorted().dropFirst(kind == .events ? 0 : 2).first
        {
            _ = disk.damage(name, at: 120)
        }
        log = try await open()
        // A reader finds what is damaged.
        _ = try? await LogContents(log)
        await pass(86_400, log)
        await round(log)
        await pass(2 * 86_400, log)
        await round(log)
        await close()
        log = try await open()
        await pass(3 * 86_400, log)
        await round(log)
        await close()
    }

    /// Time passes, and what is due then is done.
    private func pass(_ seconds: Int, _ log: Log) async {
        time.advance(by: .seconds(seconds))
        do {
            while try await log.mergeSamples() {}
            while try await log.retain() {}
        } catch {}
    }

    private func round(_ log: Log) async {
        serial += 1
        let now = time.now()
        let events = (0..<3).map { ("e\(serial).\($0)", $0 == 1 ? "audit" : "nginx") }
        add(.logs, events.map(\.0)) { sequence in
            F.batch(sequence, events.map { F.event($0.0, source: $0.1) }, receivedAt: now)
        }
        for (name, source) in events { made[name] = (now, source) }
        // Values are powers of two, so that a sum tells which of them are in it.
        let samples = (0..<4).map { index in
            Sample("m", at: now.advanced(by: .seconds(sampleNumber + index)), Double(UInt64(1) << UInt64(sampleNumber + index)))
        }
        add(.metrics, (0..<4).map { "s\(sampleNumber + $0)" }) { sequence in
            AdmittedBatch(
                origin: .agent(F.identity, lane: .metrics, sequence: sequence, checksum: sequence),
                receivedAt: now,
                blocks: [
                    AdmittedBlock(kind: .samples, bytes: SampleBlock.encode(samples), count: 4, from: samples[0].timestamp, to: samples[3].timestamp)
                ]
            )
        }
        sampleNumber += 4
        add(.alerts, ["a\(serial)"]) { F.alert("a\(serial)", sequence: $0, at: now) }
        made["a\(serial)"] = (now, "")
        let name = "c\(serial)"
        made[name] = (now, "app")
        let id = serial % 2 == 0 ? UUID(high: 5, low: UInt64(serial)) : nil
        var request = F.request([F.event(name, id: id, source: "app")], key: id == nil ? name : nil)
        request.receivedAt = now
        requests.append(Sent(batch: request, names: [name]))
        await send(log)
        try? await log.sealAll()
    }

    private func add(_ lane: Lane, _ names: [String], _ batch: (UInt64) -> AdmittedBatch) {
        sequences[lane, default: 0] += 1
        pending[lane, default: []].append(Sent(batch: batch(sequences[lane]!), names: names))
    }

    /// What waits, twice if need be. An agent's next batch waits for the one before.
    private func send(_ log: Log) async {
        for lane in Lane.allCases {
            var failures = 0
            while failures < 2, let next = pending[lane]?.first {
                do {
                    switch try await log.append(next.batch) {
                    case .stored, .repeated:
                        acknowledged.formUnion(next.names)
                        pending[lane]?.removeFirst()
                    case .outOfOrder(let expected):
                        Issue.record("\(lane): the log expects \(expected), and everything before \(next.batch.origin) was acknowledged")
                        return
                    case .conflict:
                        Issue.record("\(lane): a sequence is known with another checksum")
                        return
                    }
                } catch { failures += 1 }
            }
        }
        var left = [Sent]()
        for request in requests {
            do {
                _ = try await log.append(request.batch)
                acknowledged.formUnion(request.names)
            } catch { left.append(request) }
        }
        requests = left
    }

    // MARK: Counting

    func check(after what: String) async throws -> FaultTally {
        let log = try await open()
        // The first reading finds what is damaged, the second what was recorded of it.
        _ = try await LogContents(log)
        let first = try await LogContents(log)
        var tally = self.tally(first)
        #expect(tally.lost == 0 && tally.duplicated == 0, "after \(what): lost \(lost(first)), twice \(first.twice), told \(first.told)")
        await send(log)
        #expect(requests.isEmpty && pending.values.allSatisfy(\.isEmpty), "after \(what): the log takes no data")
        try await log.sealAll()
        while try await log.mergeSamples() {}
        while try await log.retain() {}
        let second = try await LogContents(log)
        let end = self.tally(second)
        #expect(end.lost == 0 && end.duplicated == 0, "after \(what) and a repeat: lost \(lost(second)), twice \(second.twice), told \(second.told)")
        let isDamaged = Self.damagedKind != nil
        #expect(second.told.count <= (isDamaged ? 1 : 0), "after \(what): \(second.told)")
        if what == "nothing" {
            #expect(second.told.isEmpty == !isDamaged, "nothing was found damaged")
            // Where sealing failed, days lie together and go together.
            let overdue = second.names.keys.filter { name in made[name].map { isOver($0.receivedAt, $0.source) } ?? false }
            #expect(overdue.isEmpty, "retention has left \(overdue.sorted())")
        }
        let status = await log.status()
        #expect(status.problem == nil, "after \(what): \(status.problem ?? "")")
        let names = Set(disk.names.filter { $0.hasPrefix("segments/") })
        let known = Set(await log.sealer.store.segments.values.map { "segments/" + $0.name })
        #expect(names == known, "after \(what): the folder has \(names.symmetricDifference(known).sorted()) besides what the journal names")
        tally.lost += end.lost
        tally.duplicated += end.duplicated
        await close()
        return tally
    }

    private func isOver(_ receivedAt: Timestamp, _ source: String) -> Bool {
        time.now().duration(since: receivedAt) > (config.sourceRetention[source] ?? config.eventRetention)
    }

    /// Acknowledged, not over, and not there.
    private func lost(_ contents: LogContents) -> [String] {
        acknowledged.filter { name in
            if let made = made[name] { return contents.names[name] == nil && !isOver(made.receivedAt, made.source) }
            return !contents.samples.contains(name)
        }.sorted()
    }

    private func tally(_ contents: LogContents) -> FaultTally {
        let lost = lost(contents).count
        let told = min(lost, contents.told.values.reduce(0, +))
        return FaultTally(
            acknowledged: acknowledged.count,
            found: acknowledged.count { contents.names[$0] != nil || contents.samples.contains($0) },
            lost: lost - told,
            duplicated: contents.twice.count,
            told: told
        )
    }
}

final class DamagedEventsScene: UpkeepScene {
    override class var damagedKind: BlockKind? { .events }
}

final class DamagedSamplesScene: UpkeepScene {
    override class var damagedKind: BlockKind? { .samples }
}
