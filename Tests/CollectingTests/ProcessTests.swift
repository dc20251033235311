import Collecting
import Glibc
import Matching
import Telemetry
import TestSupport
import Testing

@Suite struct ProcessTests {
    /// A /proc with processes that a test makes, changes and ends.
    private struct House {
        let folder: TemporaryFolder
        let time = ManualTime()
        let collectors: Collectors

        init(top: Int = 2, named: [(String, String)] = []) throws {
            folder = try TemporaryFolder()
            for name in ["threads-max", "pid_max"] {
                Fixture.makeFolders(for: "\(folder.path)/proc/sys/kernel/\(name)")
                try TestFiles.write("32768\n", to: "\(folder.path)/proc/sys/kernel/\(name)")
            }
            var config = CollectConfig(disable: Set(CollectConfig.collectorNames).subtracting(["processes"]))
            config.topProcesses = top
            config.namedProcesses = try named.map { NamedProcess(name: $0.0, match: try Pattern($0.1)) }
            collectors = Collectors(config, files: KernelFiles(root: folder.path, calls: Fixture.calls), time: time, deadline: .seconds(10))
        }

        func path(_ pid: Int) -> String { "\(folder.path)/proc/\(pid)" }

        func run(
            _ pid: Int,
            _ name: String,
            ticks: Int = 0,
            pages: Int = 1,
            start: Int = 1,
            state: String = "S",
            line: String? = nil,
            files: Int? = 0
        ) throws {
            Fixture.makeFolders(for: path(pid) + "/stat")
            let fields = "\(state) 1 1 1 0 -1 4194560 1 0 0 0 \(ticks) 0 0 0 20 0 3 0 \(start) 1000000 \(pages) 18446744073709551615 1 1 0\n"
            try TestFiles.write("\(pid) (\(name)) " + fields, to: path(pid) + "/stat")
            try TestFiles.write(line ?? "", to: path(pid) + "/cmdline")
            TestFiles.removeTree(path(pid) + "/fd")
            guard let files else { return }
            TestFiles.makeFolder(path(pid) + "/fd")
            for file in 0..<files { try TestFiles.write("", to: path(pid) + "/fd/\(file)") }
        }

        func end(_ pid: Int) { TestFiles.removeTree(path(pid)) }

        /// The pids that are shown, after so much time.
        func top(after seconds: Int = 10) async -> [String] {
            time.advance(by: .seconds(seconds))
            let scrape = await collectors.scrape()
            return scrape.samples.filter { $0.series.name == "tocsin_top_process_cpu_seconds_total" }.compactMap { $0.series["pid"] }
        }
    }

    private func value(_ scrape: Scrape, _ name: String, _ group: String) -> Double? {
        scrape.value(name == "count" ? "tocsin_named_processes" : "tocsin_named_process_" + name, [Label("name", group)])
    }

    @Test func `the largest by CPU and by memory are shown, with their totals`() async throws {
        let house = try House(top: 1)
        try house.run(10, "idle", ticks: 0, pages: 10)
        try house.run(11, "busy) (x", ticks: 250, pages: 20)
        try house.run(12, "large", ticks: 3, pages: 3000)
        let scrape = await house.collectors.scrape()
        #expect(scrape.value("tocsin_top_process_cpu_seconds_total", [Label("name", "busy) (x"), Label("pid", "11")]) == 2.5)
        #expect(scrape.value("tocsin_top_process_resident_memory_bytes", [Label("name", "large"), Label("pid", "12")]) == 12_288_000)
        #expect(scrape.samples.count { $0.series.name == "tocsin_top_process_cpu_seconds_total" } == 2)
    }

    @Test func `rank is by what was used since the last collection; of equals the one with more in all, then the lower pid`() async throws {
        let house = try House(top: 2)
        // Memory would rank too: all have none.
        for pid in 10...14 { try house.run(pid, "p", ticks: [0, 500, 0, 90, 90][pid - 10], pages: 0) }
        #expect(await house.top() == ["11", "13"])
        // 10 and 12 used ten each; 13 and 14 five each; 11 nothing. Those of before linger.
        for pid in 10...14 { try house.run(pid, "p", ticks: [10, 500, 10, 95, 95][pid - 10], pages: 0) }
        #expect(await house.top() == ["10", "11", "12", "13"])
        // All alike: 11 has most in all, 13 and 14 are equal.
        for pid in 10...14 { try house.run(pid, "p", ticks: [11, 501, 11, 96, 96][pid - 10], pages: 0) }
        #expect(await house.top(after: 70) == ["11", "13"])
    }

