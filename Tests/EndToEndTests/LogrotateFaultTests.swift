import Glibc
import JSON
import TestSupport
import Testing

/// The real logrotate over a file that a daemon writes to without a pause, with an agent that is there, is killed, and comes back. A row a style:
/// fault, times, written, stored, in gaps, lost, duplicated.
@Suite(.serialized) struct LogrotateFaultTests {
    struct Style: Sendable, CustomTestStringConvertible {
        /// How the daemon comes to write into the new file.
        enum Reopening { case never, byPostrotate, afterwards }

        let lines: [String]
        var reopening = Reopening.byPostrotate
        /// Whether a rotation needs another second than the last one.
        var needsNewSecond = false

        var testDescription: String {
            let words = lines.filter {
                !$0.hasPrefix("compresscmd") && !$0.hasPrefix("uncompresscmd") && !$0.hasPrefix("dateformat") && $0 != "create 0644"
            }
            let told = words.isEmpty ? "create" : words.joined(separator: ", ")
            return reopening == .afterwards ? "\(told); reopened late" : told
        }
    }

    static let styles = [
        Style(lines: ["create 0644"]),
        Style(lines: ["create 0644", "compress"]),
        Style(lines: ["create 0644", "compress", "delaycompress"]),
        Style(lines: ["create 0644", "sharedscripts", "compress"]),
        Style(lines: ["create 0644", "maxage 1", "compress"]),
        Style(lines: [
            "create 0644", "compress", "compresscmd /usr/bin/zstd", "uncompresscmd /usr/bin/unzstd", "compressoptions -q", "compressext .zst",
        ]),
        Style(lines: ["create 0644", "compress", "compresscmd /usr/bin/xz", "uncompresscmd /usr/bin/unxz", "compressext .xz"]),
        Style(lines: ["nocreate"]),
        Style(lines: ["nocreate", "compress"]),
        Style(lines: ["create 0644", "dateext", "dateformat -%Y%m%d-%s"], needsNewSecond: true),
        Style(lines: ["create 0644", "compress", "dateext", "dateformat -%Y%m%d-%s", "extension .log"], needsNewSecond: true),
        Style(lines: ["create 0644", "olddir old"]),
        Style(lines: ["create 0644", "compress", "olddir old"]),
        Style(lines: ["create 0644", "renamecopy"]),
        Style(lines: ["create 0644", "compress"], reopening: .afterwards),
        Style(lines: ["copy"], reopening: .never),
        Style(lines: ["copytruncate"], reopening: .never),
        Style(lines: ["copytruncate", "compress"], reopening: .never),
        Style(lines: ["copytruncate", "compress", "delaycompress"], reopening: .never),
    ]

    private static let isThorough = unsafe getenv("TOCSIN_EVERY_STEP") != nil
    private static let canRun = geteuid() == 0 && TestFiles.exists("/usr/sbin/logrotate")

    @Test(.enabled(if: LogrotateFaultTests.canRun, "logrotate, and its `su root root`, need root"), arguments: styles)
    func `every rotation style of logrotate under load`(style: Style) throws {
        let scene = try FaultHouse()
        let house = scene.house
        let rotations = try Rotations(style, house)
        try house.startAggregator()
        try house.startAgent()
        let writer = LineWriter(path: house.logPath, flag: rotations.flag)
        let (live, rounds, lines) = Self.isThorough ? (10, 12, 1000) : (2, 3, 150)
        for _ in 0..<live {
            writer.wait(forLines: scene.random(lines / 2...lines))
            if style.reopening == .afterwards { try rotations.waitUntilOpen() }
            try rotations.rotate(writer)
        }
        // Killed, then away for some rotations.
        for round in 0..<rounds {
            // Into a file that is compressed and deleted while it is written to only an agent that has it open can look: what is not read when it is
            // killed, and what is written while it is away, nobody could know of.
            let isBlind = style.reopening == .afterwards
            if isBlind {
                writer.pause(true)
                try eventually("all is stored before the kill", within: 60) { try scene.stored().count == writer.written }
            }
            house.agent?.killHard()
            writer.pause(false)
            for _ in 0..<round % 4 {
                writer.pause(isBlind)
                try rotations.rotate(writer)
                writer.pause(false)
                writer.wait(forLines: scene.random(1...lines))
            }
            writer.pause(isBlind)
            // Away while the new file is empty, and while it is not.
            if round % 2 == 0, style.reopening != .never {
                writer.pause(true)
                try rotations.rotate(writer)
            }
            try house.startAgent()
            writer.pause(false)
            writer.wait(forLines: scene.random(lines / 2...lines))
            if isBlind { try rotations.waitUntilOpen() }
            try rotations.rotate(writer)
        }
        writer.wait(forLines: lines)
        writer.stop()
        try conclude(style, scene, rotations, written: writer.written)
    }

