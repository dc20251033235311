import Collecting
import Telemetry
import TestSupport
import Testing

@Suite struct HostileFilesTests {
    private static let files = [
        "proc/stat", "proc/meminfo", "proc/loadavg", "proc/diskstats", "proc/vmstat", "proc/net/dev", "proc/sys/fs/file-nr", "proc/self/mounts",
        "proc/pressure/cpu", "proc/pressure/io", "proc/pressure/memory", "proc/net/arp", "proc/net/netstat", "proc/net/snmp", "proc/net/snmp6",
        "proc/net/sockstat", "proc/net/sockstat6", "proc/net/softnet_stat", "proc/net/udp", "proc/net/udp6", "proc/net/stat/nf_conntrack",
        "proc/mdstat", "proc/schedstat", "proc/sys/net/netfilter/nf_conntrack_count", "proc/sys/net/netfilter/nf_conntrack_max",
    ]

    /// Files whose lines are added up: one that ends with a whole line cannot be told from one that was longer.
    private static let sums: Set<String> = ["proc/net/arp", "proc/net/udp", "proc/net/udp6", "proc/net/stat/nf_conntrack"]

    /// The first tree's that has it.
    private static func original(_ file: String) -> String? {
        ["5.10-debian11", "4.18-el8", "6.12-server"].lazy.compactMap { TestFiles.read("\(Fixture.folder)/\($0)/\(file)") }.first
    }

    /// A tree in a temporary folder with the fixture's files, one of them replaced.
    private func tree(replacing path: String, by text: [UInt8]) throws -> (TemporaryFolder, KernelFiles) {
        let folder = try TemporaryFolder()
        for file in Self.files {
            let original = try #require(Self.original(file))
            Fixture.makeFolders(for: "\(folder.path)/\(file)")
            try TestFiles.write(file == path ? text : Array(original.utf8), to: "\(folder.path)/\(file)")
        }
        return (folder, KernelFiles(root: folder.path, calls: Fixture.calls))
    }

