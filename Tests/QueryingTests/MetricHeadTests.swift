import Expressions
import Sealing
import Telemetry
import Testing

@testable import Querying

struct MetricHeadTests {
    private let log = SampleLog()

    private func sample(_ name: String, _ value: Double, at seconds: Int, host: String = "web-1") -> Sample {
        Sample(name, [Label("host", host)], at: SampleLog.noon.advanced(by: .seconds(seconds)), value)
    }

    private func values(
        _ head: MetricHead,
        _ matchers: [LabelMatcher],
        from: Timestamp = .distantPast,
        to: Timestamp = .distantFuture
    ) -> [[Double]] {
        var requests = [SampleRequest(SelectorRead(matchers: matchers, from: from, to: to))]
        var index = SeriesIndex()
        _ = head.collect(log.catalog().arrivals, for: &requests, index: &index) { _ in false }
        return requests[0].takeAnswer(index).map { $0.points.map(\.value) }.sorted { $0.lexicographicallyPrecedes($1) }
    }

    private func named(_ name: String) -> [LabelMatcher] { [LabelMatcher(Labels.metricName, equals: name)] }

    @Test func `what arrived is there, by series and in order`() {
        let head = MetricHead(samplesMax: 1000, seriesMax: 1000)
        #expect(values(head, named("a")) == [])
        log.store([sample("a", 1, at: -20), sample("b", 5, at: -20)])
        log.store([sample("a", 2, at: -10), sample("a", 7, at: -10, host: "web-2")], agent: 2)
        #expect(values(head, named("a")) == [[1, 2], [7]])
        #expect(values(head, named("b")) == [[5]])
        #expect(values(head, [LabelMatcher("host", equals: "web-2")]) == [[7]])
        #expect(values(head, named("a"), from: SampleLog.noon.advanced(by: .seconds(-10)), to: SampleLog.noon) == [[2], [7]])
        #expect(values(head, named("")) == [])
        #expect((head.sampleCount, head.seriesCount) == (4, 3))
    }

    @Test func `late samples stand where they belong, a repeat of a time replaces`() {
        let head = MetricHead(samplesMax: 1000, seriesMax: 1000)
        for (value, offset) in [(1, -30), (3, -10), (2, -20), (9, -10)] as [(Double, Int)] { log.store([sample("a", value, at: offset)]) }
        #expect(values(head, named("a")) == [[1, 2, 9]])
    }

    @Test func `two agents with the same labels, and one that changes its list, are told apart`() {
        let head = MetricHead(samplesMax: 1000, seriesMax: 1000)
        log.store([sample("a", 1, at: -30), sample("b", 2, at: -30)], agent: 1)
        log.store([sample("b", 3, at: -20), sample("a", 4, at: -20)], agent: 2)
        log.store([sample("a", 5, at: -10)], agent: 1)
        log.store([sample("b", 6, at: -5), sample("b", 7, at: -4), sample("a", 8, at: -5)], agent: 1)
        #expect(values(head, named("a")) == [[1, 4, 5, 8]])
        #expect(values(head, named("b")) == [[2, 3, 6, 7]])
    }

    @Test func `what was sealed is forgotten`() throws {
        let head = MetricHead(samplesMax: 1000, seriesMax: 1000)
        for second in 0..<10 { log.store([sample("a", Double(second), at: second), sample("old_\(second)", 1, at: second)]) }
        head.update(log.catalog().arrivals)
        #expect((head.sampleCount, head.seriesCount) == (20, 11))
        try log.seal(keeping: 3)
        #expect(values(head, named("a")) == [[7, 8, 9]])
        #expect(head.sampleCount == 6)
        try log.seal()
        head.update(log.catalog().arrivals)
        #expect((head.sampleCount, head.seriesCount) == (0, 0))
    }

    @Test func `memory is bounded, and the answer is whole all the same`() {
        let head = MetricHead(samplesMax: 100, seriesMax: 50)
        for second in 0..<300 { log.store([sample("a", Double(second), at: second), sample("n\(second)", 1, at: second)]) }
        for _ in 0..<3 {
            #expect(values(head, named("a")) == [(0..<300).map(Double.init)])
            #expect(head.sampleCount <= 100)
            head.update(log.catalog().arrivals)
            #expect(head.seriesCount <= 51)
        }
    }
}
