import Collecting
import Glibc
import Telemetry
import TestSupport
import Testing

@Suite struct GoldenTests {
    @Test(arguments: Fixture.kernels)
    func `a copied proc tree gives the samples written down for it`(kernel: String) async throws {
        let scrape = await Fixture.collectors(Fixture.files(kernel)).scrape()
        // How long it took is never the same twice.
        let text = scrape.prometheusText().split(separator: "\n").filter { !$0.hasPrefix("node_scrape_collector_duration_seconds{") }
            .joined(separator: "\n")
        let path = "\(Fixture.folder)/\(kernel)/samples.txt"
        if unsafe getenv("UPDATE_GOLDEN") != nil {
            try TestFiles.write(text + "\n", to: path)
        } else {
            #expect(Fixture.text(path) == text + "\n", "run with UPDATE_GOLDEN=1 and read the difference")
        }
    }

    /// What node_exporter 1.5.0 itself (Debian 12's package) says about the same tree, for the collectors that read files.
    @Test(arguments: Fixture.kernels)
    func `node_exporter says the same about the same tree`(kernel: String) async throws {
        let text = try #require(Fixture.text("\(Fixture.folder)/\(kernel)/node_exporter-1.5.0.txt"))
        let ours = Fixture.series(in: await Fixture.collectors(Fixture.files(kernel)).scrape().prometheusText())
        var compared = 0
        for (series, value) in Fixture.series(in: text) {
            let name = withoutEmptyLabels(series)
            if isKnownDifference(name, kernel) { continue }
            let mine = try #require(ours[name], "\(name) is missing")
            let (a, b) = (try #require(Double(mine)), try #require(Double(value)))
            #expect(abs(a - b) <= abs(b) * 1e-12, "\(name): \(a), node_exporter says \(b)")
            compared += 1
        }
        #expect(compared > 80)
    }

    /// An empty label is the same as none; we leave it out.
    private func withoutEmptyLabels(_ series: String) -> String {
        guard let open = series.firstIndex(of: "{") else { return series }
        let pairs = series[series.index(after: open)...].dropLast().split(separator: ",").filter { !$0.hasSuffix("=\"\"") }
        return pairs.isEmpty ? String(series[..<open]) : series[..<open] + "{" + pairs.joined(separator: ",") + "}"
    }

    /// What later node_exporters do as we do: leave zram out (1.6), not invent the zeros of processors whose numbers are left out, and number the lines
    /// of softnet by their processors. A RAPL zone's path is the kernel's here, with the tree's in front of it there.
    private func isKnownDifference(_ series: String, _ kernel: String) -> Bool {
        if series.contains("device=\"zram0\"") || series.hasPrefix("node_rapl_") { return true }
        switch kernel {
        case "5.10-debian11": return series.contains("cpu=\"1\"")
        case "6.12-server":
            let isInvented = (3...9).contains { series.hasPrefix("node_cpu_") && series.contains("cpu=\"\($0)\"") }
            return isInvented || series.hasPrefix("node_softnet_") && series.contains("cpu=\"3\"")
        default: return false
        }
    }

    @Test func `a second scrape of the same tree has the same series`() async {
        let collectors = Fixture.collectors(Fixture.files("4.18-el8"))
        let (first, second) = (await collectors.scrape(), await collectors.scrape())
        #expect(first.samples.map(\.series) == second.samples.map(\.series))
    }

    @Test(arguments: Fixture.kernels)
    func `each sample has a family with its kind`(kernel: String) async {
        let scrape = await Fixture.collectors(Fixture.files(kernel)).scrape()
        let known = Set(scrape.families.map(\.name))
        #expect(scrape.samples.allSatisfy { known.contains($0.series.name ?? "") })
        #expect(known.count == scrape.families.count, "each family once")
        #expect(scrape.families.first { $0.name == "node_vmstat_oom_kill" }?.kind == .untyped)
    }

    @Test func `a kernel without PSI has no pressure and nothing to complain about`() async {
        let scrape = await Fixture.collectors(Fixture.files("4.18-el8")).scrape()
        #expect(scrape.value("node_scrape_collector_success", [Label("collector", "pressure")]) == 0)
        #expect(scrape.status("pressure")?.lastError == nil)
        #expect(!scrape.samples.contains { ($0.series.name ?? "").hasPrefix("node_pressure") })
    }

    @Test func `a mount whose call fails shows only its error`() async {
        let scrape = await Fixture.collectors(Fixture.files("4.18-el8")).scrape()
        let labels = [Label("device", "/dev/mapper/rhel-data"), Label("fstype", "xfs"), Label("mountpoint", "/srv/dead")]
        #expect(scrape.value("node_filesystem_device_error", labels) == 1)
        #expect(scrape.value("node_filesystem_size_bytes", labels) == nil)
        let nfs = [Label("device", "nas.example.org:/export/home"), Label("fstype", "nfs4"), Label("mountpoint", "/mnt/nfs home")]
        #expect(scrape.value("node_filesystem_avail_bytes", nfs) == 350_000)
    }

    @Test func `ignored types, ignored mount points and disabled collectors are left out`() async {
        let config = CollectConfig(disable: ["loadavg"], ignoredFilesystemTypes: ["tmpfs"], ignoredMountPoints: ["/mnt"])
        let scrape = await Fixture.collectors(Fixture.files("4.18-el8"), config).scrape()
        let points = Set(scrape.samples.filter { $0.series.name == "node_filesystem_readonly" }.compactMap { $0.series["mountpoint"] })
        #expect(points == ["/", "/boot"])
        #expect(scrape.value("node_load1") == nil)
        #expect(scrape.status("loadavg") == nil)
    }

    @Test func `the three printed forms hold the same values`() async {
        let scrape = await Fixture.collectors(Fixture.files("5.10-debian11")).scrape()
        #expect(scrape.prometheusText().contains("# TYPE node_load1 gauge\nnode_load1 0\n"))
        #expect(scrape.tableText().contains("node_boot_time_seconds"))
        #expect(scrape.jsonText().contains(#"{"name":"node_load5","type":"gauge","help":"5m load average.","samples":[{"labels":{},"value":0.01}]}"#))
    }

    @Test func `the running kernel answers every collector`() async throws {
        let collectors = Collectors(CollectConfig(), time: ManualTime())
        let scrape = await collectors.scrape()
        #expect(scrape.collectors.allSatisfy { $0.lastError == nil && !$0.isStale }, "\(scrape.collectors)")
        #expect(try #require(scrape.value("node_memory_MemTotal_bytes")) > 1e7)
        #expect(try #require(scrape.value("node_boot_time_seconds")) > 1e9)
        #expect(scrape.samples.contains { $0.series.name == "node_filesystem_avail_bytes" })
        #expect(scrape.samples.contains { $0.series.name == "node_timex_sync_status" })
        #expect(collectors.status().count == CollectConfig.collectorNames.count)
    }
}