    @Test(arguments: files)
    func `a file cut anywhere gives right values or none, never wrong ones`(file: String) async throws {
        let whole = Array(try #require(Self.original(file)).utf8)
        let (_keep, kernel) = try tree(replacing: file, by: whole)
        let truth = Dictionary(
            await Fixture.collectors(kernel).scrape().samples.map { ($0.series, $0.value) },
            uniquingKeysWith: { first, _ in first }
        )
        for length in stride(from: 0, to: whole.count, by: max(1, whole.count / 60)) {
            if Self.sums.contains(file), whole[..<length].last == UInt8(ascii: "\n") { continue }
            try TestFiles.write(Array(whole[..<length]), to: "\(kernel.root)/\(file)")
            // Fresh collectors each time: the last good reading must not hide a bad one.
            let scrape = await Fixture.collectors(kernel).scrape()
            for sample in scrape.samples where !(sample.series.name ?? "").hasPrefix("node_scrape") {
                #expect(truth[sample.series] == sample.value, "\(file) cut at \(length): \(sample.series)")
            }
        }
        withExtendedLifetime(_keep) {}
    }

    private static let nonsense: [(String, String)] = [
        ("proc/stat", "cpu0 99999999999999999999999 1 1 1\n"),
        ("proc/stat", "cpu0 -1 1 1 1\nctxt x\n"),
        ("proc/stat", "cpu\ncpu0\n"),
        ("proc/meminfo", "MemTotal: 18446744073709551616 kB\n"),
        ("proc/meminfo", ":\n\n\n"),
        ("proc/meminfo", "MemTotal: 1 GB\n"),
        ("proc/loadavg", "1e400 nan inf\n"),
        ("proc/loadavg", "........\n"),
        ("proc/diskstats", "8 0 sda 1 2 3\n"),
        ("proc/diskstats", "8\n"),
        ("proc/net/dev", "a\nb\nno colon here\n"),
        ("proc/net/dev", "a\nb\neth0: 1 2 3\n"),
        ("proc/vmstat", "oom_kill\n"),
        ("proc/self/mounts", "\\\\\\ \\1\n"),
        ("proc/pressure/io", "some avg10=0 total=\n"),
        ("proc/sys/fs/file-nr", "\u{0}\u{0}\u{0}\n"),
        ("proc/net/arp", "heading\n10.0.0.1 0x1 0x2\n"),
        ("proc/net/netstat", "TcpExt: ListenDrops\nIpExt: 1\n"),
        ("proc/net/netstat", "TcpExt: ListenDrops\nTcpExt: many\n"),
        ("proc/net/snmp", "Tcp: InSegs OutSegs\nTcp: 1\n"),
        ("proc/net/snmp", "Tcp: InSegs OutSegs\n"),
        ("proc/net/snmp6", "Ip6InOctets -\n"),
        ("proc/net/sockstat", "TCP: inuse\n"),
        ("proc/net/sockstat", "TCP inuse 1\n"),
        ("proc/net/softnet_stat", "00000001 0000000g\n"),
        ("proc/net/softnet_stat", "00000001 00000002\n"),
        ("proc/net/udp", "heading\n 1: 0:0 0:0 07 12\n"),
        ("proc/net/stat/nf_conntrack", "heading\n00000001 1\n"),
        ("proc/mdstat", "md0 : active raid1 sda1[0]\n      blocks\nunused devices: <none>\n"),
        ("proc/mdstat", "md0 : active raid1 sda1[0]\n      12 blocks\nunused devices: <none>\n"),
        ("proc/schedstat", "cpu0 1 2 3\n"),
    ]

    @Test(arguments: nonsense)
    func `nonsense is refused by the collector that reads it and touches no other`(file: String, text: String) async throws {
        let (_keep, kernel) = try tree(replacing: file, by: Array(text.utf8))
        let scrape = await Fixture.collectors(kernel).scrape()
        #expect(scrape.collectors.contains { $0.lastError?.contains(file) == true }, "\(scrape.collectors)")
        let works = file == "proc/vmstat" ? "node_load1" : "node_vmstat_oom_kill"
        #expect(scrape.value(works) == 0)
        withExtendedLifetime(_keep) {}
    }

    @Test func `a file that does not end is refused at the limit`() async throws {
        let long = [UInt8](repeating: UInt8(ascii: "7"), count: CollectingLimits.fileBytesMax + 1)
        let (_keep, kernel) = try tree(replacing: "proc/vmstat", by: long)
        let scrape = await Fixture.collectors(kernel).scrape()
        #expect(scrape.status("vmstat")?.lastError?.contains("longer than") == true)
        withExtendedLifetime(_keep) {}
    }

    @Test func `more devices than the limit are refused`() async throws {
        let line = " 0 0 0 0 0 0 0 0 0 0 0\n"
        let text = (0...CollectingLimits.rowsMax).map { "8 \($0) disk\($0)x" + line }.joined()
        let (_keep, kernel) = try tree(replacing: "proc/diskstats", by: Array(text.utf8))
        let scrape = await Fixture.collectors(kernel).scrape()
        #expect(scrape.status("diskstats")?.lastError?.contains("more than 4096 rows") == true)
        withExtendedLifetime(_keep) {}
    }

    @Test func `devices that come, go and change places keep their own values`() async throws {
        func disk(_ name: String, _ reads: Int) -> String { "8 0 \(name) \(reads) 0 0 0 0 0 0 0 0 0 0\n" }
        let (_keep, kernel) = try tree(replacing: "proc/diskstats", by: Array((disk("sda", 1) + disk("sdb", 2) + disk("sdc", 3)).utf8))
        let collectors = Fixture.collectors(kernel)
        for disks in [[("sda", 1), ("sdb", 2), ("sdc", 3)], [("sdc", 4)], [("sdb", 5), ("sdc", 6), ("sda", 7), ("sdd", 8)], []] {
            try TestFiles.write(disks.map { disk($0, $1) }.joined(), to: "\(kernel.root)/proc/diskstats")
            let scrape = await collectors.scrape()
            let reads = scrape.samples.filter { $0.series.name == "node_disk_reads_completed_total" }
            #expect(reads.map { $0.series["device"] } == disks.map(\.0))
            #expect(reads.map(\.value) == disks.map { Double($0.1) })
        }
        withExtendedLifetime(_keep) {}
    }

    @Test func `an idle counter that steps back by a jiffy stands still, one that starts anew is followed`() async throws {
        func stat(_ idle: Int) -> String {
            "cpu 1 1 1 1\ncpu0 10 0 20 \(idle) 0 0 0 0 0 0\nintr 1\nctxt 1\nbtime 1\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n"
        }
        let (_keep, kernel) = try tree(replacing: "proc/stat", by: Array(stat(5000).utf8))
        let collectors = Fixture.collectors(kernel)
        for (idle, shown) in [(5000, 50.0), (4999, 50.0), (5001, 50.01), (12, 0.12)] {
            try TestFiles.write(stat(idle), to: "\(kernel.root)/proc/stat")
            let scrape = await collectors.scrape()
            #expect(scrape.value("node_cpu_seconds_total", [Label("cpu", "0"), Label("mode", "idle")]) == shown)
        }
        withExtendedLifetime(_keep) {}
    }
}
