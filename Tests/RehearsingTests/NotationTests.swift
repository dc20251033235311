import Expressions
import Rehearsing
import Telemetry
import Testing

@Suite struct NotationTests {
    @Test func `values are written out as promtool does`() throws {
        #expect(try SeriesNotation.values("1 2.5 -3") == [1, 2.5, -3])
        #expect(try SeriesNotation.values("7x3") == [7, 7, 7, 7])
        #expect(try SeriesNotation.values("1+2x3 10-1x2") == [1, 3, 5, 7, 10, 9, 8])
        #expect(try SeriesNotation.values("-2+4x3") == [-2, 2, 6, 10])
        #expect(try SeriesNotation.values("_ _x2 5") == [nil, nil, nil, 5])
        #expect(try SeriesNotation.values("1e3-1e2x2") == [1000, 900, 800])
        #expect(try SeriesNotation.values("0x3") == [0, 0, 0, 0])
        #expect(try SeriesNotation.values("-Inf +inf") == [-.infinity, .infinity])
        #expect(try SeriesNotation.values("inf-1x1") == [.infinity, .infinity])
        #expect(try SeriesNotation.values("NaN").first.flatMap { $0 }?.isNaN == true)
        #expect(try SeriesNotation.values("stale").first.flatMap { $0 }.map(Staleness.isMarker) == true)
    }

    @Test(arguments: ["1+2", "x3", "1x", "1xy", "one", "1+x3", "{{schema:0}}", "1x99999999", "--1", "0x1p3"])
    func `what is no value is refused with its text`(_ text: String) {
        #expect(throws: SeriesNotation.Problem.self) { try SeriesNotation.values(text) }
    }

    @Test func `a series is read as in PromQL`() throws {
        #expect(try Labels(seriesText: "up{job=\"a\",instance=\"b{c}\"}") == ["__name__": "up", "job": "a", "instance": "b{c}"])
        #expect(try Labels(seriesText: "{}") == .empty)
        #expect(try Labels(seriesText: "{__name__=\"up\"}") == ["__name__": "up"])
        for text in ["up{job=~\"a\"}", "sum(up)", "up[5m]", "up offset 5m", "1", "up{"] {
            #expect(throws: SeriesNotation.Problem.self) { try Labels(seriesText: text) }
        }
    }
}
