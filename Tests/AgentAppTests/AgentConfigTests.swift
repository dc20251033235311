import AgentApp
import Collecting
import Configuring
import Judging
import Logging
import Matching
import Rules
import Shipping
import Spooling
import Tailing
import Telemetry
import TestSupport
import Testing
import Transferring

@Suite struct AgentConfigTests {
    private func read(_ text: String, in folder: TemporaryFolder, environment: [String: String] = [:]) throws -> (AgentConfig, [ConfigProblem]) {
        try TestFiles.write(text, to: folder("agent.yaml"))
        let problems = ConfigProblems()
        let config = AgentConfig.read(path: folder("agent.yaml"), hostName: "here", environment: { environment[$0] }, problems: problems)
        return (config, problems.all)
    }

    @Test func `every key reaches its room`() throws {
        let folder = try TemporaryFolder()
        try TestFiles.write("open sesame\n", to: folder("token"))
        try TestFiles.write("", to: folder("ca.pem"))
        try TestFiles.write(
            "groups:\n  - name: g\n    rules:\n      - alert: Busy\n        expr: node_load1 > 5\n        for: 5m\n",
            to: folder("rules.yaml")
        )
        let (config, problems) = try read(
            """
            aggregator: https://tocsin.example.org:8640
            token_file: \(folder("token"))
            ca_file: \(folder("ca.pem"))
            host: web-1
            tags: [production, web]
            log: {level: debug}
            spool: {path: /var/lib/elsewhere/, max_size: 2GiB, wait_for_positions: 90s}
            control: {socket: /run/elsewhere.sock}
            collect:
              interval: 1s
              disable: [pressure]
              filesystem: {ignore_types: [tmpfs], ignore_mount_points: [/mnt]}
            tail:
              - paths: ["/var/log/*.log"]
                source: nginx
                start: beginning
                format: nginx
                multiline: {start: '^\\d{4}-'}
                redact: ['(?i)password=\\S+']
            patterns:
              - {name: oom, match: 'Out of memory'}
            rule_files: [rules.yaml, "\(folder("*.nothing"))"]
            """,
            in: folder
        )
        #expect(problems.isEmpty, "\(problems)")
        #expect(config.shipping?.url == "https://tocsin.example.org:8640")
        #expect(config.shipping?.tokenFile == folder("token"))
        #expect(config.shipping?.tls.caFile == folder("ca.pem"))
        #expect(config.host == "web-1")
        #expect(config.tags == ["production", "web"])
        #expect(config.logLevel == .debug)
        #expect(config.spool.path == "/var/lib/elsewhere")
        #expect(config.spool.maxBytes == 2 << 30)
        #expect(config.spool.positionsWait == .seconds(90))
        #expect(config.controlSocket == "/run/elsewhere.sock")
        #expect(config.collect.interval == .seconds(1))
        #expect(config.collect.disable == ["pressure"])
        #expect(config.collect.ignoredFilesystemTypes == ["tmpfs"])
        #expect(config.collect.ignoredMountPoints == ["/mnt"])
        #expect(config.tails.count == 1)
        #expect(config.tails[0].source == "nginx")
        #expect(config.tails[0].start == .beginning)
        #expect(config.tails[0].multiline?.start != nil)
        #expect(config.tails[0].redact.count == 1)
        #expect(config.judge.patterns.map(\.name) == ["oom"])
        #expect(config.judge.groups.map(\.name) == ["g"])
    }

    @Test func `without a file the defaults hold, and the environment goes before them`() {
        let problems = ConfigProblems()
        let environment = ["TOCSIN_AGGREGATOR": "http://127.0.0.1:8640", "TOCSIN_SPOOL_PATH": "/tmp/spool", "TOCSIN_COLLECT_INTERVAL": "30s"]
        let config = AgentConfig.read(path: nil, hostName: "here", environment: { environment[$0] }, problems: problems)
        #expect(problems.isEmpty)
        #expect(config.host == "here")
        #expect(config.shipping?.url == "http://127.0.0.1:8640")
        #expect(config.spool.path == "/tmp/spool")
        #expect(config.spool.maxBytes == 512 << 20)
        #expect(config.spool.positionsWait == .seconds(5))
        #expect(config.collect.interval == .seconds(30))
        #expect(config.controlSocket == "/run/tocsin-agent/control.sock")
        #expect(config.tails.isEmpty)
    }

