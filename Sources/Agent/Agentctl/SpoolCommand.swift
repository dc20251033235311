import ArgumentParser
import Controlling
import Glibc
import JSON
import Operating
import Spooling
import Telemetry

struct SpoolCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spool",
        abstract: "Look into this host's spool, check it, repair it, or print what it holds.",
        discussion: "A running agent is asked over its socket; without one, or with --path, the file is read directly.",
        subcommands: [Stat.self, Check.self, Repair.self, Export.self]
    )

    struct Stat: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Size, lanes, sequences, what was set aside, and what was given up.")

        @OptionGroup var place: SpoolPlace
        @Flag(name: .long, help: "For programs.")
        var json = false

        func run() async throws {
            let report = try place.ask(.spoolStat) { (inspector) throws(SpoolError) in
                var writer = JSONWriter()
                try inspector.stat().write(to: &writer)
                return writer
            }
            print(json ? report.text : SpoolText.render(report))
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read all of the spool and print what is wrong with it.",
            discussion: "Exit code 0: sound, 1: damaged, 2: there is no spool."
        )

        @OptionGroup var place: SpoolPlace
        @Flag(name: .long, help: "For programs.")
        var json = false

        func run() async throws {
            let report = try place.ask(.spoolCheck) { (inspector) throws(SpoolError) in
                var writer = JSONWriter()
                try inspector.check().write(to: &writer)
                return writer
            }
            let problems = (report["problems"]?.array ?? []).compactMap(\.string)
            if json {
                print(report.text)
            } else if problems.isEmpty {
                print("sound: \(report["batches"]?.integer ?? 0) batches with \(report["rows"]?.integer ?? 0) rows wait in it")
            } else {
                for problem in problems { print(Terminal.printable(problem)) }
                Terminal.complain("the spool is damaged: agentctl spool repair carries what can be read into a new file")
            }
            if !problems.isEmpty { throw ExitCode(Operating.ExitCode.failure) }
        }
    }

    struct Repair: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Carry what can be read into a new file and set the damaged one aside (spool.db.corrupt-TIME).",
            discussion: "A sound spool is left alone. A running agent does it by itself and goes on; what cannot be read becomes a gap."
        )

        @OptionGroup var place: SpoolPlace
        @Flag(name: .long, help: "For programs.")
        var json = false

        func run() async throws {
            let report = try place.ask(.spoolRepair) { (inspector) throws(SpoolError) in
                let problems = try inspector.repair(host: hostName(), at: SystemTime().now())
                var writer = JSONWriter()
                writer.beginObject()
                writer.member("problems", problems)
                writer.member("repaired", !problems.isEmpty)
                writer.endObject()
                return writer
            }
            let problems = (report["problems"]?.array ?? []).compactMap(\.string)
            if json {
                print(report.text)
            } else if problems.isEmpty {
                print("the spool is sound: nothing was changed")
            } else {
                for problem in problems { print(Terminal.printable(problem)) }
                print("repaired: agentctl status and the gaps say what was lost, if anything was")
            }
        }

        private func hostName() -> String {
            var buffer = [CChar](repeating: 0, count: 256)
            guard unsafe gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
            return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print what waits in the spool, one line of JSON for each event, sample and alert.",
            discussion: "Reads the file beside a running agent and changes nothing. A file that was set aside can be named with --path."
        )

        @OptionGroup var place: SpoolPlace
        @Flag(name: .long, help: "What the aggregator refused for good, with the reason, instead of what waits.")
        var setAside = false
        @Option(name: .long, help: "Only this lane: alerts, metrics or logs.")
        var lane: String?

        func validate() throws {
            if let lane, Lane(label: lane) == nil { throw ValidationError("--lane is alerts, metrics or logs, not \(lane).") }
        }

        func run() async throws {
            let inspector = SpoolInspector(folder: try place.folder())
            let lanes = lane.flatMap { Lane(label: $0) }.map { [$0] } ?? Lane.allCases
            do throws(SpoolError) {
                if setAside { try inspector.exportSetAside(write) } else { try inspector.export(lanes, write) }
            } catch { throw Failure(error.description) }
        }

        /// False when nobody reads any more.
        private func write(_ line: [UInt8]) -> Bool {
            let bytes = line + [0x0A]
            var offset = 0
            while offset < bytes.count {
                let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(STDOUT_FILENO, $0.baseAddress! + offset, bytes.count - offset) }
                if count <= 0 { return false }
                offset += count
            }
            return true
        }
    }
}

