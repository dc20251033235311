import Collecting
import Glibc
import Telemetry
import TestSupport
import Testing

@Suite struct TextfileTests {
    private static let folder = "/srv/prom"

    /// A tree with one textfile folder, and collectors that read only it and `/proc/loadavg`.
    private struct House {
        let root: TemporaryFolder
        let collectors: Collectors

        init(folders: [String] = [TextfileTests.folder]) throws {
            root = try TemporaryFolder()
            Fixture.makeFolders(for: root.path + TextfileTests.folder + "/x")
            Fixture.makeFolders(for: root.path + "/proc/x")
            try TestFiles.write("0.5 0.4 0.3 1/2 3\n", to: root("proc/loadavg"))
            var config = CollectConfig(disable: Set(CollectConfig.collectorNames).subtracting(["textfile", "loadavg"]))
            config.textfileFolders = folders
            collectors = Fixture.collectors(KernelFiles(root: root.path, calls: Fixture.calls), config)
        }

        func write(_ name: String, _ text: String) throws {
            // Another file under the name, as the writers of such files do it.
            try TestFiles.write(text, to: path(name) + ".new")
            unsafe rename(path(name) + ".new", path(name))
        }

        func path(_ name: String) -> String { root.path + TextfileTests.folder + "/" + name }
    }

    @Test func `each file's metrics, its time, and no error`() async throws {
        let house = try House()
        try house.write("b.prom", "# HELP raid_ok Whether.\n# TYPE raid_ok gauge\nraid_ok{disk=\"a\"} 1\n")
        try house.write("a.prom", "# TYPE job_seconds histogram\njob_seconds_bucket{le=\"+Inf\"} 2\njob_seconds_count 2\njob_seconds_sum 3.5\n")
        try house.write("c.txt", "nothing for us\n")
        var times = [timespec(tv_sec: 1_700_000_000, tv_nsec: 0), timespec(tv_sec: 1_700_000_000, tv_nsec: 500_000_000)]
        #expect(unsafe utimensat(AT_FDCWD, house.path("b.prom"), &times, 0) == 0)
        let scrape = await house.collectors.scrape()
        #expect(scrape.value("raid_ok", [Label("disk", "a")]) == 1)
        #expect(scrape.value("node_textfile_mtime_seconds", [Label("file", "/srv/prom/b.prom")]) == 1_700_000_000.5)
        #expect(scrape.value("node_textfile_scrape_error") == 0)
        #expect(scrape.status("textfile")?.lastError == nil)
        let text = scrape.prometheusText()
        #expect(text.contains("# HELP raid_ok Whether.\n# TYPE raid_ok gauge\nraid_ok{disk=\"a\"} 1\n"))
        #expect(
            text.contains(
                "# HELP job_seconds Metric read from /srv/prom/a.prom\n# TYPE job_seconds histogram\n"
                    + "job_seconds_bucket{le=\"+Inf\"} 2\njob_seconds_count 2\njob_seconds_sum 3.5\n"
            )
        )
        #expect(try ExpositionParser.parse(Array(text.utf8)).count > 4)
    }

    @Test func `a file with a mistake costs its own metrics and says where`() async throws {
        let house = try House()
        try house.write("good.prom", "good 1\n")
        try house.write("bad.prom", "first 1\nsecond one\n")
        var scrape = await house.collectors.scrape()
        #expect(scrape.value("good") == 1)
        #expect(scrape.value("first") == nil)
        #expect(scrape.value("node_textfile_scrape_error") == 1)
        #expect(scrape.value("node_textfile_mtime_seconds", [Label("file", "/srv/prom/bad.prom")]) == nil)
        #expect(scrape.value("node_scrape_collector_success", [Label("collector", "textfile")]) == 1)
        #expect(scrape.status("textfile")?.lastError?.contains("/srv/prom/bad.prom:2: \"one\" is no number") == true)
        try house.write("bad.prom", "first 1\nsecond 1\n")
        scrape = await house.collectors.scrape()
        #expect(scrape.value("second") == 1)
        #expect(scrape.value("node_textfile_scrape_error") == 0)
        unsafe unlink(house.path("good.prom"))
        scrape = await house.collectors.scrape()
        #expect(scrape.value("good") == nil)
    }

    @Test(arguments: [
        ("a 1 1700000000000\n", "a.prom:1: a timestamp"),
        (String(repeating: "# filler\n", count: 150_000), "longer than 1048576 bytes"),
        ("half 1", "no line feed"),
        ("# TYPE raid_ok counter\nraid_ok{x=\"1\"} 1\n", "raid_ok is a gauge here and a counter in /srv/prom/a.prom"),
        ("raid_ok 1\n", "raid_ok is in /srv/prom/a.prom already"),
    ])
    func `what cannot be used is refused`(text: String, words: String) async throws {
        let house = try House()
        try house.write("a.prom", text)
        try house.write("b.prom", "# TYPE raid_ok \(words.contains("gauge") ? "gauge" : "untyped")\nraid_ok 1\n")
        let scrape = await house.collectors.scrape()
        #expect(scrape.value("node_textfile_scrape_error") == 1)
        #expect(scrape.status("textfile")?.lastError?.contains(words) == true, "\(scrape.status("textfile")?.lastError ?? "")")
        #expect(scrape.samples.count { $0.series.name == "raid_ok" } == 1)
    }

    @Test func `a name of the agent's own stays the agent's`() async throws {
        let house = try House()
        try house.write("a.prom", "node_load1 99\nmine 1\n")
        let scrape = await house.collectors.scrape()
        #expect(scrape.samples.filter { $0.series.name == "node_load1" }.map(\.value) == [0.5])
        #expect(scrape.value("mine") == 1)
        #expect(scrape.status("textfile")?.lastError?.contains("node_load1") == true)
    }

    @Test func `a FIFO is refused and holds nobody up; a folder that was named must be there`() async throws {
        let house = try House(folders: [Self.folder, "/srv/none", CollectConfig.textfileFolderDefault])
        #expect(unsafe mkfifo(house.path("pipe.prom"), 0o600) == 0)
        let scrape = await house.collectors.scrape()
        #expect(scrape.status("textfile")?.isStale == false)
        #expect(scrape.status("textfile")?.lastError?.contains("/srv/none") == true)
        #expect(scrape.status("textfile")?.lastError?.contains("and 1 more") == true, "the FIFO; not Debian's folder")
        #expect(scrape.value("node_textfile_scrape_error") == 1)
    }
}
