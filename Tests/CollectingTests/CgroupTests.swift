import Collecting
import Glibc
import Telemetry
import TestSupport
import Testing

@Suite struct CgroupTests {
    /// A hybrid hierarchy, Debian 12 with Docker and Podman, the inside of a container, a Kubernetes node without systemd's driver.
    private static let layouts = ["v1-hybrid", "v2-systemd", "v2-container", "v2-kubernetes"]
    private static let folder = Fixture.folder.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/cgroup"

    private func collectors(_ root: String, max: Int = 100, time: ManualTime = ManualTime()) -> Collectors {
        var config = CollectConfig(disable: Set(CollectConfig.collectorNames).subtracting(["cgroups"]))
        config.cgroupsMax = max
        return Collectors(config, files: KernelFiles(root: root, calls: Fixture.calls), time: time, deadline: .seconds(10))
    }

    @Test(arguments: layouts)
    func `a copied hierarchy gives the samples written down for it`(layout: String) async throws {
        let scrape = await collectors("\(Self.folder)/\(layout)").scrape()
        #expect(scrape.collectors.allSatisfy { $0.lastError == nil }, "\(scrape.collectors)")
        let text = scrape.prometheusText().split(separator: "\n").filter { !$0.contains("node_scrape_collector_duration_seconds") }
            .joined(separator: "\n")
        let path = "\(Self.folder)/\(layout)/samples.txt"
        if unsafe getenv("UPDATE_GOLDEN") != nil {
            try TestFiles.write(text + "\n", to: path)
        } else {
            #expect(Fixture.text(path) == text + "\n", "run with UPDATE_GOLDEN=1 and read the difference")
        }
    }

    @Test func `a hybrid hierarchy has none, and nothing to complain about`() async {
        let scrape = await collectors("\(Self.folder)/v1-hybrid").scrape()
        #expect(scrape.value("node_scrape_collector_success", [Label("collector", "cgroups")]) == 0)
        #expect(scrape.status("cgroups")?.lastError == nil)
        #expect(!scrape.samples.contains { ($0.series.name ?? "").hasPrefix("tocsin_cgroup") })
    }

    @Test func `what goes through a stacked or a loop device is counted at the disk only`() async {
        let scrape = await collectors("\(Self.folder)/v2-systemd").scrape()
        let nginx = [Label("cgroup", "/system.slice/nginx.service"), Label("kind", "service"), Label("name", "nginx.service")]
        #expect(scrape.value("tocsin_cgroup_io_read_bytes_total", nginx) == 4_097_000)
        #expect(scrape.value("tocsin_cgroup_io_writes_completed_total", nginx) == 204)
        #expect(scrape.value("tocsin_cgroup_cpu_throttled_seconds_total", nginx) == 7.5)
    }

    @Test func `over the limit the first by path are shown and the others counted`() async {
        let scrape = await collectors("\(Self.folder)/v2-systemd", max: 3).scrape()
        let names = scrape.samples.filter { $0.series.name == "tocsin_cgroup_cpu_user_seconds_total" }.compactMap { $0.series["name"] }
        #expect(names == ["mail", "web-1", "build"])
        #expect(scrape.value("tocsin_cgroups_omitted") == 10)
    }

    // MARK: Groups that change

    /// A hierarchy of one service in a temporary folder.
    private struct Tree {
        let folder: TemporaryFolder
        let time = ManualTime()

        init() throws {
            folder = try TemporaryFolder()
            try write("cgroup.controllers", "cpu io memory pids\n")
        }

        var root: String { folder.path + "/sys/fs/cgroup/" }

        func write(_ path: String, _ text: String) throws {
            Fixture.makeFolders(for: root + path)
            try TestFiles.write(text, to: root + path)
        }

        func service(_ name: String, io: String = "", memory: String = "1000\n", cpu: String = "usage_usec 3\nuser_usec 2\nsystem_usec 1\n") throws {
            for (file, text) in [("io.stat", io), ("memory.current", memory), ("cpu.stat", cpu), ("pids.current", "2\n")] {
                try write("system.slice/\(name)/\(file)", text)
            }
        }
    }

    private func labels(_ name: String) -> [Label] { [Label("cgroup", "/system.slice/\(name)"), Label("kind", "service"), Label("name", name)] }

    private func line(_ device: String, _ count: Int) -> String { "\(device) rbytes=\(count) wbytes=0 rios=0 wios=0 dbytes=0 dios=0\n" }

    @Test func `a disk that is taken away or begins again does not turn a counter back`() async throws {
        let tree = try Tree()
        try tree.service("a.service", io: line("8:0", 100) + line("8:16", 50))
        let collectors = collectors(tree.folder.path, time: tree.time)
        var totals: [Double] = []
        for io in [
            line("8:0", 100) + line("8:16", 50), line("8:0", 110), line("8:0", 110) + line("8:16", 5), line("8:0", 7) + line("8:16", 5), "",
        ] {
            try tree.service("a.service", io: io)
            tree.time.advance(by: .seconds(10))
            totals.append(await collectors.scrape().value("tocsin_cgroup_io_read_bytes_total", labels("a.service")) ?? -1)
        }
        #expect(totals == [150, 160, 165, 172, 172])
    }

    @Test func `a service that ends is gone at once, one that starts is there at the next look`() async throws {
        let tree = try Tree()
        try tree.service("a.service")
        let collectors = collectors(tree.folder.path, time: tree.time)
        #expect(await collectors.scrape().value("tocsin_cgroup_memory_bytes", labels("a.service")) == 1000)
        TestFiles.removeTree(tree.root + "system.slice/a.service")
        try tree.service("b.service")
        tree.time.advance(by: .seconds(10))
        var scrape = await collectors.scrape()
        #expect(scrape.status("cgroups")?.lastError == nil)
        #expect(scrape.value("tocsin_cgroup_memory_bytes", labels("a.service")) == nil)
        tree.time.advance(by: .seconds(10))
        scrape = await collectors.scrape()
        #expect(scrape.value("tocsin_cgroup_memory_bytes", labels("b.service")) == 1000)
        try tree.service("c.service")
        tree.time.advance(by: .seconds(30))
        #expect(await collectors.scrape().value("tocsin_cgroup_memory_bytes", labels("c.service")) == 1000)
    }

    @Test(arguments: [
        ("memory", "1000"), ("memory", "many\n"), ("memory", "18446744073709551616\n"), ("cpu", "user_usec\nsystem_usec 1\n"),
        ("cpu", "user_usec 5\nsystem_usec 1"), ("io", "8:0 rbytes=1 wbytes=x rios=1 wios=1\n"), ("io", "8:0 rbytes=1\n"), ("io", "sda rbytes=1\n"),
        ("io", "8:0 rbytes=1 wbytes=1 rios=1 wios=1"),
    ])
    func `a file that is cut short or says nonsense is an error, never a number`(file: String, text: String) async throws {
        let tree = try Tree()
        switch file {
        case "memory": try tree.service("a.service", memory: text)
        case "cpu": try tree.service("a.service", cpu: text)
        default: try tree.service("a.service", io: text)
        }
        let scrape = await collectors(tree.folder.path).scrape()
        #expect(scrape.status("cgroups")?.lastError?.contains("a.service") == true)
        #expect(!scrape.samples.contains { ($0.series.name ?? "").hasPrefix("tocsin_cgroup") })
    }
}