/// Which spool is meant, and who is asked about it.
struct SpoolPlace: ParsableArguments {
    @Option(
        name: .long,
        help: "The spool's folder (spool.path), or a file that was set aside. Default: the running agent's, else /var/lib/tocsin-agent."
    )
    var path: String?
    @OptionGroup var agent: SocketOption

    static let folderDefault = "/var/lib/tocsin-agent"

    /// Asks the running agent; without one, or when a path was named, looks itself.
    func ask(_ command: ControlCommand, directly: (SpoolInspector) throws(SpoolError) -> JSONWriter) throws -> JSON {
        if path == nil {
            do throws(ControlError) { return try ControlClient(path: agent.socket).ask(command, within: .seconds(600)) } catch {
                guard case .notRunning = error else { throw Failure(error.description) }
            }
        }
        do throws(SpoolError) {
            let writer = try directly(SpoolInspector(folder: path ?? Self.folderDefault))
            return (try? JSON.parse(writer.bytes)) ?? .null
        } catch {
            Terminal.complain(error.description)
            if case .missing = error { throw ExitCode(Operating.ExitCode.notRunning) }
            throw ExitCode(Operating.ExitCode.failure)
        }
    }

    func folder() throws -> String {
        if let path { return path }
        do throws(ControlError) {
            let database = try ControlClient(path: agent.socket).ask(.spoolStat)["path"]?.string ?? Self.folderDefault
            return database
        } catch {
            guard case .notRunning = error else { throw Failure(error.description) }
            return Self.folderDefault
        }
    }
}

/// The view of `agentctl spool stat` for people.
enum SpoolText {
    static func render(_ report: JSON) -> String {
        func size(_ key: String) -> String { StatusText.size(report[key]?.double ?? 0) }
        var lines = [
            "\(report["path"]?.string ?? "?"): \(size("file_bytes")), of which \(size("free_bytes")) are free, and a log of \(size("wal_bytes"))",
            "agent \(report["agent_id"]?.string ?? "?"), schema \(report["schema"]?.integer ?? 0), \(report["positions"]?.integer ?? 0) read positions",
            "",
        ]
        let rows = (report["lanes"]?.array ?? []).map { lane in
            [
                Terminal.text(lane["lane"]), Terminal.text(lane["batches"]), StatusText.size(lane["bytes"]?.double ?? 0),
                Terminal.text(lane["acknowledged"]), Terminal.text(lane["next"]), Terminal.text(lane["given_up_runs"]), Terminal.text(lane["oldest"]),
            ]
        }
        lines.append(Terminal.table(["LANE", "BATCHES", "SIZE", "ACKNOWLEDGED", "NEXT", "GIVEN UP", "OLDEST"], rows, nothing: "no lanes"))
        for run in report["inherited"]?.array ?? [] {
            lines.append(
                "through \(Terminal.text(run["through"])) of \(Terminal.text(run["lane"])) goes out as agent \(Terminal.text(run["agent_id"]))"
            )
        }
        if let aside = report["set_aside"]?.integer, aside > 0 { lines.append("\(aside) batches set aside: agentctl spool export --set-aside") }
        let gaps = report["gap_counts"]?.members ?? []
        if !gaps.isEmpty { lines.append("gaps: " + gaps.map { "\($0.key) \($0.value.integer ?? 0)" }.joined(separator: ", ")) }
        for file in report["damaged"]?.array ?? [] { lines.append("damaged, set aside: \(file.string ?? "")") }
        return lines.joined(separator: "\n")
    }
}
