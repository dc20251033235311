import Dispatch
import Glibc
import Logging
import Operating
import Synchronization
import Tailing
import Telemetry
import TestSupport
import Testing

/// The real logrotate over a file that somebody writes to without a pause.
@Suite(.serialized) struct LogrotateTests {
    struct Style: Sendable, CustomTestStringConvertible {
        let name: String
        let lines: [String]
        /// Whether the writer opens its log anew afterwards, as daemons do.
        var reopens = true
        /// Whether a rotation needs another second than the last one.
        var needsNewSecond = false

        var testDescription: String { name }
        var isCopy: Bool { !reopens }
    }

    static let styles = [
        Style(name: "create", lines: ["create 0644", "nocompress"]),
        Style(name: "create, compress", lines: ["create 0644", "compress"]),
        Style(name: "create, compress, delaycompress", lines: ["create 0644", "compress", "delaycompress"]),
        Style(name: "nocreate", lines: ["nocreate", "nocompress"]),
        Style(name: "nocreate, compress", lines: ["nocreate", "compress"]),
        Style(name: "dateext", lines: ["create 0644", "nocompress", "dateext", "dateformat -%Y%m%d-%s"], needsNewSecond: true),
        Style(
            name: "dateext, extension, compress",
            lines: ["create 0644", "compress", "dateext", "dateformat -%Y%m%d-%s", "extension .log"],
            needsNewSecond: true
        ),
        Style(name: "olddir", lines: ["create 0644", "nocompress", "olddir old"]),
        Style(name: "olddir, compress", lines: ["create 0644", "compress", "olddir old"]),
        Style(name: "copytruncate", lines: ["copytruncate", "nocompress"], reopens: false),
        Style(name: "copytruncate, compress", lines: ["copytruncate", "compress"], reopens: false),
        Style(name: "copytruncate, compress, delaycompress", lines: ["copytruncate", "compress", "delaycompress"], reopens: false),
    ]

    /// Writes numbered lines on a thread of its own. What logrotate loses between its copy and its truncation nobody can read, so for copies
    /// the writer waits while it works.
    private final class Writer: Sendable {
        private let path: String
        private let state = Mutex((written: 0, isPaused: false, wantsReopen: false, isStopping: false))

        init(path: String) { self.path = path }

        var written: Int { state.withLock { $0.written } }
        func pause(_ isPaused: Bool) { state.withLock { $0.isPaused = isPaused } }
        func reopen() { state.withLock { $0.wantsReopen = true } }
        func stop() { state.withLock { $0.isStopping = true } }

        func run() {
            var descriptor = unsafe open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
            defer { close(descriptor) }
            while true {
                let isStopping = state.withLock { state in
                    if state.isStopping { return true }
                    if state.isPaused { return false }
                    if state.wantsReopen {
                        close(descriptor)
                        descriptor = unsafe open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
                        state.wantsReopen = false
                    }
                    let line = Array("line \(state.written) of a log that is rotated while it is written to\n".utf8)
                    if unsafe write(descriptor, line, line.count) == line.count { state.written += 1 }
                    return false
                }
                if isStopping { return }
                // A busy log, not a flood: two lines a millisecond.
                if state.withLock({ $0.isPaused || $0.written % 2 == 0 }) { usleep(1000) }
            }
        }
    }

    @Test(.timeLimit(.minutes(2)), arguments: styles)
    func `each line is there once, in every style, under load`(style: Style) async throws {
        guard TestFiles.exists("/usr/sbin/logrotate") else { return }
        let folder = try TemporaryFolder()
        _ = unsafe chmod(folder.path, 0o755)
        TestFiles.makeFolder(folder("old"))
        let (path, shelf) = (folder("app.log"), Shelf())
        try TestFiles.write(
            "\(path) {\n  su root root\n  rotate 20\n  missingok\n  \(style.lines.joined(separator: "\n  "))\n}\n",
            to: folder("rotate.conf")
        )
        _ = unsafe chmod(folder("rotate.conf"), 0o644)
        let writer = Writer(path: path)
        try TestFiles.write("", to: path)
        let configs = [TailConfig(paths: [path], start: .beginning)]
        let writing = Task {
            await withCheckedContinuation { done in
                DispatchQueue(label: "writer").async {
                    writer.run()
                    done.resume()
                }
            }
        }
        func running(_ body: () async throws -> Void) async throws {
            let tailer = Tailer(
                configs,
                host: "web-1",
                checkpoint: shelf.checkpoint,
                into: shelf,
                time: SystemTime(),
                metrics: MetricsRegistry(),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            )
            try await withThrowingTaskGroup { group in
                group.addTask { try? await tailer.run() }
                try await body()
                group.cancelAll()
            }
        }
        func rotate() async throws {
            if style.isCopy { writer.pause(true) }
            let second = time(nil)
            while style.needsNewSecond, time(nil) == second { await Task.yield() }
            let run = try ChildProcess.start("/usr/sbin/logrotate", ["--force", "--state", folder("state"), folder("rotate.conf")])
            let exit = await run.wait()
            #expect(exit == .code(0), "\(run.output)")
            style.isCopy ? writer.pause(false) : writer.reopen()
        }
        // With the agent there: rotations under its hands.
        try await running {
            await shelf.wait { $0.offered > 0 }
            for _ in 0..<3 {
                let enough = shelf.view.lines.count + 500
                await shelf.wait { $0.lines.count >= enough }
                try await rotate()
            }
            // What is written into a file without a name is gone with its last reader.
            writer.pause(true)
            let all = writer.written
            await shelf.wait { $0.lines.count >= all }
        }
        writer.pause(false)
        // Rotations while it is away, and back. A writer that holds a file which is compressed and deleted writes into nothing.
        for rotations in 1...3 {
            for _ in 0..<rotations {
                let enough = writer.written + 200
                while writer.written < enough { await Task.yield() }
                writer.pause(true)
                try await rotate()
                writer.pause(false)
                while writer.written < enough + 100 { await Task.yield() }
            }
            let all = writer.written
            try await running { await shelf.wait { $0.lines.count >= all } }
        }
        writer.stop()
        await writing.value
        let all = writer.written
        try await running { await shelf.wait { $0.lines.count >= all } }
        let numbers = shelf.view.lines.compactMap { $0.split(separator: " ").dropFirst().first.flatMap { Int($0) } }
        #expect(numbers.count == all)
        #expect(Set(numbers).count == all)
        // A file that was compressed and deleted while its writer still had it open holds more than its compressed copy. An agent that goes away
        // before it has let go of it cannot know whether still more was written, and says so.
        if !style.isCopy, style.lines.contains("compress"), !style.lines.contains("delaycompress") {
            #expect(shelf.view.gaps.allSatisfy { $0.reason == .fileLost || $0.reason == .truncated }, "\(shelf.view.gaps)")
        } else {
            #expect(shelf.view.gaps.isEmpty, "\(shelf.view.gaps)")
        }
    }
}
