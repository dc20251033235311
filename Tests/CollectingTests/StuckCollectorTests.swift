import Collecting
import Dispatch
import Glibc
import Synchronization
import Telemetry
import TestSupport
import Testing

@Suite struct StuckCollectorTests {
    /// Opening a FIFO for reading hangs until somebody opens it for writing: as near to a dead device as a test can come.
    @Test(.timeLimit(.minutes(1)))
    func `a file that hangs costs its own collector, and that only until it returns`() async throws {
        let folder = try TemporaryFolder()
        for file in ["proc/stat", "proc/vmstat", "proc/meminfo"] {
            Fixture.makeFolders(for: "\(folder.path)/\(file)")
            try TestFiles.write(try #require(TestFiles.bytes("\(Fixture.folder)/4.18-el8/\(file)")), to: "\(folder.path)/\(file)")
        }
        let fifo = "\(folder.path)/proc/loadavg"
        #expect(unsafe mkfifo(fifo, 0o600) == 0)
        let collectors = Fixture.collectors(KernelFiles(root: folder.path, calls: Fixture.calls), deadline: .seconds(2))

        let first = await collectors.scrape()
        #expect(first.status("loadavg")?.isStale == true)
        #expect(first.value("node_scrape_collector_success", [Label("collector", "loadavg")]) == 0)
        #expect(first.value("node_vmstat_oom_kill") == 3)
        #expect(first.value("node_boot_time_seconds") == 1_719_500_123)
        #expect(first.gaps.map(\.source) == ["loadavg"])
        #expect(first.gaps.map(\.reason) == [.stale])

        // Left alone: no second thread hangs, no time is lost.
        let clock = ContinuousClock()
        let took = await clock.measure {
            let second = await collectors.scrape()
            #expect(second.status("loadavg")?.isStale == true)
            #expect(second.value("node_vmstat_oom_kill") == 3)
            #expect(second.gaps.isEmpty)
        }
        #expect(took < .seconds(2), "less than the deadline: the stuck one was not waited for again")

        // The kernel lets go: the hanging read ends, and the next collection asks again.
        let writer = unsafe open(fifo, O_WRONLY)
        close(writer)
        unsafe unlink(fifo)
        try TestFiles.write("1.00 2.00 3.00 1/2 3\n", to: fifo)
        var back = await collectors.scrape()
        while back.status("loadavg")?.isStale == true { back = await collectors.scrape() }
        #expect(back.value("node_load15") == 3)
        #expect(back.gaps.map(\.reason) == [.stale])
    }

    @Test(.timeLimit(.minutes(1)))
    func `a dead mount costs one metric, not the sample`() async throws {
        let gate = Gate()
        let calls = Atomic(0)
        var kernel = Fixture.calls
        kernel.filesystemUsage = { (path) throws(CollectError) in
            if path == "/mnt/nfs home" {
                calls.wrappingAdd(1, ordering: .relaxed)
                gate.wait()
            }
            return FilesystemUsage(size: 10, free: 5, available: 4, files: 3, filesFree: 2)
        }
        let files = KernelFiles(root: "\(Fixture.folder)/4.18-el8", calls: kernel)
        let collectors = Fixture.collectors(files, deadline: .milliseconds(400))
        let nfs = [Label("device", "nas.example.org:/export/home"), Label("fstype", "nfs4"), Label("mountpoint", "/mnt/nfs home")]
        let root = [Label("device", "/dev/mapper/rhel-root"), Label("fstype", "xfs"), Label("mountpoint", "/")]

        for _ in 0..<3 {
            let scrape = await collectors.scrape()
            #expect(scrape.value("node_filesystem_avail_bytes", root) == 4)
            #expect(scrape.value("node_filesystem_avail_bytes", nfs) == nil)
            #expect(scrape.value("node_filesystem_device_error", nfs) == 1)
            #expect(scrape.value("node_scrape_collector_success", [Label("collector", "filesystem")]) == 1)
            #expect(scrape.status("filesystem:/mnt/nfs home")?.isStale == true)
        }
        #expect(calls.load(ordering: .relaxed) == 1, "a stuck mount is left alone")

        gate.open()
        var back = await collectors.scrape()
        while back.status("filesystem:/mnt/nfs home") != nil { back = await collectors.scrape() }
        #expect(back.value("node_filesystem_avail_bytes", nfs) == 4)
        #expect(back.value("node_filesystem_device_error", nfs) == 0)
    }

    @Test(.timeLimit(.minutes(1)))
    func `forty dead mounts at once leave the living one its values`() async throws {
        let gate = Gate()
        let folder = try TemporaryFolder()
        Fixture.makeFolders(for: "\(folder.path)/proc/1/mounts")
        let mounts = (0..<40).map { "nas:/\($0) /mnt/\($0) nfs rw 0 0\n" }.joined() + "nas:/live /live nfs rw 0 0\n"
        try TestFiles.write(mounts, to: "\(folder.path)/proc/1/mounts")
        var kernel = Fixture.calls
        kernel.filesystemUsage = { (path) throws(CollectError) in
            if path != "/live" { gate.wait() }
            return FilesystemUsage(size: 10, free: 5, available: 4, files: 3, filesFree: 2)
        }
        let everythingElse = Set(CollectConfig.collectorNames).subtracting(["filesystem"])
        let collectors = Fixture.collectors(
            KernelFiles(root: folder.path, calls: kernel),
            CollectConfig(disable: everythingElse),
            deadline: .seconds(8)
        )
        let scrape = await collectors.scrape()
        #expect(
            scrape.value("node_filesystem_size_bytes", [Label("device", "nas:/live"), Label("fstype", "nfs"), Label("mountpoint", "/live")]) == 10
        )
        #expect(scrape.collectors.filter(\.isStale).count == 40)
        gate.open()
    }

