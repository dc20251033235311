import Glibc
import JSON
import Telemetry
import TestSupport
import Testing

/// `kill -9` of the aggregator while alerts fire and resolve and receivers fail half of the time: everybody hears of every alert, and whoever looks at
/// the key hears of it once.
@Suite(.serialized) struct NotifyKillTests {
    /// The short version is in `make test`, 200 kills and 2 000 alerts in `make test-notify-kill`.
    private static let kills = number("TOCSIN_NOTIFY_KILLS") ?? 8
    private static let alerts = number("TOCSIN_NOTIFY_ALERTS") ?? 240
    private static let hosts = 20

    private static func number(_ name: String) -> Int? { unsafe getenv(name).flatMap { unsafe Int(String(cString: $0)) } }

    @Test func `kill -9, again and again, while receivers fail: every alert is told, and under one key`() async throws {
        let house = try Installation()
        try house.writeAggregatorConfiguration(
            extra: "outbox: {breaker_failures: 6, breaker_wait: 100ms, breaker_wait_max: 500ms, digest_after: 0s, digest_above: 20}",
            groupBy: "[number]",
            hostDown: "1h"
        )
        let seed = UInt64.random(in: 1...1_000_000)
        let report = house.folder("report.json")
        let receivers = try ChildProcess(
            Installation.script("kill_receivers.py") + ["\(house.webhookPort)", "\(house.smtpPort)", report, "\(seed)"],
            outputPath: house.folder("receivers.out")
        )
        try eventually("the receivers listen; they wrote: \(receivers.output().suffix(1000))") { receivers.output().contains("ready") }
        try house.startAggregator()
        let feeder = AlertFeeder(address: house.address, hosts: Self.hosts)
        async let feeding: Void = Self.feed(feeder, over: Self.kills)
        let starts = try Self.killAgain(house, seed: seed)
        try await feeding
        // From now on they are well: what is still to come comes at the first attempt or the next.
        try TestFiles.write("", to: report + ".good")
        try eventually("nothing waits any more", within: 300) {
            let pending = try? house.get("/api/v1/notifications?state=pending&limit=1")["count"]?.integer
            let firing = try? house.get("/api/v1/alerts?state=firing")["count"]?.integer
            return pending == 0 && firing == 0
        }
        try TestFiles.write("", to: report + ".ask")
        try eventually("the receivers report") { TestFiles.exists(report) }
        let told = try JSON.parse(TestFiles.read(report) ?? "")
        for channel in ["webhook", "mail"] { try check(try #require(told[channel]), channel, seed: seed) }
        let failed = try house.get("/api/v1/notifications?state=failed&limit=10")
        #expect(failed["count"]?.integer == 0, "seed \(seed): \(failed.text.prefix(2000))")
        #expect(!receivers.output().contains("Traceback"), "\(receivers.output().suffix(2000))")
        print(
            "killed \(Self.kills) times (seed \(seed)), longest start \(Int((starts.max() ?? 0) * 1000)) ms, batches sent again \(await feeder.repeated)"
        )
    }

    /// All alerts begin and end, a few at a time, over the time of the kills.
    private static func feed(_ feeder: AlertFeeder, over kills: Int) async throws {
        var open: [Int: Timestamp] = [:]
        var (next, order) = (0, [Int]())
        func now() -> Timestamp {
            var moment = timespec()
            unsafe clock_gettime(CLOCK_REALTIME, &moment)
            return Timestamp(nanoseconds: Int64(moment.tv_sec) * 1_000_000_000 + Int64(moment.tv_nsec))
        }
        while next < alerts || !order.isEmpty {
            for host in 0..<hosts {
                var rows: [Alert] = []
                let moment = now()
                if next < alerts, next % hosts == host {
                    open[next] = moment
                    order.append(next)
                    rows.append(await feeder.alert(next, .firing, since: moment, at: moment))
                    next += 1
                }
                // Each fires for as long as a tenth of all others need to begin.
                let own = order.filter { $0 % hosts == host && ($0 + alerts / 10 < next || next >= alerts) }
                for number in own {
                    guard let since = open.removeValue(forKey: number) else { continue }
                    rows.append(await feeder.alert(number, .resolved, since: since, at: now()))
                }
                order.removeAll { own.contains($0) }
                if !rows.isEmpty { try await feeder.send(rows, of: host) }
            }
            // About as long as the kills take.
            try await Task.sleep(for: .milliseconds(max(5, 300 * kills * hosts / alerts)))
        }
    }

    private static func killAgain(_ house: Installation, seed: UInt64) throws -> [Double] {
        var generator = SeededGenerator(seed: seed)
        var starts: [Double] = []
        for _ in 0..<kills {
            usleep(UInt32.random(in: 20_000...500_000, using: &generator))
            house.aggregator?.killHard()
            let took = try ContinuousClock().measure { try house.startAggregator() }
            starts.append(Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18)
        }
        return starts
    }

    private func check(_ book: JSON, _ channel: String, seed: UInt64) throws {
        let told = try #require(book["told"])
        func keys(_ number: Int, _ state: String) -> [String] { (told["\(number) \(state)"]?.array ?? []).compactMap(\.string) }
        let numbers = 0..<Self.alerts
        // An alert that began and ended while the channel was down is told once, as ended, in a digest.
        let delivered = numbers.filter { !keys($0, "resolved").isEmpty }
        let lost = numbers.filter { keys($0, "resolved").isEmpty }
        let twice = numbers.flatMap { number in ["firing", "resolved"].filter { keys(number, $0).count > 1 }.map { "\(number) \($0)" } }
        func count(_ name: String) throws -> Int { Int(try #require(book[name]?.integer)) }
        print(
            "\(channel): expected \(numbers.count)  delivered \(delivered.count)  lost \(lost.count)  repeated \(try count("repeated"))  "
                + "accepted twice (\(twice.count))  (of \(try count("keys")) deliveries \(try count("digests")) were digests; \(try count("refused")) attempts were refused)"
        )
        #expect(lost.isEmpty, "seed \(seed): \(channel) was never told of the end of \(lost.prefix(10))")
        #expect(twice.isEmpty, "seed \(seed): \(channel) was told twice: \(twice.prefix(10))")
        // It shows nothing unless attempts failed and keys came again.
        #expect(try count("refused") > Self.alerts / 10)
        #expect(try count("repeated") > 0)
    }
}
