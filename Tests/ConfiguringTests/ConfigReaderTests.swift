import Configuring
import TestSupport
import Testing

@Suite struct ConfigReaderTests {
    private func reader(_ text: String, environment: [String: String] = [:]) throws -> (ConfigReader, ConfigProblems) {
        let problems = ConfigProblems()
        return (ConfigReader(try YAML.parse(text), file: "agent.yaml", problems: problems) { environment[$0] }, problems)
    }

    @Test func `every problem of one file is told at once, with line, key and what to write`() throws {
        let (reader, problems) = try reader(
            """
            spol: {}
            spool: {path: [a], max_size: "512"}
            collect: {interval: soon, disable: cpu}
            tags: {a: b}
            level: loud
            count: 12x
            """
        )
        let spool = reader.section("spool")
        #expect(spool.string("path", default: "/var") == "/var")
        #expect(spool.bytes("max_size", default: 1) == 1)
        spool.finish()
        let collect = reader.section("collect")
        #expect(collect.duration("interval", default: .seconds(10)) == .seconds(10))
        #expect(collect.strings("disable") == nil)
        collect.finish()
        #expect(reader.strings("tags") == nil)
        #expect(reader.choice("level", [("info", 1), ("debug", 2)], default: 1) == 1)
        #expect(reader.integer("count", default: 3) == 3)
        reader.finish()
        let lines = problems.all.map(\.description)
        #expect(lines.count == 8)
        #expect(lines[0] == "agent.yaml:1: spol: there is no such key; did you mean spool?")
        #expect(lines[1].hasPrefix("agent.yaml:2: spool.path: a list of 1 stands where a single value belongs"))
        #expect(lines[2] == "agent.yaml:2: spool.max_size: \"512\" has no unit; write \"512MiB\"")
        #expect(lines[3].hasPrefix("agent.yaml:3: collect.interval: \"soon\" is not a duration"))
        #expect(lines[4].hasPrefix("agent.yaml:3: collect.disable: \"cpu\" stands where a list belongs; write disable: [cpu]"))
        #expect(lines[5].hasPrefix("agent.yaml:4: tags: "))
        #expect(lines[6].contains("one of info, debug"))
        #expect(lines[7].contains("whole number"))
    }

    @Test func `the environment goes before the file, the file before the default`() throws {
        let (reader, problems) = try reader("spool: {max_size: 1GiB}\nhost: a\n", environment: ["TOCSIN_SPOOL_MAX_SIZE": "2GiB", "TOCSIN_HOST": "b"])
        let spool = reader.section("spool")
        #expect(spool.bytes("max_size", default: 1) == 2 << 30)
        #expect(spool.string("path", default: "/var") == "/var")
        #expect(reader.string("host") == "b")
        spool.finish()
        reader.finish()
        #expect(problems.isEmpty)
    }

    @Test func `a section that is not there is read as its defaults, from the environment too`() throws {
        let (reader, problems) = try reader("", environment: ["TOCSIN_COLLECT_INTERVAL": "1m30s"])
        #expect(reader.section("collect").duration("interval", default: .seconds(10)) == .seconds(90))
        #expect(problems.isEmpty)
    }

    @Test func `a mistake in a variable is told under the variable's name`() throws {
        let (reader, problems) = try reader("spool: {max_size: 1GiB}\n", environment: ["TOCSIN_SPOOL_MAX_SIZE": "3"])
        #expect(reader.section("spool").bytes("max_size", default: 7) == 7)
        #expect(problems.all.first?.description == "environment variable TOCSIN_SPOOL_MAX_SIZE: spool.max_size: \"3\" has no unit; write \"3MiB\"")
    }

    @Test func `lists of sections name their place`() throws {
        let (reader, problems) = try reader("tail:\n  - {paths: [/a]}\n  - {pats: [/b]}\n  - word\n")
        for section in reader.sections("tail") {
            _ = section.strings("paths")
            section.finish()
        }
        #expect(problems.all.map(\.line) == [3, 4])
        #expect(problems.all[0].key == "tail[1].pats")
        #expect(problems.all[0].remedy == "did you mean paths?")
        #expect(problems.all[1].key == "tail[2]")
    }

    @Test(
        arguments: [
            ("10s", 10_000), ("5m", 300_000), ("1h30m", 5_400_000), ("9d", 777_600_000), ("0", 0), ("250ms", 250), ("1w", 604_800_000),
        ] as [(String, Int64)]
    )
    func `durations are read as Prometheus reads them`(text: String, milliseconds: Int64) {
        #expect(Quantity.duration(text) == .milliseconds(milliseconds))
    }

    @Test(arguments: ["", "10", "s", "1m1h", "1m1m", "-1s", "1.5h", "10 s", "999999999999999999d", "１s"])
    func `what is no duration is refused`(text: String) {
        #expect(Quantity.duration(text) == nil)
    }

    @Test func `sizes need a unit and are read exactly`() {
        #expect(Quantity.bytes("512MiB") == 512 << 20)
        #expect(Quantity.bytes("1.5GiB") == 3 << 29)
        #expect(Quantity.bytes("16MB") == 16_000_000)
        for text in ["512", "", "MiB", "-1MiB", "1e3MiB", "1 PiB", "1..5MiB", "99999999999TiB"] { #expect(Quantity.bytes(text) == nil, "\(text)") }
        #expect(Quantity.text(ofBytes: 512 << 20) == "512MiB")
        #expect(Quantity.text(of: .seconds(5400)) == "1h30m")
    }

    @Test func `a secret is not printed, however it is looked at`() {
        let secret = Secret("open sesame")
        var dump = ""
        Swift.dump(secret, to: &dump)
        for text in ["\(secret)", String(reflecting: secret), "\([secret])", dump] { #expect(!text.contains("sesame"), "\(text)") }
        #expect(secret.value == "open sesame")
    }

    @Test func `files are read whole; what cannot be read says why and what to do`() throws {
        let folder = try TemporaryFolder()
        try TestFiles.write("open sesame\n", to: folder("secret"))
        #expect(try ConfigFile.secret(folder("secret")).value == "open sesame")
        let missing = #expect(throws: ConfigProblem.self) { try ConfigFile.read(folder("nothing")) }
        #expect(missing?.description.contains("No such file") == true)
        try TestFiles.write([0xFF, 0xFE], to: folder("binary"))
        #expect(throws: ConfigProblem.self) { try ConfigFile.read(folder("binary")) }
        #expect(throws: ConfigProblem.self) { try ConfigFile.read(folder.path) }
        try TestFiles.write("", to: folder("b.yaml"))
        try TestFiles.write("", to: folder("a.yaml"))
        #expect(ConfigFile.matches(of: folder("*.yaml")) == [folder("a.yaml"), folder("b.yaml")])
        #expect(ConfigFile.matches(of: folder("*.nothing")).isEmpty)
        #expect(ConfigFile.matches(of: folder("literal")) == [folder("literal")])
    }
}