    @Test func `every mistake is told in one run, those of rule files too`() throws {
        let folder = try TemporaryFolder()
        try TestFiles.write("groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: sum(rate(x[5m)\n", to: folder("bad.yaml"))
        let (_, problems) = try read(
            """
            aggregator: ftp://example.org
            token_file: /nowhere/token
            spol: {path: /tmp}
            spool: {max_size: "512"}
            collect: {interval: soon, disable: [cpuu]}
            tail:
              - {paths: [relative.log], format: xml, redact: ['(a']}
              - {source: x}
            patterns:
              - {name: a, match: 'x(?=y)'}
              - {name: a, match: b}
            rule_files: [/nowhere/rules.yaml, bad.yaml]
            """,
            in: folder
        )
        let told = problems.map { ($0.file.hasSuffix("bad.yaml") ? "bad" : "agent", $0.line, $0.key) }
        let expected = [
            ("agent", 1, "aggregator"), ("agent", 2, "token_file"), ("agent", 3, "spol"), ("agent", 4, "spool.max_size"),
            ("agent", 5, "collect.interval"), ("agent", 5, "collect.disable"), ("agent", 7, "tail[0].paths"), ("agent", 7, "tail[0].format"),
            ("agent", 7, "tail[0].redact"), ("agent", 8, "tail[1].paths"), ("agent", 10, "patterns[0].match"), ("agent", 11, "patterns[1].name"),
            ("agent", 12, "rule_files"), ("bad", 5, ""),
        ]
        for (file, line, key) in expected {
            #expect(
                told.contains { $0.0 == file && $0.1 == line && $0.2.hasPrefix(key) },
                "\(file):\(line): \(key) is not in\n\(problems.map(\.description).joined(separator: "\n"))"
            )
        }
    }

    @Test func `every key of a tail reaches it`() throws {
        let folder = try TemporaryFolder()
        let (config, problems) = try read(
            """
            tail:
              - paths: ["/var/log/*.log"]
                exclude: ["*.tmp"]
                format: raw
                fields: true
                time_zone: "+02:00"
                multiline: {preset: go, continue: '^x', timeout: 2s, max_lines: 7, max_bytes: 2KiB}
                half_line_timeout: 5s
                redact: ['a', {preset: emails}, {match: '(b)c', with: '$1'}]
                drop: ['^DEBUG']
                sample: [{match: ok, every: 10}]
                collapse: 1m
              - {paths: [/a], multiline: python}
            """,
            in: folder
        )
        #expect(problems.isEmpty, "\(problems)")
        let tail = try #require(config.tails.first)
        #expect(tail.exclude == ["*.tmp"])
        #expect(tail.format == .plain)
        #expect(tail.takesFields == true)
        #expect(tail.zone == .offset(7200))
        #expect(tail.multiline?.preset == .go)
        #expect(tail.multiline?.continuation?.source == "^x")
        #expect(tail.multiline?.timeout == .seconds(2))
        #expect(tail.multiline?.linesMax == 7)
        #expect(tail.multiline?.bytesMax == 2048)
        #expect(tail.halfLineTimeout == .seconds(5))
        #expect(tail.redact.map(\.replacement) == ["<redacted>", "<redacted>", "$1"])
        #expect(tail.drop.map(\.source) == ["^DEBUG"])
        #expect(tail.sample.map(\.every) == [10])
        #expect(tail.collapse == .seconds(60))
        #expect(config.tails.last?.multiline == TailConfig.Multiline(preset: .python))
    }

    @Test func `mistakes in a tail are told where they stand`() throws {
        let folder = try TemporaryFolder()
        let (_, problems) = try read(
            """
            tail:
              - paths: [/a]
                exclude: [b/c]
                time_zone: CET
                multiline: {timeout: 2s}
                redact: [[x], {preset: names}, {with: y}]
                sample: [{match: '(', every: 1}]
              - {paths: [/a], multiline: perl, redact: x}
            """,
            in: folder
        )
        let keys = Set(problems.map(\.key))
        for key in ["exclude", "time_zone", "multiline.start", "redact", "redact[1].preset", "redact[2].match", "sample[0].match", "sample[0].every"]
        {
            #expect(keys.contains("tail[0].\(key)"), "\(key) of \(keys)")
        }
        #expect(keys.contains("tail[1].multiline"))
        #expect(keys.contains("tail[1].redact"))
    }

    @Test func `a tail of the wrong shape is one mistake`() throws {
        let folder = try TemporaryFolder()
        let (_, problems) = try read("tail: {paths: /var/log/syslog}\n", in: folder)
        #expect(problems.count == 1)
        let (_, others) = try read("tail:\n  - {paths: /var/log/syslog}\n", in: folder)
        #expect(others.count == 1, "\(others)")
    }

    @Test(arguments: [
        "http://a", "https://a:8640", "http://127.0.0.1:8640", "https://[::1]:8640", "https://proxy.example.org/tocsin", "http://[::1]",
    ])
    func `addresses that are taken`(address: String) throws {
        let (config, problems) = try read("aggregator: \"\(address)\"\n", in: try TemporaryFolder())
        #expect(problems.isEmpty, "\(problems)")
        #expect(config.shipping?.url == address)
    }

    @Test(arguments: [
        "a:8640", "http://", "https://:8640", "http://a:0", "http://a:99999", "http://a b", "http://u:p@a", "http://a/?q", "http://[::1",
    ])
    func `addresses that are refused`(address: String) throws {
        let (_, problems) = try read("aggregator: \"\(address)\"\n", in: try TemporaryFolder())
        #expect(problems.count == 1)
    }

    @Test func `a missing file is an error that names it`() {
        let problems = ConfigProblems()
        _ = AgentConfig.read(path: "/nowhere/agent.yaml", environment: { _ in nil }, problems: problems)
        #expect(problems.all.first?.description.hasPrefix("/nowhere/agent.yaml: cannot be read: No such file") == true)
    }
}
