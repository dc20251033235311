import Collecting
import Glibc
import Synchronization
import Telemetry
import TestSupport
import Testing

/// Attributes of network devices are read when the kernel tells of a change: what is told, what is not, and who must not rely on it.
@Suite struct NetClassTests {
    private final class Kernel: Sendable {
        let news = Atomic<UInt64>(1)
        let number: Int64
        init(number: Int64) { self.number = number }
    }

    private struct Tree {
        let folder: TemporaryFolder
        let kernel: Kernel
        let collectors: Collectors

        /// - Parameter number: of eth0, as rtnetlink tells it.
        init(number: Int64 = 2) throws {
            folder = try TemporaryFolder()
            let kernel = Kernel(number: number)
            self.kernel = kernel
            var calls = Fixture.calls
            calls.linkNews = { kernel.news.load(ordering: .relaxed) }
            calls.links = { ["eth0": (kernel.number, [0x52, 0x54, 0, 0x0a, 0xbc, 0xde])] }
            let config = CollectConfig(disable: Set(CollectConfig.collectorNames).subtracting(["netclass"]))
            collectors = Fixture.collectors(KernelFiles(root: folder.path, calls: calls), config)
            for (file, text) in [("operstate", "up"), ("ifindex", "2"), ("address", "52:54:00:0a:bc:de"), ("duplex", "full")] {
                try write(text, to: file)
            }
        }

        func write(_ text: String, to file: String) throws {
            Fixture.makeFolders(for: "\(folder.path)/sys/class/net/eth0/\(file)")
            try TestFiles.write(text + "\n", to: "\(folder.path)/sys/class/net/eth0/\(file)")
        }

        func values() async -> (mtu: Double?, speed: Double?, duplex: String?) {
            let (scrape, label) = (await collectors.scrape(), [Label("device", "eth0")])
            let info = scrape.samples.first { $0.series.name == "node_network_info" }
            let (mtu, speed) = (scrape.value("node_network_mtu_bytes", label), scrape.value("node_network_speed_bytes", label))
            return (mtu, speed, info?.series["duplex"])
        }
    }

    @Test func `a change that is told is seen at the next collection, one that is not after some, speed and duplex always`() async throws {
        let tree = try Tree()
        try tree.write("1500", to: "mtu")
        try tree.write("1000", to: "speed")
        #expect(await tree.values() == (1500, 125e6, "full"))
        try tree.write("9000", to: "mtu")
        try tree.write("10000", to: "speed")
        try tree.write("half", to: "duplex")
        #expect(await tree.values() == (1500, 1.25e9, "half"))
        tree.kernel.news.add(1, ordering: .relaxed)
        #expect(await tree.values() == (9000, 1.25e9, "half"))
        try tree.write("1280", to: "mtu")
        for _ in 0..<5 { #expect(await tree.values().mtu == 9000) }
        #expect(await tree.values().mtu == 1280)
    }

    @Test func `devices of another namespace than ours are read each time`() async throws {
        let tree = try Tree(number: 7)
        for mtu in [1500, 9000, 1280] {
            try tree.write("\(mtu)", to: "mtu")
            #expect(await tree.values().mtu == Double(mtu))
        }
    }

    @Test func `a device that goes takes its series with it`() async throws {
        let tree = try Tree()
        try tree.write("1500", to: "mtu")
        #expect(await tree.values().mtu == 1500)
        for file in ["operstate", "ifindex", "address", "duplex", "mtu"] { unsafe unlink("\(tree.folder.path)/sys/class/net/eth0/\(file)") }
        unsafe rmdir("\(tree.folder.path)/sys/class/net/eth0")
        tree.kernel.news.add(1, ordering: .relaxed)
        #expect(await tree.values() == (nil, nil, nil))
    }
}
