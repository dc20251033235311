import Collecting
import Glibc
import Telemetry
import TestSupport
import Testing

/// Devices that come and go, and counters that start anew.
@Suite struct HotplugTests {
    private struct Tree {
        let folder: TemporaryFolder
        let collectors: Collectors

        init(_ only: Set<String>) throws {
            folder = try TemporaryFolder()
            let config = CollectConfig(disable: Set(CollectConfig.collectorNames).subtracting(only))
            collectors = Fixture.collectors(KernelFiles(root: folder.path, calls: Fixture.calls), config)
        }

        func write(_ text: String, to path: String) throws {
            Fixture.makeFolders(for: "\(folder.path)/\(path)")
            try TestFiles.write(text, to: "\(folder.path)/\(path)")
        }

        /// The values of the families whose names begin so.
        func collect(_ prefix: String) async -> [String: Double] {
            var values: [String: Double] = [:]
            for sample in await collectors.scrape().samples where (sample.series.name ?? "").hasPrefix(prefix) {
                values[sample.series.description] = sample.value
            }
            return values
        }
    }

    private static func disk(_ minor: Int, _ name: String, _ reads: Int) -> String { "   8 \(minor) \(name) \(reads) 0 0 0 0 0 0 0 0 0 0\n" }

    @Test func `a disk plugged in between others, pulled out and plugged in again has its own values each time`() async throws {
        let tree = try Tree(["diskstats"])
        let (a, b, c) = (Self.disk(0, "sda", 1), Self.disk(16, "sdb", 2), Self.disk(32, "sdc", 3))
        let steps: [(String, [String: Double])] = [
            (a + c, ["sda": 1, "sdc": 3]), (a + b + c, ["sda": 1, "sdb": 2, "sdc": 3]), (b + c, ["sdb": 2, "sdc": 3]), ("", [:]),
            (c + a + Self.disk(16, "sdb", 0), ["sda": 1, "sdb": 0, "sdc": 3]),
        ]
        for (text, expected) in steps {
            try tree.write(text, to: "proc/diskstats")
            let values = await tree.collect("node_disk_reads_completed_total")
            let keys = expected.map { ("node_disk_reads_completed_total{device=\"\($0.key)\"}", $0.value) }
            #expect(values == Dictionary(uniqueKeysWithValues: keys))
        }
    }

    @Test func `a processor that goes off line takes its series with it, and comes back with its own`() async throws {
        let tree = try Tree(["cpu", "softnet", "schedstat"])
        func state(_ cpus: [Int]) throws {
            try tree.write("cpu 1 1 1 1\n" + cpus.map { "cpu\($0) \($0)00 0 0 900 0 0 0 0 0 0\n" }.joined() + "intr 1\n", to: "proc/stat")
            try tree.write(cpus.map { "cpu\($0) 0 0 0 0 0 0 \($0)000000000 0 0\n" }.joined(), to: "proc/schedstat")
            try tree.write(
                cpus.map { "0000000\($0) 0 0 0 0 0 0 0 0 0 0 0 0000000\($0)\n" }.joined(),
                to: "proc/net/softnet_stat"
            )
        }
        for cpus in [[0, 1, 2], [0, 2], [0, 1, 2], [2]] {
            try state(cpus)
            let scrape = await tree.collectors.scrape()
            for cpu in 0...2 {
                let (label, there) = (Label("cpu", "\(cpu)"), cpus.contains(cpu))
                #expect(scrape.value("node_cpu_seconds_total", [label, Label("mode", "user")]) == (there ? Double(cpu) : nil))
                #expect(scrape.value("node_schedstat_running_seconds_total", [label]) == (there ? Double(cpu) : nil))
                #expect(scrape.value("node_softnet_processed_total", [label]) == (there ? Double(cpu) : nil))
            }
        }
    }

    @Test func `a network device that vanishes between its line and its folder costs nothing else`() async throws {
        let tree = try Tree(["netdev", "netclass"])
        let heading = "Inter-|\n face |\n"
        func line(_ name: String, _ bytes: Int) -> String { "  \(name): \(bytes) 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n" }
        try tree.write(heading + line("eth0", 1) + line("eth1", 2), to: "proc/net/dev")
        for name in ["eth0", "eth1"] {
            try tree.write("up\n", to: "sys/class/net/\(name)/operstate")
            try tree.write("1\(name.last ?? "0")\n", to: "sys/class/net/\(name)/mtu")
            try tree.write("7\n", to: "sys/class/net/\(name)/statistics/rx_nohandler")
        }
        let both = await tree.collectors.scrape()
        #expect(both.value("node_network_receive_nohandler_total", [Label("device", "eth1")]) == 7)
        #expect(both.value("node_network_mtu_bytes", [Label("device", "eth1")]) == 11)

        // The folder of eth0 has gone, its line not yet; and what was eth1 is now called eth0.
        unsafe rename("\(tree.folder.path)/sys/class/net/eth0", "\(tree.folder.path)/sys/class/net/gone")
        let half = await tree.collectors.scrape()
        #expect(half.collectors.allSatisfy { $0.lastError == nil })
        #expect(half.value("node_network_receive_bytes_total", [Label("device", "eth0")]) == 1)
        #expect(half.value("node_network_receive_nohandler_total", [Label("device", "eth0")]) == nil)
        #expect(half.value("node_network_mtu_bytes", [Label("device", "eth0")]) == nil)

        unsafe rename("\(tree.folder.path)/sys/class/net/eth1", "\(tree.folder.path)/sys/class/net/eth0")
        try tree.write(heading + line("eth0", 2), to: "proc/net/dev")
        let renamed = await tree.collectors.scrape()
        #expect(renamed.value("node_network_mtu_bytes", [Label("device", "eth0")]) == 11)
        #expect(renamed.value("node_network_mtu_bytes", [Label("device", "eth1")]) == nil)
        #expect(renamed.value("node_network_receive_bytes_total", [Label("device", "eth0")]) == 2)
    }

