import Telemetry
import Testing

@testable import Admitting

struct SeriesCensusTests {
    private let agent = UUID(high: 1, low: 1)

    private func list(_ text: String, host: String? = nil) -> SeriesList { SeriesList(Array(text.utf8).span, host: host) }

    @Test func `a list that was counted is known for an hour, to its agent and its token's host only`() {
        let census = SeriesCensus(seriesMax: 10)
        #expect(!census.knows(list("a"), of: agent, at: .zero))
        #expect(census.admit([1, 2], [list("a")], of: agent, at: .zero))
        #expect(census.knows(list("a"), of: agent, at: .seconds(3599)))
        #expect(!census.knows(list("a", host: "web-1"), of: agent, at: .zero))
        #expect(!census.knows(list("b"), of: agent, at: .zero))
        #expect(!census.knows(list("a"), of: UUID(high: 1, low: 2), at: .zero))
        #expect(!census.knows(list("a"), of: agent, at: .seconds(3600)))
    }

    @Test func `a list over the limit stays unknown`() {
        let census = SeriesCensus(seriesMax: 3)
        #expect(census.admit([1, 2], [list("a")], of: agent, at: .zero))
        #expect(!census.admit([3, 4], [list("b")], of: agent, at: .zero))
        #expect(!census.knows(list("b"), of: agent, at: .zero))
        #expect(census.admit([2, 3], [list("c")], of: agent, at: .zero))
    }
}
