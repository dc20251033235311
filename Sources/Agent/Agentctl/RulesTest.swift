import ArgumentParser
import Configuring
import Expressions
import JSON
import Operating
import Rehearsing
import Rules
import Telemetry

extension RulesCommand {
    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run rules over stored history, or files of unit tests.",
            discussion: """
                Over history: how often each alert would have fired, for how long, how it would have flapped, how many pages it means.
                  agentctl rules test rules.yml --since 14d
                Unit tests in promtool's format need no aggregator:
                  agentctl rules test --unit tests.yml
                Exit code 0: all good; 1: a test failed, or a file has mistakes.
                """
        )

        @Argument(help: "Rule files, or with --unit files of unit tests.")
        var files: [String]
        @Flag(name: .long, help: "The files are unit tests in promtool's format.")
        var unit = false
        @Option(name: .long, help: "First moment: RFC 3339, seconds since 1970, or how long ago, as 14d.")
        var since: String?
        @Option(name: .long, help: "Last moment. Default: now.")
        var until: String?
        @Option(name: .long, help: "Between evaluations of groups that have no interval of their own.")
        var interval = "15s"
        @Option(name: .long, help: "As this host's agent would judge: over its series only.")
        var host: String?
        @Flag(name: .long, help: "For programs.")
        var json = false
        @OptionGroup var aggregator: AggregatorOptions

        func validate() throws {
            guard unit || since != nil else { throw ValidationError("say how far back with --since 14d, or --unit for files of unit tests") }
            guard !unit || (since == nil && until == nil && host == nil) else {
                throw ValidationError("unit tests have their own series: leave --since, --until and --host")
            }
        }

        func run() async throws {
            if unit { try runUnitTests() } else { try await runBacktest() }
        }

        // MARK: Unit tests

        private func runUnitTests() throws {
            var (writer, isGood) = (JSONWriter(), true)
            writer.beginArray()
            for path in files {
                let problems = ConfigProblems()
                let file = UnitTestFile.load(path: path, problems: problems)
                for problem in problems.all { Terminal.complain(problem.description) }
                guard problems.isEmpty else {
                    isGood = false
                    continue
                }
                let result = UnitTestRun(file)
                isGood = isGood && result.failures.isEmpty
                if json { RulesReport.write(result, of: path, to: &writer) } else { print(RulesReport.text(result, of: path)) }
            }
            writer.endArray()
            if json { print(writer.text) }
            if !isGood { throw ArgumentParser.ExitCode(Operating.ExitCode.failure) }
        }

        // MARK: Over history

        private func runBacktest() async throws {
            let problems = ConfigProblems()
            let groups = RuleFile.load(patterns: files, problems: problems)
            for problem in problems.all { Terminal.complain(problem.description) }
            guard problems.isEmpty else { throw ArgumentParser.ExitCode(Operating.ExitCode.failure) }
            let now = SystemTime().now()
            guard let first = Moments.parse(since ?? "", now: now), let last = Moments.parse(until ?? "now", now: now), first < last else {
                throw Failure(
                    "--since \(since ?? "") and --until \(until ?? "now") are no range: write moments, the earlier one first, as --since 14d"
                )
            }
            guard let interval = Quantity.duration(interval), interval > .zero else {
                throw Failure("--interval \"\(interval)\" is no time between evaluations: write one as 15s")
            }
            var backtest = Backtest(groups, from: first, to: last, interval: interval)
            let source = StoredSeries(aggregator: aggregator, host: host)
            let reads = StoredSeries.selectors(of: groups)
            while let window = backtest.window {
                Terminal.progress("\(window.from.rfc3339) of \(first.rfc3339) to \(last.rfc3339)")
                var loaded = [SeriesSamples]()
                for read in reads { loaded += try await source.load(read, from: window.from, to: window.to) }
                backtest.play(loaded)
            }
            Terminal.progress("")
            print(json ? RulesReport.json(backtest) : RulesReport.text(backtest))
        }
    }
}