    /// What is in a file must be stored. What is in none (written between copytruncate's copy and its truncation, or into a file that was compressed
    /// and deleted while the daemon had it open and no agent was there) nobody could read: stored if the agent was quicker, else told by gaps.
    private func conclude(_ style: Style, _ scene: FaultHouse, _ rotations: Rotations, written: Int) throws {
        let inFiles = try rotations.linesInFiles()
        var seen: [Int: Int] = [:]
        var missing: [Int] = []
        do {
            try eventually("the lines of all files are stored", within: 60) {
                seen = try scene.stored()
                missing = inFiles.subtracting(seen.keys).sorted()
                return missing.isEmpty
            }
        } catch {
            Issue.record(
                "\(missing.count) lines that are in files are not stored: \(missing.prefix(5)); \(scene.house.agent?.output().suffix(1500) ?? "")"
            )
        }
        let gaps = try scene.gaps().filter { $0.reason == "file_lost" || $0.reason == "truncated" }
        let gone = Set(0..<written).subtracting(inFiles).subtracting(seen.keys)
        let duplicates = seen.values.reduce(0) { $0 + $1 - 1 }
        // Between copytruncate's copy and its truncation lines fall that are in no file: logrotate(8) says so itself. Other gaps cannot count what
        // nobody saw.
        let isCopy = style.lines.contains("copytruncate")
        let inGaps = isCopy || gaps.isEmpty ? 0 : gone.count
        let lost = missing.count + (isCopy ? 0 : gone.count - inGaps)
        let fell = isCopy ? " (\(gone.count) more fell between its copies and its truncations: no file has them)" : ""
        let readable = isCopy ? written - gone.count : written
        print(
            "| logrotate: \(style.testDescription)\(fell) | \(rotations.count) | \(readable) | \(seen.count) | \(inGaps) | \(lost) | \(duplicates) |"
        )
        #expect(lost == 0, "\(gone.count) lines that no file holds, \(missing.count) that one holds; seed \(scene.seed)")
        #expect(duplicates == 0, "seed \(scene.seed)")
    }
}

/// logrotate and what it makes of a log.
private final class Rotations {
    let flag: String
    private(set) var count = 0
    private let style: LogrotateFaultTests.Style
    private let house: Installation

    init(_ style: LogrotateFaultTests.Style, _ house: Installation) throws {
        (self.style, self.house) = (style, house)
        flag = house.folder("reopen")
        _ = unsafe chmod(house.folder.path, 0o755)
        TestFiles.makeFolder(house.folder("old"))
        var lines = style.lines
        // As packages do it: the daemon is told, and answers at once.
        if style.reopening == .byPostrotate {
            lines += ["postrotate", "touch \(flag); while [ -e \(flag) ]; do sleep 0.01; done", "endscript"]
        }
        let path = house.folder("rotate.conf")
        try TestFiles.write("\(house.logPath) {\n  su root root\n  rotate 1000\n  missingok\n  \(lines.joined(separator: "\n  "))\n}\n", to: path)
        _ = unsafe chmod(path, 0o644)
    }

    func rotate(_ writer: LineWriter) throws {
        let second = time(nil)
        while style.needsNewSecond, time(nil) == second { usleep(10_000) }
        let (exit, output) = try ChildProcess.run([
            "/usr/sbin/logrotate", "--force", "--state", house.folder("state"), house.folder("rotate.conf"),
        ])
        #expect(exit == .code(0), "\(output)")
        if style.reopening == .afterwards { writer.reopen() }
        count += 1
    }

    /// Until the agent has the file open that is at the log's path now: what falls into one that is compressed and deleted before, nobody can know of.
    func waitUntilOpen() throws {
        guard let pid = house.agent?.pid else { return }
        try eventually("the agent has the log open", within: 60) {
            var (log, other) = (stat(), stat())
            guard unsafe stat(house.logPath, &log) == 0 else { return false }
            return (0..<256).contains {
                unsafe stat("/proc/\(pid)/fd/\($0)", &other) == 0 && other.st_ino == log.st_ino && other.st_dev == log.st_dev
            }
        }
    }

    /// The numbers of all lines that the log and its rotations hold.
    func linesInFiles() throws -> Set<Int> {
        let folder = house.folder.path
        let script = """
            for file in \(folder)/app* \(folder)/old/app*; do
                case $file in
                *.yaml|*'*') ;;
                *.gz) zcat $file ;;
                *.zst) zstd -q -d -c $file ;;
                *.xz) xz -d -c $file ;;
                *) cat $file ;;
                esac
            done
            """
        let (exit, output) = try ChildProcess.run(["/bin/sh", "-c", script])
        #expect(exit == .code(0))
        return Set(output.split(separator: "\n").compactMap { $0.split(separator: " ").dropFirst().first.flatMap { Int($0) } })
    }
}
