import Glibc
import Logging
import Operating
import ServiceLifecycle
import Synchronization
import Tailing
import Telemetry
import TestSupport
import Testing

@Suite struct TailerTests {
    /// Runs a tailer over the folder's files while `body` acts; ends it as a shutdown does.
    private func withTailer(
        _ configs: [TailConfig],
        into shelf: Shelf,
        checkpoint: Checkpoint = Checkpoint(),
        metrics: MetricsRegistry = MetricsRegistry(),
        _ body: (Tailer) async throws -> Void
    ) async throws {
        let tailer = Tailer(
            configs,
            host: "web-1",
            checkpoint: checkpoint,
            into: shelf,
            time: SystemTime(),
            metrics: metrics,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        try await withThrowingTaskGroup { group in
            group.addTask { try? await tailer.run() }
            try await body(tailer)
            group.cancelAll()
        }
    }

    private func append(_ text: String, to path: String) throws { try TestFiles.write(text, to: path, appending: true) }

    @Test(.timeLimit(.minutes(1)))
    func `a new file and a new line are noticed at once`() async throws {
        let folder = try TemporaryFolder()
        let shelf = Shelf()
        let path = folder("app.log")
        try await withTailer([TailConfig(paths: ["\(folder.path)/*.log"])], into: shelf) { tailer in
            await shelf.wait { $0.offered > 0 }
            let clock = ContinuousClock()
            let fresh = try await clock.measure {
                try append("first\n", to: path)
                await shelf.wait { $0.lines == ["first"] }
            }
            let line = try await clock.measure {
                try append("second\n", to: path)
                await shelf.wait { $0.lines == ["first", "second"] }
            }
            let renamed = try await clock.measure {
                unsafe rename(path, path + ".1")
                try append("third\n", to: path)
                await shelf.wait { $0.lines.count == 3 }
            }
            // Promised are 250 ms; ten times that on a machine that does other things as well.
            for took in [fresh, line, renamed] { #expect(took < .milliseconds(2500), "\(took)") }
        }
        #expect(shelf.view.gaps.isEmpty)
    }

    @Test(.timeLimit(.minutes(1)))
    func `lines wait while the next room fails, and none is skipped or doubled`() async throws {
        let folder = try TemporaryFolder()
        let shelf = Shelf()
        let metrics = MetricsRegistry()
        try append((0..<3000).map { "line \($0)\n" }.joined(), to: folder("a.log"))
        shelf.fail(4)
        try await withTailer([TailConfig(paths: [folder("a.log")], start: .beginning)], into: shelf, metrics: metrics) { tailer in
            await shelf.wait { $0.lines.count >= 3000 }
        }
        #expect(shelf.view.lines == (0..<3000).map { "line \($0)" })
        #expect(metrics.counter("tocsin_tail_retries_total", help: "").value == 4)
    }

    @Test(.timeLimit(.minutes(1)))
    func `killed again and again between reading and storing: each line once`() async throws {
        let folder = try TemporaryFolder()
        let shelf = Shelf()
        let path = folder("a.log")
        let configs = [TailConfig(paths: [path], start: .beginning)]
        var written = 0
        for round in 0..<12 {
            let text = (0..<5000).map { "line \(written + $0)\n" }.joined()
            written += 5000
            try append(text, to: path)
            if round % 4 == 3 {
                unsafe rename(path, path + ".\(round)")
            }
            // Stopped while batches are on their way.
            let enough = shelf.view.lines.count + 3000
            try await withTailer(configs, into: shelf, checkpoint: shelf.checkpoint) { tailer in
                await shelf.wait { $0.lines.count >= enough }
            }
        }
        let all = written
        try await withTailer(configs, into: shelf, checkpoint: shelf.checkpoint) { tailer in
            await shelf.wait { $0.lines.count >= all }
        }
        #expect(Set(shelf.view.lines).count == written)
        #expect(shelf.view.lines.count == written)
        #expect(shelf.view.gaps.isEmpty)
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["create", "copytruncate"])
    func `logrotate itself takes nothing away`(mode: String) async throws {
        guard TestFiles.exists("/usr/sbin/logrotate") else { return }
        let folder = try TemporaryFolder()
        let shelf = Shelf()
        let path = folder("app.log")
        _ = unsafe chmod(folder.path, 0o755)
        try TestFiles.write(
            "\(path) {\n  rotate 20\n  missingok\n  nocompress\n  \(mode == "create" ? "create 0644" : "copytruncate")\n}\n",
            to: folder("rotate.conf")
        )
        _ = unsafe chmod(folder("rotate.conf"), 0o644)
        try append("line 0\n", to: path)
        try await withTailer([TailConfig(paths: [path], start: .beginning)], into: shelf) { tailer in
            await shelf.wait { $0.lines.count == 1 }
            for round in 1...6 {
                try append((0..<500).map { "line \(round) \($0)\n" }.joined(), to: path)
                let run = try ChildProcess.start("/usr/sbin/logrotate", ["--force", "--state", folder("state"), folder("rotate.conf")])
                let exit = await run.wait()
                #expect(exit == .code(0), "\(run.output)")
                try append("after \(round)\n", to: path)
                let expected = 1 + round * 501
                await shelf.wait { $0.lines.count >= expected }
            }
        }
        #expect(shelf.view.lines.count == 1 + 6 * 501)
        #expect(Set(shelf.view.lines).count == 1 + 6 * 501)
        #expect(shelf.view.gaps.isEmpty, "\(shelf.view.gaps)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `a writer who never pauses is followed through rotations under his hands`() async throws {
        let folder = try TemporaryFolder()
        let shelf = Shelf()
        let path = folder("app.log")
        try append("", to: path)
        let total = 40_000
        try await withTailer([TailConfig(paths: [path], start: .beginning)], into: shelf) { tailer in
            await shelf.wait { $0.offered > 0 }
            // One open descriptor across the rename, as daemons have it.
            var descriptor = unsafe open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
            for number in 0..<total {
                let line = Array("line \(number) abcdefghijklmnopqrstuvwxyz\n".utf8)
                _ = unsafe write(descriptor, line, line.count)
                if number % 9000 == 8999 {
                    unsafe rename(path, path + ".\(number)")
                    // A little more into the old file before the new one is there.
                    for extra in 0..<20 {
                        let line = Array("extra \(number) \(extra)\n".utf8)
                        _ = unsafe write(descriptor, line, line.count)
                    }
                    close(descriptor)
                    descriptor = unsafe open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
                }
            }
            close(descriptor)
            await shelf.wait { $0.lines.count >= total + 80 }
            #expect(tailer.status().contains { $0.path == path })
        }
        #expect(shelf.view.lines.count == total + 80)
        #expect(Set(shelf.view.lines).count == total + 80)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a shutdown stores what was read and ends at once`() async throws {
        let folder = try TemporaryFolder()
        let shelf = Shelf()
        try append("one\n", to: folder("a.log"))
        let tailer = Tailer(
            [TailConfig(paths: [folder("a.log")], start: .beginning)],
            host: "web-1",
            checkpoint: Checkpoint(),
            into: shelf,
            time: SystemTime(),
            metrics: MetricsRegistry(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let group = ServiceGroup(services: [tailer], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let clock = ContinuousClock()
        let took = try await withThrowingTaskGroup { tasks in
            tasks.addTask { try await group.run() }
            await shelf.wait { $0.lines == ["one"] }
            let start = clock.now
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            return clock.now - start
        }
        #expect(took < .seconds(2), "\(took)")
        #expect(shelf.checkpoint.positions.contains { $0.offset == 4 })
    }

    @Test func `a wrong configuration is explained, each mistake on its own`() {
        #expect(TailConfig(paths: []).problems().map(\.key) == ["paths"])
        #expect(TailConfig(paths: ["var/log/x", "/var/log/"], source: "").problems().map(\.key) == ["paths", "paths", "source"])
        #expect(TailConfig(paths: ["/var/log/*.log"]).problems().isEmpty)
    }
}