    @Test func `a process lingers for a minute, one that ended does not, and a pid that is used again is another process`() async throws {
        let house = try House(top: 1)
        try house.run(10, "a", ticks: 100, pages: 0)
        try house.run(11, "b", ticks: 50, pages: 0)
        #expect(await house.top() == ["10"])
        try house.run(11, "b", ticks: 60, pages: 0)
        #expect(await house.top() == ["10", "11"])
        try house.run(11, "b", ticks: 70, pages: 0)
        #expect(await house.top(after: 51) == ["11"])
        house.end(11)
        #expect(await house.top() == [])
        // The same pid with less time than before: all of it is its own.
        try house.run(11, "b", ticks: 5, pages: 0, start: 99)
        try house.run(10, "a", ticks: 103, pages: 0)
        #expect(await house.top() == ["11"])
    }

    @Test func `never more than four times as many, however they change`() async throws {
        let house = try House(top: 2)
        for pid in 1...40 { try house.run(pid, "p\(pid)", ticks: 0, pages: 0) }
        for round in 1...20 {
            try house.run(2 * round, "p", ticks: round, pages: 0)
            try house.run(2 * round - 1, "p", ticks: round, pages: 0)
            let shown = await house.top(after: 1)
            #expect(shown.count <= 8)
            #expect(shown.contains("\(2 * round)"))
        }
    }

