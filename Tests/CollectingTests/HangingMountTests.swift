import Collecting
import Glibc
import Telemetry
import TestSupport
import Testing

private let canMount: Bool = {
    guard unsafe access("/dev/fuse", R_OK | W_OK) == 0, let status = TestFiles.read("/proc/self/status") else { return false }
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("CapEff:") }) else { return false }
    // Number 21 is CAP_SYS_ADMIN.
    return (UInt64(line.split(separator: "\t").last ?? "", radix: 16) ?? 0) & (1 << 21) != 0
}()

/// A FUSE file system that never answers: who looks into it hangs in the kernel, as with a dead network mount.
@Suite(.timeLimit(.minutes(1)), .enabled(if: canMount, "needs root's CAP_SYS_ADMIN and /dev/fuse"))
struct HangingMountTests {
    @Test func `a folder on a mount that hangs costs its own collector, and that only until it returns`() async throws {
        let folder = try TemporaryFolder()
        for file in ["srv/prom/x", "proc/x"] { Fixture.makeFolders(for: "\(folder.path)/\(file)") }
        try TestFiles.write("1.00 2.00 3.00 1/2 3\n", to: folder("proc/loadavg"))
        #expect(unsafe mkfifo(folder("release"), 0o600) == 0)
        let script = Fixture.folder.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/servers/silent_fuse.py"
        let mount = try ChildProcess.start("/usr/bin/python3", [script, folder("srv/prom"), folder("release")])
        _ = try await mount.line(containing: "mounted")
        var config = CollectConfig(disable: Set(CollectConfig.collectorNames).subtracting(["loadavg", "textfile", "exec"]))
        config.textfileFolders = ["/srv/prom"]
        config.commands = [CommandConfig(name: "c", command: ["/bin/echo", "printed 1"])]
        let collectors = Fixture.collectors(KernelFiles(root: folder.path, calls: Fixture.calls), config, deadline: .seconds(3))

        let first = await collectors.scrape()
        #expect(first.status("textfile")?.isStale == true)
        #expect(first.value("node_scrape_collector_success", [Label("collector", "textfile")]) == 0)
        #expect(first.value("node_load1") == 1)
        #expect(first.value("printed") == 1)
        #expect(first.gaps.map(\.source) == ["textfile"])
        let took = await ContinuousClock().measure {
            let second = await collectors.scrape()
            #expect(second.status("textfile")?.isStale == true)
            #expect(second.value("node_load1") == 1)
        }
        #expect(took < .seconds(3), "the stuck one is not waited for again")

        let release = unsafe open(folder("release"), O_WRONLY)
        close(release)
        _ = try await mount.line(containing: "let go")
        var back = await collectors.scrape()
        while back.status("textfile")?.isStale == true { back = await collectors.scrape() }
        #expect(back.value("node_textfile_scrape_error") == 0)
        #expect(back.gaps.map(\.reason) == [.stale])
        await mount.wait()
    }
}
