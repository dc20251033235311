import Admitting
import AggregatorApp
import Answering
import Configuring
import Correlating
import Logging
import Receiving
import Storing
import Telemetry
import TestSupport
import Testing

struct AggregatorConfigTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func read(_ text: String?, _ environment: [String: String] = [:]) throws -> (config: AggregatorConfig, problems: [String]) {
        let problems = ConfigProblems()
        if let text { try TestFiles.write(text, to: folder("aggregator.yaml")) }
        let path = text == nil ? nil : folder("aggregator.yaml")
        let config = AggregatorConfig.read(path: path, environment: { environment[$0] }, problems: problems)
        return (config, problems.all.map { $0.description.replacing(folder.path + "/", with: "") })
    }

    @Test func `without a file the defaults are in force`() throws {
        let (config, problems) = try read(nil)
        #expect(problems.isEmpty)
        #expect(config.listen == ListenAddress(host: "127.0.0.1", port: 8640))
        #expect(config.storage == StorageConfig(path: "/var/lib/tocsin-aggregator"))
        #expect(config.correlating.path == "/var/lib/tocsin-aggregator/correlation.db")
        #expect(config.tokens == nil)
    }

    @Test func `the example of receivers is read without a word`() throws {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let (_, problems) = try read(TestFiles.read(root + "/packaging/examples/aggregator-receivers.yaml"))
        #expect(problems == [])
    }

    @Test func `every key of the design is read`() throws {
        let certificate = "[]"
        try TestFiles.write(certificate, to: folder("tokens.yaml"))
        let (config, problems) = try read(
            """
            listen: {address: "[::1]:9000", external_url: "https://tocsin.example.org/"}
            storage:
              path: /srv/tocsin/
              disk_reserve: 1GiB
              retention: {events: 7d, metrics: 14d, metrics_1m: 30d, metrics_1h: 365d, ids: 10d, sources: {audit: 400d, "web-1": 1h}, max_size: 5GiB}
            limits:
              events_per_second: 10
              burst: 20
              agents: {events_per_second: 100, burst: 200, series: 300}
              body: 1MiB
              inflated_body: 2MiB
              json_depth: 10
              future: 2h
              body_memory: 64MiB
            tokens: {file: \(folder("tokens.yaml"))}
            host_down: {after: 15s, forget_after: 2d}
            log: {level: debug}
            """
        )
        #expect(problems == [])
        #expect(config.listen == ListenAddress(host: "::1", port: 9000))
        #expect(config.storage.idRetention == .seconds(10 * 86_400))
        #expect(config.receiving.futureMax == .seconds(7200) && config.admitting.futureMax == .seconds(7200))
        #expect(config.externalURL == "https://tocsin.example.org")
        #expect(config.storage.path == "/srv/tocsin")
        #expect(config.storage.eventRetention == .seconds(7 * 86_400))
        #expect(config.storage.metricRetention == .seconds(14 * 86_400))
        #expect(config.storage.minuteRetention == .seconds(30 * 86_400) && config.storage.hourRetention == .seconds(365 * 86_400))
        #expect(config.storage.sourceRetention == ["audit": .seconds(400 * 86_400), "web-1": .seconds(3600)])
        #expect(config.storage.maxSize == 5 << 30 && config.storage.diskReserve == 1 << 30)
        #expect(
            config.admitting
                == AdmittingLimits(
                    eventsPerSecond: 10,
                    burst: 20,
                    agentRowsPerSecond: 100,
                    agentBurst: 200,
                    seriesPerAgentMax: 300,
                    futureMax: .seconds(7200)
                )
        )
        #expect(config.receiving.body.bytesMax == 1 << 20 && config.receiving.inflatedBytesMax == 2 << 20 && config.receiving.jsonDepthMax == 10)
        #expect(config.bodyMemory == 64 << 20)
        #expect(config.tokens == [])
        #expect(config.correlating.hostDown.after == .seconds(15))
        #expect(config.correlating.path == "/srv/tocsin/correlation.db")
        #expect(config.logLevel == .debug)
    }

    @Test func `every mistake is told in one run, with its line`() throws {
        try TestFiles.write("- {name: a, role: boss, sha256: abc}\n- {name: a, role: agent, hosst: x}\n- text\n", to: folder("tokens.yaml"))
        let (_, problems) = try read(
            """
            listen: {address: here}
            storage:
              path: var
              retention: {events: 30, max_size: 50}
            limits: {events_per_second: fast, boddy: 3MiB, json_depth: 1000}
            tokens: {file: \(folder("tokens.yaml"))}
            host_down: {after: soon}
            colour: red
            """
        )
        let places = problems.map { $0.split(separator: ": ").prefix(2).joined(separator: ": ") }
        #expect(
            places == [
                "aggregator.yaml:1: listen.address", "aggregator.yaml:3: storage.path", "aggregator.yaml:4: storage.retention.events",
                "aggregator.yaml:4: storage.retention.max_size", "aggregator.yaml:5: limits.events_per_second",
                "aggregator.yaml:5: limits.json_depth",
                "aggregator.yaml:5: limits.boddy", "aggregator.yaml:7: host_down.after", "aggregator.yaml:8: colour", "tokens.yaml:1: role",
                "tokens.yaml:1: sha256", "tokens.yaml:2: sha256", "tokens.yaml:2: hosst", "tokens.yaml:2: name", "tokens.yaml:3: [2]",
            ],
            "\(problems.joined(separator: "\n"))"
        )
    }

    @Test func `when a host is down, planned, or part of a site, is configured`() throws {
        let (config, problems) = try read(
            "host_down: {after: 2m, planned_for: 30m, forget_after: 9d, site_tags: [rack-a, \"dc:*\"], site_share: 0.75, site_hosts_min: 5}"
        )
        #expect(problems == [])
        let hostDown = HostDownConfig(
            after: .seconds(120),
            plannedFor: .seconds(1800),
            forgetAfter: .seconds(9 * 86_400),
            siteTags: ["rack-a", "dc:*"],
            siteShare: 0.75,
            siteHostsMin: 5
        )
        #expect(config.correlating.hostDown == hostDown)
        #expect(try read("host_down: {site_tags: []}").problems == [])
        #expect(try read("host_down: {site_tags: [\"*\"]}").problems.count == 1)
        #expect(try read("host_down: {site_share: 2, site_hosts_min: 1}").problems.count == 2)
        #expect(try read("host_down: {after: 2h, forget_after: 1h}").problems.count == 1)
    }

    @Test func `a coarser tier of metrics is not kept shorter than a finer one`() throws {
        let (config, problems) = try read("storage: {retention: {metrics: 3000d}}")
        #expect(problems == [])
        #expect(config.storage.minuteRetention == .seconds(3000 * 86_400) && config.storage.hourRetention == .seconds(3000 * 86_400))
        #expect(try read("storage: {retention: {metrics: 20d, metrics_1m: 10d}}").problems.count == 1)
        #expect(try read("storage: {retention: {metrics_1h: 10d}}").problems.count == 1)
        #expect(try read("storage: {retention: {sources: {audit: long}}}").problems.count == 1)
        #expect(try read("storage: {retention: {sources: [audit]}}").problems.count == 1)
    }

    @Test func `a store in memory has no files`() throws {
        let (config, problems) = try read("storage: {path: \":memory:\"}")
        #expect(problems == [])
        #expect(config.storage.isInMemory && config.correlating.path == ":memory:")
    }

    @Test func `beyond loopback TLS and tokens are required`() throws {
        #expect(try read("listen: {address: \"0.0.0.0:8640\"}").problems.map { $0.contains("can be reached from other machines") } == [true, true])
        #expect(try read("listen: {address: \"127.0.0.1:8640\"}", ["TOCSIN_LISTEN_ADDRESS": ":8640"]).problems.count == 2)
    }

    @Test func `a named file that is missing is a mistake`() throws {
        let problems = ConfigProblems()
        _ = AggregatorConfig.read(path: folder("missing.yaml"), environment: { _ in nil }, problems: problems)
        #expect(problems.all.count == 1)
        #expect(try read("tokens: {file: \(folder("missing.yaml"))}").problems.count == 1)
    }

    @Test func `tokens are read with role, host and digest`() throws {
        let digest = String(repeating: "0aF", count: 21) + "0"
        try TestFiles.write("# none yet\n- {name: web-1, role: agent, host: web-1, sha256: \(digest)}\n", to: folder("tokens.yaml"))
        let (config, problems) = try read("tokens: {file: \(folder("tokens.yaml"))}")
        #expect(problems == [])
        #expect(config.tokens?.map(\.principal) == [Principal(name: "web-1", role: .agent, host: "web-1")])
        #expect(config.tokens?.first?.sha256.prefix(3).elementsEqual([0x0A, 0xF0, 0xAF]) == true)
        try TestFiles.write("# nobody\n", to: folder("tokens.yaml"))
        #expect(try read("tokens: {file: \(folder("tokens.yaml"))}").config.tokens == [])
    }
}
