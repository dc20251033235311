import Collecting
import Glibc
import Operating
import Telemetry
import TestSupport
import Testing

@Suite struct CommandTests {
    private func collectors(_ commands: [CommandConfig], time: any TimeSource, deadline: Duration = .seconds(20)) -> Collectors {
        var config = CollectConfig(disable: Set(CollectConfig.collectorNames).subtracting(["exec"]))
        config.commands = commands
        return Collectors(config, time: time, deadline: deadline)
    }

    private func shell(_ script: String, name: String = "c", timeout: Duration = .seconds(10), outputBytesMax: Int = 100_000) -> CommandConfig {
        CommandConfig(name: name, command: ["/bin/sh", "-c", script], timeout: timeout, outputBytesMax: outputBytesMax)
    }

    private func value(_ scrape: Scrape, _ name: String, of command: String = "c") -> Double? {
        scrape.value("tocsin_exec_" + name, [Label("command", command)])
    }

    @Test(.timeLimit(.minutes(1)))
    func `what a command prints is collected beside how it went`() async {
        let time = ManualTime(now: Timestamp(milliseconds: 1_700_000_000_250))
        let scrape = await collectors([shell("echo '# TYPE raid_ok gauge'; echo 'raid_ok{disk=\"a\"} 1'")], time: time).scrape()
        #expect(scrape.value("raid_ok", [Label("disk", "a")]) == 1)
        #expect(value(scrape, "success") == 1)
        #expect(value(scrape, "exit_status") == 0)
        #expect(value(scrape, "last_run_timestamp_seconds") == 1_700_000_000.25)
        #expect(scrape.prometheusText().contains("# HELP raid_ok Metric read from the command c\n# TYPE raid_ok gauge\n"))
        #expect(scrape.status("exec")?.lastError == nil)
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            ("echo good 1; echo oh no >&2; exit 3", 3.0, "it ended with 3 (oh no)"),
            ("kill -9 $$", 137, "signal 9"),
            ("echo good 1; echo bad one", 0, "line 2 of its output: \"one\" is no number"),
            ("echo good 1 1700000000000", 0, "a timestamp"),
            ("echo good 1; while :; do echo '# much'; done", 125, "100000 bytes"),
        ]
    )
    func `a run that fails is worth nothing, and says why`(script: String, status: Double, words: String) async {
        let scrape = await collectors([shell(script), shell("echo other 2", name: "other")], time: ManualTime()).scrape()
        #expect(scrape.value("good") == nil)
        #expect(scrape.value("other") == 2)
        #expect(value(scrape, "success") == 0)
        #expect(value(scrape, "exit_status") == status)
        #expect(scrape.status("exec")?.lastError?.contains(words) == true, "\(scrape.status("exec")?.lastError ?? "")")
    }

    @Test(.timeLimit(.minutes(1)))
    func `a program that is not there or not executable says so`() async {
        let missing = CommandConfig(name: "m", command: ["/usr/bin/no-such-program"])
        let plain = CommandConfig(name: "p", command: ["/etc/passwd"])
        let scrape = await collectors([missing, plain], time: ManualTime()).scrape()
        #expect(value(scrape, "exit_status", of: "m") == 127)
        #expect(value(scrape, "exit_status", of: "p") == 126)
        #expect(scrape.status("exec")?.lastError?.contains("No such file") == true)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a command runs at its own interval; between its runs the last values stand`() async throws {
        let folder = try TemporaryFolder()
        let time = ManualTime()
        let collectors = collectors([shell("echo x >> \(folder("runs")); echo runs $(wc -l < \(folder("runs")))")], time: time)
        #expect(await collectors.scrape().value("runs") == 1)
        time.advance(by: .seconds(30))
        #expect(await collectors.scrape().value("runs") == 1)
        time.advance(by: .seconds(30))
        // Started by this collection, seen by the one after its end.
        while await collectors.scrape().value("runs") == 1 {}
        #expect(await collectors.scrape().value("runs") == 2)
        #expect(TestFiles.read(folder("runs")) == "x\nx\n")
    }

    @Test(.timeLimit(.minutes(1)))
    func `one that hangs holds no collection up, and is killed with all that it started`() async throws {
        let folder = try TemporaryFolder()
        // The grandchild keeps the output open and ignores what can be ignored.
        let script = "trap '' TERM; (trap '' TERM HUP; echo $$ > \(folder("leader")); while :; do /bin/sleep 1; done) & wait"
        let hanging = shell(script, name: "hangs", timeout: .seconds(3))
        let time = ManualTime()
        let collectors = collectors([hanging, shell("echo fine 1", name: "fine")], time: time, deadline: .seconds(1))
        let clock = ContinuousClock()
        var first: Scrape?
        let took = await clock.measure { first = await collectors.scrape() }
        #expect(took < .seconds(2), "the first collection waits for first runs, and not for long")
        #expect(first?.value("fine") == 1)
        #expect(first?.status("exec")?.isStale == false)
        var scrape = await collectors.scrape()
        while value(scrape, "success", of: "hangs") == nil { scrape = await collectors.scrape() }
        #expect(value(scrape, "exit_status", of: "hangs") == 124)
        #expect(scrape.status("exec")?.lastError?.contains("its timeout") == true)
        let leader = try #require(Int32(TestFiles.read(folder("leader"))?.split(separator: "\n").first ?? ""))
        // Nobody of the group is left but zombies that init has still to wait for.
        #expect(processes(inGroup: leader).isEmpty)
    }

    private func processes(inGroup group: Int32) -> [String] {
        guard let proc = unsafe opendir("/proc") else { return [] }
        defer { unsafe closedir(proc) }
        var found: [String] = []
        while let entry = unsafe readdir(proc) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            guard Int(name) != nil, let stat = TestFiles.read("/proc/\(name)/stat"), let close = stat.lastIndex(of: ")") else { continue }
            let fields = stat[close...].split(separator: " ")
            if fields.count > 3, fields[1] != "Z", fields[3] == "\(group)" { found.append(stat) }
        }
        return found
    }

    @Test(.timeLimit(.minutes(1)))
    func `two commands may not print the same series, nor one of the agent's own`() async {
        let commands = [shell("echo same 1", name: "a"), shell("echo same 2", name: "b"), shell("echo tocsin_exec_success 7", name: "d")]
        let scrape = await collectors(commands, time: ManualTime()).scrape()
        #expect(scrape.value("same") == 1)
        #expect(value(scrape, "success", of: "a") == 1)
        #expect(value(scrape, "success", of: "b") == 0)
        #expect(!scrape.samples.contains { $0.value == 7 })
    }

    @Test func `what a command may look like is checked`() {
        #expect(CommandConfig(name: "a", command: ["/bin/true"]).problems().isEmpty)
        for command in [[], ["true"], [""], ["/bin/echo", "a\0b"]] {
            #expect(CommandConfig(name: "a", command: command).problems().map(\.key) == ["command"])
        }
    }
}