    @Test func `drivers that were loaded in another order keep their sensors`() async throws {
        let tree = try Tree(["hwmon"])
        for (number, chip, millidegrees) in [(0, "coretemp", 40_000), (1, "nvme", 30_000)] {
            try tree.write("\(chip)\n", to: "sys/class/hwmon/hwmon\(number)/name")
            try tree.write("\(millidegrees)\n", to: "sys/class/hwmon/hwmon\(number)/temp1_input")
        }
        let expected = [
            "node_hwmon_temp_celsius{chip=\"coretemp\",sensor=\"temp1\"}": 40.0, "node_hwmon_temp_celsius{chip=\"nvme\",sensor=\"temp1\"}": 30,
        ]
        #expect(await tree.collect("node_hwmon_temp_celsius") == expected)
        let folder = "\(tree.folder.path)/sys/class/hwmon"
        for (from, to) in [("hwmon0", "x"), ("hwmon1", "hwmon0"), ("x", "hwmon1")] { unsafe rename("\(folder)/\(from)", "\(folder)/\(to)") }
        #expect(await tree.collect("node_hwmon_temp_celsius") == expected)
    }

    @Test func `a counter that starts anew is shown as it is`() async throws {
        let tree = try Tree(["netstat", "vmstat"])
        for value in [18_446_744_073_709_551_615 as UInt64, 3] {
            try tree.write("pgfault \(value)\n", to: "proc/vmstat")
            try tree.write("Tcp: InSegs\nTcp: \(value >> 1)\n", to: "proc/net/snmp")
            try tree.write("IpExt: InOctets\nIpExt: \(value >> 1)\n", to: "proc/net/netstat")
            let scrape = await tree.collectors.scrape()
            #expect(scrape.value("node_vmstat_pgfault") == Double(value))
            #expect(scrape.value("node_netstat_Tcp_InSegs") == Double(value >> 1))
        }
    }

    @Test func `names that a kernel gained since are found, in whatever place they stand`() async throws {
        let tree = try Tree(["netstat", "sockstat"])
        try tree.write("TcpExt: ListenDrops ListenOverflows\nTcpExt: 1 2\n", to: "proc/net/netstat")
        try tree.write("Tcp: InSegs\nTcp: 3\n", to: "proc/net/snmp")
        try tree.write("TCP: inuse 4 mem 5\n", to: "proc/net/sockstat")
        _ = await tree.collectors.scrape()
        try tree.write("MPTcpExt: New\nMPTcpExt: 9\nTcpExt: New ListenOverflows ListenDrops\nTcpExt: 9 2 1\n", to: "proc/net/netstat")
        try tree.write("TCP: mem 5 new 9 inuse 4\n", to: "proc/net/sockstat")
        let scrape = await tree.collectors.scrape()
        #expect(scrape.value("node_netstat_TcpExt_ListenDrops") == 1)
        #expect(scrape.value("node_netstat_TcpExt_ListenOverflows") == 2)
        #expect(scrape.value("node_sockstat_TCP_inuse") == 4)
        #expect(scrape.value("node_sockstat_TCP_mem_bytes") == 20_480)
    }

    @Test func `the running kernel's files are read anew at each collection although they stay open`() async throws {
        let collectors = Collectors(CollectConfig(), time: ManualTime())
        let first = await collectors.scrape()
        // One more fork at least lies between the two.
        _ = await (try ChildProcess.start("/bin/true")).wait()
        let second = await collectors.scrape()
        let (before, after) = (try #require(first.value("node_forks_total")), try #require(second.value("node_forks_total")))
        #expect(after > before)
        let steady: Set<String> = ["node_memory_MemTotal_bytes", "node_network_mtu_bytes", "node_filefd_maximum", "node_uname_info", "node_os_info"]
        for sample in first.samples where steady.contains(sample.series.name ?? "") {
            #expect(second.samples.contains { $0.series == sample.series && $0.value == sample.value }, "\(sample.series)")
        }
    }
}
