import Configuring
import Correlating
import Rules
import Ruling

extension AggregatorConfig {
    /// `rule_files`, `evaluation_interval`, `evaluation_delay`.
    mutating func readRules(_ reader: ConfigReader, folder path: String?, _ problems: ConfigProblems) {
        let folder = path.map { $0.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") }
        ruling.groups = RuleFile.groups(namedBy: reader, folder: folder, default: nil, problems: problems)
        ruling.interval = reader.duration("evaluation_interval", default: ruling.interval, in: .milliseconds(100) ... .seconds(86_400))
        ruling.delay = reader.duration("evaluation_delay", default: ruling.delay, in: .zero ... .seconds(86_400))
    }

    /// `flapping`.
    mutating func readFlapping(_ reader: ConfigReader) {
        let isWanted = reader.bool("enabled", default: true)
        var flapping = FlappingConfig()
        flapping.changes = reader.integer("changes", default: flapping.changes, in: 3...1_000)
        let times: ClosedRange<Duration> = .seconds(1) ... .seconds(43_200)
        flapping.window = reader.duration("window", default: flapping.window, in: times)
        flapping.steady = reader.duration("steady", default: flapping.steady, in: times)
        correlating.flapping = isWanted ? flapping : nil
        reader.finish()
    }
}