    @Test func `named processes are added up; the first pattern that matches counts`() async throws {
        let house = try House(named: [("nginx", "^nginx: "), ("java-app", "java .*-jar /srv/app"), ("any-java", "java"), ("kernel", #"^\[kworker"#)])
        try house.run(10, "nginx", ticks: 100, pages: 5, line: "nginx: master process /usr/sbin/nginx\0\0", files: 4)
        try house.run(11, "nginx", ticks: 50, pages: 6, line: "nginx: worker process", files: 9)
        try house.run(12, "java", ticks: 7, pages: 1, line: "/usr/bin/java\0-Xmx1g\0-jar\0/srv/app/app.jar\0", files: 1)
        try house.run(13, "java", ticks: 8, pages: 1, line: "java\0Other\0", files: 2)
        try house.run(14, "kworker/0:1", ticks: 9, line: "")
        let scrape = await house.collectors.scrape()
        #expect(value(scrape, "count", "nginx") == 2)
        #expect(value(scrape, "threads", "nginx") == 6)
        #expect(value(scrape, "cpu_seconds_total", "nginx") == 1.5)
        #expect(value(scrape, "resident_memory_bytes", "nginx") == 45_056)
        #expect(value(scrape, "open_fds", "nginx") == 13)
        #expect(value(scrape, "cpu_seconds_total", "java-app") == 0.07)
        #expect(value(scrape, "cpu_seconds_total", "any-java") == 0.08)
        #expect(value(scrape, "count", "kernel") == 1)
    }

    @Test func `a process that ends takes none of its name's CPU time away; a name without processes is at 0`() async throws {
        let house = try House(named: [("job", "^job"), ("none", "^none$")])
        try house.run(10, "job", ticks: 100, line: "job\0")
        try house.run(11, "job", ticks: 10, line: "job\0")
        _ = await house.collectors.scrape()
        house.end(10)
        try house.run(11, "job", ticks: 15, line: "job\0")
        try house.run(12, "job", ticks: 3, line: "job\0")
        house.time.advance(by: .seconds(10))
        var scrape = await house.collectors.scrape()
        #expect(value(scrape, "cpu_seconds_total", "job") == 1.18)
        #expect(value(scrape, "count", "none") == 0)
        #expect(value(scrape, "open_fds", "none") == 0)
        // The pid of another, which has used less.
        try house.run(11, "job", ticks: 2, start: 50, line: "job\0")
        house.time.advance(by: .seconds(10))
        scrape = await house.collectors.scrape()
        #expect(value(scrape, "cpu_seconds_total", "job") == 1.20)
    }

    @Test func `what a process calls itself is found out again after exec, and after a minute`() async throws {
        let house = try House(named: [("old", "^old"), ("new", "^new")])
        try house.run(10, "sh", line: "old\0")
        try house.run(11, "prog", line: "old\0")
        #expect(value(await house.collectors.scrape(), "count", "old") == 2)
        try house.run(10, "exec", line: "new\0")
        try house.run(11, "prog", line: "new\0")
        house.time.advance(by: .seconds(10))
        #expect(value(await house.collectors.scrape(), "count", "new") == 1)
        house.time.advance(by: .seconds(60))
        #expect(value(await house.collectors.scrape(), "count", "new") == 2)
        // A zombie has no command line, and is what it was.
        try house.run(11, "prog", state: "Z", line: "", files: nil)
        house.time.advance(by: .seconds(90))
        let scrape = await house.collectors.scrape()
        #expect(value(scrape, "count", "new") == 2)
        #expect(value(scrape, "open_fds", "new") == 0)
    }

    @Test func `open files that may not be seen are missing, not 0`() async throws {
        let house = try House(named: [("p", "^p")])
        try house.run(10, "p", line: "p\0", files: 3)
        try house.run(11, "p", line: "p\0", files: nil)
        let scrape = await house.collectors.scrape()
        #expect(value(scrape, "open_fds", "p") == nil)
        #expect(value(scrape, "count", "p") == 2)
    }

    @Test func `a stat file cut anywhere gives the process as it is or leaves it out`() async throws {
        let house = try House(top: 5)
        try house.run(10, "p", ticks: 1234, pages: 5678)
        let whole = try #require(TestFiles.bytes(house.path(10) + "/stat"))
        for length in 0..<whole.count {
            try TestFiles.write(Array(whole[..<length]), to: house.path(10) + "/stat")
            let scrape = await house.collectors.scrape()
            for sample in scrape.samples where sample.series["pid"] == "10" {
                #expect(sample.value == 12.34 || sample.value == 5678 * 4096)
            }
        }
    }

    @Test func `this process is found, with its own files`() async throws {
        var config = CollectConfig(disable: Set(CollectConfig.collectorNames).subtracting(["processes"]))
        let mine = try #require(TestFiles.bytes("/proc/self/cmdline")).map { $0 == 0 ? UInt8(ascii: " ") : $0 }
        let line = String(decoding: mine.reversed().drop { $0 == UInt8(ascii: " ") }.reversed(), as: UTF8.self)
        config.namedProcesses = [
            NamedProcess(
                name: "me",
                match: try Pattern("^" + line.map { "[\($0)]" == "[^]" ? "." : $0.isLetter || $0 == "/" ? "\($0)" : "." }.joined() + "$")
            )
        ]
        let scrape = await Collectors(config, time: ManualTime()).scrape()
        #expect(try #require(value(scrape, "count", "me")) >= 1)
        #expect(try #require(value(scrape, "open_fds", "me")) >= 3)
        #expect(try #require(value(scrape, "cpu_seconds_total", "me")) > 0)
    }

    @Test func `the running kernel's processes come and go although their files stay open`() async throws {
        var config = CollectConfig(disable: Set(CollectConfig.collectorNames).subtracting(["processes"]))
        // Nobody else on this machine sleeps for so long.
        let (seconds, long) = ("86400.\(getpid())", "86401.\(getpid())")
        config.namedProcesses = [NamedProcess(name: "ours", match: try Pattern("^/bin/sleep \(seconds)$"))]
        let collectors = Collectors(config, time: ManualTime())
        func count() async -> Double? { await collectors.scrape().value("tocsin_named_processes", [Label("name", "ours")]) }
        #expect(await count() == 0)
        let first = try (0..<3).map { _ in try ChildProcess.start("/bin/sleep", [seconds]) }
        let other = try ChildProcess.start("/bin/sleep", [long])
        // A child is another program until it has become this one.
        while await count() != 3 { await Task.yield() }
        #expect(await count() == 3)
        first[1].kill(SIGKILL)
        _ = await first[1].wait()
        #expect(await count() == 2)
        let second = try ChildProcess.start("/bin/sleep", [seconds])
        while await count() != 3 { await Task.yield() }
        for child in [first[0], first[2], second, other] {
            child.kill(SIGKILL)
            _ = await child.wait()
        }
        #expect(await count() == 0)
    }
}
