import Glibc
import JSON
import TestSupport
import Testing

/// From a log line to the store, to a webhook and to a mail, through the real programs.
@Suite(.serialized) struct WholeLineTests {
    @Test func `a written line is found with host, source, path and offset`() throws {
        let house = try Installation()
        try house.startAggregator()
        try house.startAgent()
        try house.appendLog("first\nhello 4711\n")
        let clock = ContinuousClock()
        let written = clock.now
        var events = [JSON]()
        try eventually("the line is in the store") {
            events = try house.get("/api/v1/events?q=4711")["events"]?.array ?? []
            return !events.isEmpty
        }
        print("line written to line found: \(clock.now - written)")
        #expect(events.count == 1)
        let event = try #require(events.first)
        #expect(event["message"]?.string == "hello 4711")
        #expect(event["host"]?.string == "test-1")
        #expect(event["source"]?.string == "app")
        #expect(event["type"]?.string == "log.line")
        #expect(event["data"]?["path"]?.string == house.logPath)
        #expect(event["data"]?["offset"]?.integer == 6)
    }

    @Test func `a tripped rule reaches a webhook and a mailbox, and so does its resolution`() throws {
        let house = try Installation()
        try house.startReceivers()
        try house.startAggregator()
        try house.startAgent()
        // The counter must have been seen at 0 before it can be seen to rise.
        try eventually("the pattern's counter is stored") {
            try house.get("/api/v1/query?query=log_pattern_matches_total")["data"]?["result"]?.array?.isEmpty == false
        }
        try house.appendLog("ALARM the kettle\n")
        let breach = UnixTime.now
        for status in ["firing", "resolved"] {
            try eventually("\(status) is told by webhook and mail") {
                house.received("webhook").contains { $0["body"]?["status"]?.string == status }
                    && house.received("mail").contains { $0["subject"]?.string?.uppercased().contains(status.uppercased()) == true }
            }
        }
        let webhooks = house.received("webhook")
        let firing = try #require(webhooks.first { $0["body"]?["status"]?.string == "firing" })
        let resolved = try #require(webhooks.first { $0["body"]?["status"]?.string == "resolved" })
        let mail = try #require(house.received("mail").first)
        for (name, record) in [("webhook, firing", firing), ("mail, firing", mail), ("webhook, resolved", resolved)] {
            print("breach to \(name): \((record["arrived"]?.double ?? 0) - breach) s")
        }
        #expect(firing["body"]?["version"]?.string == "4")
        let alert = try #require(firing["body"]?["alerts"]?.array?.first)
        #expect(alert["labels"]?["alertname"]?.string == "Alarm")
        #expect(alert["labels"]?["host"]?.string == "test-1")
        #expect(alert["annotations"]?["summary"]?.string == "alarm on test-1")
        #expect(mail["types"]?.array?.contains("text/plain") == true)
        #expect(mail["types"]?.array?.contains("text/html") == true)
        // The signature is what openssl says it is.
        try TestFiles.write(firing["raw"]?.string ?? "", to: house.folder("payload"))
        let (_, digest) = try ChildProcess.run(["openssl", "dgst", "-sha256", "-hmac", "open sesame", "-r", house.folder("payload")])
        #expect(firing["headers"]?["x-tocsin-signature"]?.string == "sha256=" + digest.prefix(64))
        // The same rule over what was stored fires once, as it did.
        let backtest = ["rules", "test", house.folder("rules.yaml"), "--since", "5m", "--interval", "1s", "--aggregator", house.address, "--json"]
        let (exit, report) = try ChildProcess.run(["\(Installation.binaries)/agentctl"] + backtest)
        #expect(exit == .code(0), "\(report)")
        let record = try JSON.parse(report)["rules"]?[0]
        #expect(record?["fired"]?.integer == 1 && record?["pages"]?.integer == 1, "\(report)")
        // Told once each, not once an evaluation.
        #expect(webhooks.filter { $0["body"]?["status"]?.string == "firing" }.count == 1)
        #expect(webhooks.filter { $0["body"]?["status"]?.string == "resolved" }.count == 1)
    }

    @Test func `what the agent collects is answered in PromQL`() throws {
        let house = try Installation()
        try house.startAggregator()
        try house.startAgent()
        try eventually("load is stored") {
            try house.get("/api/v1/query?query=node_load1")["data"]?["result"]?.array?.isEmpty == false
        }
        let result = try #require(try house.get("/api/v1/query?query=node_load1")["data"]?["result"]?.array?.first)
        #expect(result["metric"]?["host"]?.string == "test-1")
        #expect(result["metric"]?["job"]?.string == "tocsin")
        try eventually("two collections make a rate") {
            let answer = try Curl.run([
                "-G", "--data-urlencode", #"query=sum(rate(node_cpu_seconds_total[10s])) > 0"#, house.address + "/api/v1/query",
            ])
            return answer.json?["data"]?["result"]?.array?.isEmpty == false
        }
    }

    @Test func `a delivery that fails is repeated with the same key after the aggregator was killed`() throws {
        let house = try Installation()
        try house.startReceivers(failures: 1)
        try house.startAggregator()
        try house.startAgent()
        try eventually("the pattern's counter is stored") {
            try house.get("/api/v1/query?query=log_pattern_matches_total")["data"]?["result"]?.array?.isEmpty == false
        }
        try house.appendLog("ALARM the kettle\n")
        try eventually("the first attempt is refused") { !house.received("webhook").isEmpty }
        house.aggregator?.killHard()
        try house.startAggregator()
        try eventually("it is delivered by the new process", within: 30) { house.received("webhook").contains { $0["answered"]?.integer == 200 } }
        let keys = house.received("webhook").filter { $0["body"]?["status"]?.string == "firing" }.map {
            $0["headers"]?["idempotency-key"]?.string ?? "none"
        }
        #expect(keys.count >= 2)
        #expect(Set(keys).count == 1)
        #expect(keys.first != "none")
    }
}

enum UnixTime {
    /// Seconds since the epoch, as the receivers count them.
    static var now: Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
