import Dispatch
import Glibc
import Operating
import Synchronization
import Telemetry

/// Metrics that programs print in the Prometheus text format. Each program runs on a thread of its own at its own interval, whatever the others do;
/// a collection takes what the last run printed and waits for nobody but, at most once and briefly, for first runs.
///
/// A run counts only when it ended by itself with 0 and printed good text; else the program's metrics are missing until one does.
struct CommandCollector: Collector {
    static let name = "exec"
    let families = [
        MetricFamily("tocsin_exec_success", .gauge, "Whether the command's last run ended with 0 and printed good metrics."),
        MetricFamily(
            "tocsin_exec_exit_status",
            .gauge,
            "How the last run ended: its code, 124 timed out, 125 too much output, 126 or 127 not started."
        ),
        MetricFamily("tocsin_exec_duration_seconds", .gauge, "How long the last run took."),
        MetricFamily("tocsin_exec_last_run_timestamp_seconds", .gauge, "When the last run that ended was started."),
    ]
    private let programs: [Program]
    private let time: any TimeSource
    /// How long the first collection waits for first runs; below the collector's own deadline.
    private let patience: Duration

    init(_ config: CollectConfig, time: any TimeSource, patience: Duration) {
        let families = families
        programs = config.commands.map { command in
            Program(command, series: families.map { $0.series(Label("command", command.name)) })
        }
        (self.time, self.patience) = (time, patience)
    }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let first = DispatchGroup()
        for program in programs { program.startIfDue(at: time.monotonic(), readings.timestamp, firstRuns: first) }
        _ = first.wait(timeout: .now() + .nanoseconds(Int(patience.wholeNanoseconds)))
        var foreign = ForeignFamilies()
        for program in programs {
            guard let run = program.lastRun else { continue }
            var problem = run.problem
            if program.isOverdue(at: time.monotonic()) { problem = "it was killed and does not end: look for a dead mount or a stuck device" }
            if problem == nil {
                do throws(ForeignFamilies.Conflict) { try foreign.add(run.families, from: "the command \(program.config.name)") } catch {
                    problem = "line \(error.line) of its output: \(error.problem)"
                }
            }
            if let problem {
                readings.problems.append("the command \(program.config.name): \(problem); its metrics are missing until a run succeeds")
            }
            readings.add(program.series[0], problem == nil ? 1.0 : 0.0)
            readings.add(program.series[1], Double(run.status))
            readings.add(program.series[2], run.duration.inSeconds)
            readings.add(program.series[3], Double(run.startedAt.milliseconds) / 1e3)
        }
        for (series, value) in foreign.values { readings.addForeign(series, value) }
        readings.foreignFamilies = foreign.families
    }

    /// One command and its last run.
    private final class Program: Sendable {
        struct Run: Sendable {
            let startedAt: Timestamp
            let status: Int32
            let duration: Duration
            let families: [ExposedFamily]
            /// Nil when it counts.
            let problem: String?
        }

        private struct State {
            var lastRun: Run?
            /// Monotonic; of the run that is under way or ended last.
            var startedAt: Duration?
            var isRunning = false
        }

        let config: CommandConfig
        let series: [Labels]
        private let state = Mutex(State())

        init(_ config: CommandConfig, series: [Labels]) {
            (self.config, self.series) = (config, series)
        }

        var lastRun: Run? { state.withLock { $0.lastRun } }

        /// Killed long ago and still there.
        func isOverdue(at now: Duration) -> Bool {
            state.withLock { state in state.isRunning && now - (state.startedAt ?? now) > config.timeout + .seconds(5) }
        }

        func startIfDue(at now: Duration, _ moment: Timestamp, firstRuns: DispatchGroup) {
            let isFirst: Bool? = state.withLock { state in
                // A tick that is early by a hair is not made to wait for the next one.
                if state.isRunning || state.startedAt.map({ now - $0 < config.interval - .milliseconds(50) }) == true { return nil }
                defer { (state.isRunning, state.startedAt) = (true, now) }
                return state.startedAt == nil
            }
            guard let isFirst else { return }
            if isFirst { firstRuns.enter() }
            WorkThreads.shared.run(
                blocking: { self.run(startedAt: moment) },
                then: { run in
                    self.state.withLock { ($0.lastRun, $0.isRunning) = (run, false) }
                    if isFirst { firstRuns.leave() }
                }
            )
        }

        private func run(startedAt moment: Timestamp) -> Run {
            let result = config.child.run()
            var (families, problem): ([ExposedFamily], String?) = ([], nil)
            switch result.ending {
            case .exited(0):
                do throws(ExpositionError) {
                    families = try ExpositionParser.parse(result.output)
                    if let sample = families.lazy.flatMap(\.samples).first(where: { $0.timestampMs != nil }) {
                        throw ExpositionError(sample.line, "a timestamp: values are as of now, leave it out")
                    }
                } catch {
                    problem = "line \(error.line) of its output: \(error.problem)"
                }
            case .exited(let code): problem = "it ended with \(code)"
            case .signalled(let number): problem = "it was ended by signal \(number)"
            case .timedOut: problem = "it was killed after \(config.timeout), its timeout"
            case .outputTooLong: problem = "it was killed after it had printed \(config.outputBytesMax) bytes, collect.exec.output_max"
            case .notStarted(let code): problem = "\(config.command[0]) cannot be started: \(unsafe String(cString: strerror(code)))"
            }
            if let text = problem, let line = result.errorOutput.split(separator: "\n").last { problem = "\(text) (\(line.prefix(200)))" }
            return Run(
                startedAt: moment,
                status: result.ending.status,
                duration: result.duration,
                families: problem == nil ? families : [],
                problem: problem
            )
        }
    }
}
