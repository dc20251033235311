import Collecting
import Glibc
import Telemetry
import TestSupport
import Testing

/// docs/metrics.md lists what the collectors say about the fixtures: a family that is new, gone or has other labels fails here until the page is
/// written anew (`UPDATE_GOLDEN=1`).
@Suite struct MetricsPageTests {
    private struct Family: Equatable {
        var kind: String
        var help: String
        var labels: Set<String>
    }

    private static let page: String = Fixture.folder.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/docs/metrics.md"
    private static let (begin, end) = ("<!-- families: begin -->\n", "<!-- families: end -->\n")

    /// What each family was in any of the trees. Names that come from outside (`textfile`, `exec`) are not in them.
    private static func collected() async -> [String: Family] {
        var families: [String: Family] = [:]
        for kernel in Fixture.kernels {
            let scrape = await Fixture.collectors(Fixture.files(kernel)).scrape()
            for family in scrape.families where families[family.name] == nil {
                families[family.name] = Family(kind: family.kind.rawValue, help: family.help, labels: [])
            }
            for (family, samples) in scrape.grouped {
                var known = families[family.name] ?? Family(kind: family.kind.rawValue, help: family.help, labels: [])
                for sample in samples { known.labels.formUnion(sample.series.pairs.map(\.name).filter { $0 != Labels.metricName }) }
                families[family.name] = known
            }
        }
        return families
    }

    private static func table(_ families: [String: Family]) -> String {
        var text = "| name | type | labels | meaning |\n| --- | --- | --- | --- |\n"
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            let labels = family.labels.sorted().map { "`\($0)`" }.joined(separator: ", ")
            text += "| `\(name)` | \(family.kind) | \(labels) | \(family.help.split(separator: "|").joined(separator: "\\|")) |\n"
        }
        return text
    }

    @Test func `the page of metrics lists every family that is collected, and no other`() async throws {
        let text = try #require(Fixture.text(Self.page))
        let parts = text.split(separator: Self.begin, omittingEmptySubsequences: false)
        try #require(parts.count == 2)
        let rest = parts[1].split(separator: Self.end, omittingEmptySubsequences: false)
        try #require(rest.count == 2)
        let table = Self.table(await Self.collected())
        if unsafe getenv("UPDATE_GOLDEN") != nil {
            try TestFiles.write("\(parts[0])\(Self.begin)\(table)\(Self.end)\(rest[1])", to: Self.page)
        } else {
            #expect(String(rest[0]) == table, "run with UPDATE_GOLDEN=1 and read the difference")
        }
    }

    @Test func `each family of node_exporter 1-5 is there with its type and labels, or the page says why not`() async throws {
        let reference = try #require(Fixture.text("\(Fixture.folder)/../node_exporter-1.5.0-families.txt"))
        let text = try #require(Fixture.text(Self.page))
        let leftOut = try #require(text.split(separator: "## Left out on purpose").last)
        let collected = await Self.collected()
        var compared = 0
        for line in reference.split(separator: "\n") where !line.hasPrefix("#") {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            try #require(fields.count == 3)
            guard let ours = collected[fields[0]] else {
                #expect(leftOut.contains("`\(fields[0])`"), "\(fields[0]) is neither collected nor explained")
                continue
            }
            #expect(ours.kind == fields[1], "\(fields[0])")
            #expect(ours.labels == Set(fields[2].split(separator: ",").map(String.init)), "\(fields[0])")
            compared += 1
        }
        #expect(compared > 240)
    }

    @Test func `each collector has its line in the page of the agent`() throws {
        let folder = Self.page.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
        let text = try #require(Fixture.text("\(folder)/agent.md"))
        for name in CollectConfig.collectorNames { #expect(text.contains("`\(name)`"), "\(name)") }
    }
}