    @Test(.timeLimit(.minutes(1)))
    func `a disk mounted below a dead server's folder hangs with it, and costs nobody else`() async throws {
        let gate = Gate()
        let folder = try TemporaryFolder()
        Fixture.makeFolders(for: "\(folder.path)/proc/1/mounts")
        let mounts = "/dev/sda1 / ext4 rw 0 0\nnas:/home /home nfs rw 0 0\n/dev/sdb1 /home/disk ext4 rw 0 0\n/dev/sdc1 /homely xfs rw 0 0\n"
        try TestFiles.write(mounts, to: "\(folder.path)/proc/1/mounts")
        var kernel = Fixture.calls
        kernel.filesystemUsage = { (path) throws(CollectError) in
            if path.hasPrefix("/home/") || path == "/home" { gate.wait() }
            return FilesystemUsage(size: 10, free: 5, available: 4, files: 3, filesFree: 2)
        }
        let everythingElse = Set(CollectConfig.collectorNames).subtracting(["filesystem"])
        let config = CollectConfig(disable: everythingElse)
        let collectors = Fixture.collectors(KernelFiles(root: folder.path, calls: kernel), config, deadline: .seconds(4))
        let scrape = await collectors.scrape()
        func size(_ device: String, _ type: String, _ point: String) -> Double? {
            scrape.value("node_filesystem_size_bytes", [Label("device", device), Label("fstype", type), Label("mountpoint", point)])
        }
        #expect(size("/dev/sda1", "ext4", "/") == 10)
        #expect(size("/dev/sdc1", "xfs", "/homely") == 10)
        #expect(size("/dev/sdb1", "ext4", "/home/disk") == nil)
        #expect(scrape.collectors.filter(\.isStale).map(\.name).sorted() == ["filesystem:/home", "filesystem:/home/disk"])
        gate.open()
    }
}

/// Holds threads until it is opened, then lets everybody through.
final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    func wait() {
        semaphore.wait()
        semaphore.signal()
    }

    func open() { semaphore.signal() }
}
