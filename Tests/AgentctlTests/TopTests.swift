import JSON
import Telemetry
import Testing

@testable import agentctl

@Suite struct TopTests {
    private static let start = Timestamp(milliseconds: 1_767_225_600_000)

    /// Two seconds of a host with two CPUs, some disks, interfaces and filesystems.
    private static func collection(_ second: Int64, disks: Int = 2, mounts: Int = 2) -> [Sample] {
        let (now, passed) = (start.advanced(by: .seconds(second)), Double(second))
        var samples = [
            Sample("node_load1", at: now, 0.5), Sample("node_load5", at: now, 1.25), Sample("node_load15", at: now, 12),
            Sample("node_memory_MemTotal_bytes", at: now, 8e9), Sample("node_memory_MemAvailable_bytes", at: now, 6e9),
            Sample("node_memory_Cached_bytes", at: now, 1e9), Sample("node_memory_SwapTotal_bytes", at: now, 1e9),
            Sample("node_memory_SwapFree_bytes", at: now, 0.75e9),
        ]
        for cpu in ["0", "1"] {
            for (mode, share) in [("user", 0.25), ("system", 0.1), ("iowait", 0.05), ("idle", 0.6)] {
                samples.append(Sample("node_cpu_seconds_total", [Label("cpu", cpu), Label("mode", mode)], at: now, 1000 + passed * share))
            }
        }
        for disk in 0..<disks {
            let label = [Label("device", "sd\(disk)")]
            samples.append(Sample("node_disk_read_bytes_total", label, at: now, passed * 1024 * Double(disk + 1)))
            samples.append(Sample("node_disk_written_bytes_total", label, at: now, 0))
            samples.append(Sample("node_disk_io_time_seconds_total", label, at: now, passed * 0.5))
            samples.append(Sample("node_network_receive_bytes_total", [Label("device", "eth\(disk)")], at: now, passed * 2e6))
            samples.append(Sample("node_network_transmit_bytes_total", [Label("device", "eth\(disk)")], at: now, passed * 1e6))
        }
        for mount in 0..<mounts {
            let label = [Label("mountpoint", "/a/rather/long/mount/point/\(mount)")]
            samples.append(Sample("node_filesystem_size_bytes", label, at: now, 100e9))
            samples.append(Sample("node_filesystem_free_bytes", label, at: now, 25e9))
            samples.append(Sample("node_filesystem_avail_bytes", label, at: now, 20e9 - Double(mount)))
        }
        return samples
    }

    private static func agent() throws -> JSON {
        try JSON.parse(
            Array(
                """
                {"status":"degraded","host":"web-1","problems":["the spool is full"],"aggregator":{"url":"http://a:8640","reachable":false,"lag_seconds":90},
                "spool":{"bytes":1048576,"max_bytes":2097152,"batches":3},"tails":[{"lag_bytes":5000}],
                "rules":[{"name":"DiskFull","state":"firing"},{"name":"Quiet","state":"inactive"},{"name":"Soon","state":"pending"}]}
                """.utf8
            )
        )
    }

    @Test func `shares and rates are those between two collections`() {
        let figures = TopFigures(Self.collection(2), before: Self.collection(0))
        #expect(figures.cpus == 2)
        #expect(abs(figures.cpuBusyShare - 0.35) < 1e-9)
        #expect(abs(figures.memoryUsedShare - 0.25) < 1e-9)
        #expect(figures.swapUsedBytes == 0.25e9)
        #expect(figures.disks.map(\.name) == ["sd1", "sd0"])
        #expect(figures.disks.map(\.readBytes) == [2048, 1024])
        #expect(figures.disks.allSatisfy { $0.busyShare == 0.5 })
        #expect(figures.interfaces.first.map { [$0.receivedBytes, $0.sentBytes] } == [2e6, 1e6])
        #expect(figures.filesystems.map(\.availableBytes) == [20e9 - 1, 20e9])
    }

    @Test func `a counter that was reset and a first collection have no rate`() {
        let figures = TopFigures(Self.collection(0), before: Self.collection(2))
        #expect(figures.disks.isEmpty && figures.modes.isEmpty)
        #expect(TopFigures(Self.collection(1), before: Self.collection(1)).interfaces.isEmpty)
    }

    @Test(arguments: [(80, 24), (40, 10), (200, 60), (20, 3), (80, 1), (1, 1)])
    func `no line is wider and no screen higher than the terminal`(width: Int, height: Int) throws {
        let figures = TopFigures(Self.collection(2, disks: 40, mounts: 40), before: Self.collection(0, disks: 40, mounts: 40))
        for agent in [nil, try Self.agent()] {
            let lines = TopScreen(width: width, height: height).lines(figures, agent: agent, host: "web-1", clock: "12:00:00")
            #expect(lines.count <= height && lines.allSatisfy { $0.count <= width })
        }
    }

    @Test func `80 by 24 shows everything at a glance`() throws {
        let figures = TopFigures(Self.collection(2), before: Self.collection(0))
        let text = TopScreen(width: 80, height: 24).lines(figures, agent: try Self.agent(), host: "web-1", clock: "12:00:00").joined(separator: "\n")
        for word in [
            "web-1  load 0.50 1.25 12.00", "degraded  12:00:00", "CPU    [|||||||.............]  35%", "user 25%", "Memory [|||||", "sd1",
            "2.0K", "eth0", "1.9M", "FILESYSTEM", "79%", "ALERTS  1 of 3 rules fire", "firing   DiskFull", "pending  Soon",
            "http://a:8640 not reachable, 90 s behind", "spool 1.0M of 2.0M, 3 batches", "! the spool is full", "q quits",
        ] { #expect(text.contains(word), "\(word) in\n\(text)") }
    }

    @Test func `for programs it is one object`() throws {
        var writer = JSONWriter()
        TopFigures(Self.collection(2), before: Self.collection(0)).write(to: &writer, agent: try Self.agent())
        let tree = try JSON.parse(writer.bytes)
        #expect(tree["disks"]?[0]?["read_bytes_per_second"]?.double == 2048)
        #expect(tree["agent"]?["spool"]?["batches"]?.integer == 3)
    }
}
