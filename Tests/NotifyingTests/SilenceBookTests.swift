import Telemetry
import Testing

@testable import Notifying

@Suite struct SilenceBookTests {
    private func silence(_ id: UInt64, _ matchers: [String] = ["host=\"a\""], from start: Int = 0, to end: Int = 100, comment: String = "c")
        -> Silence
    {
        Silence(
            id: UUID(high: 0, low: id),
            matchers: matchers,
            startsAt: Sample.at(start),
            endsAt: Sample.at(end),
            createdBy: "ops",
            comment: comment
        )
    }

    @Test func `end and comment of one that runs change in its place`() throws {
        var book = SilenceBook()
        _ = try book.set(silence(1), replacing: nil, at: Sample.at(0))
        let written = try #require(try book.set(silence(9, to: 200, comment: "longer"), replacing: UUID(high: 0, low: 1), at: Sample.at(50)))
        #expect(written.map(\.id) == [UUID(high: 0, low: 1)])
        #expect(book.all.map(\.endsAt) == [Sample.at(200)])
        #expect(book.all.map(\.comment) == ["longer"])
        #expect(book.all.map(\.updatedAt) == [Sample.at(50)])
    }

    @Test func `with other matchers or another start the old one ends and another one begins`() throws {
        var book = SilenceBook()
        _ = try book.set(silence(1), replacing: nil, at: Sample.at(0))
        let written = try #require(try book.set(silence(9, ["host=\"b\""], to: 200), replacing: UUID(high: 0, low: 1), at: Sample.at(50)))
        #expect(written.map(\.id.low) == [1, 9])
        #expect(written.map(\.endsAt) == [Sample.at(50), Sample.at(200)])
        #expect(written[1].startsAt == Sample.at(50))
        #expect(book.silence(for: ["host": "a"], at: Sample.at(60)) == nil)
        #expect(book.silence(for: ["host": "b"], at: Sample.at(60)) != nil)
    }

    @Test func `one that is ahead may be moved, one that is over is made anew, an unknown one is nobody's`() throws {
        var book = SilenceBook()
        _ = try book.set(silence(1, from: 100, to: 200), replacing: nil, at: Sample.at(0))
        #expect(book.silence(for: ["host": "a"], at: Sample.at(99)) == nil)
        _ = try book.set(silence(9, from: 300, to: 400), replacing: UUID(high: 0, low: 1), at: Sample.at(10))
        #expect(book.all.map(\.id.low) == [1])
        #expect(book.silence(for: ["host": "a"], at: Sample.at(150)) == nil)
        #expect(book.silence(for: ["host": "a"], at: Sample.at(300)) != nil)
        let anew = try #require(try book.set(silence(9, to: 900), replacing: UUID(high: 0, low: 1), at: Sample.at(500)))
        #expect(anew.map(\.id.low) == [9])
        #expect(anew[0].startsAt == Sample.at(500))
        #expect(try book.set(silence(10, to: 900), replacing: UUID(high: 0, low: 77), at: Sample.at(500)) == nil)
    }

    @Test func `a change that is refused leaves everything as it was`() throws {
        var book = SilenceBook()
        _ = try book.set(silence(1), replacing: nil, at: Sample.at(0))
        for bad in [silence(9, ["host=~\".*\""], to: 200), silence(9, ["host=b", "x=~\"(\""], to: 200), silence(9, from: 30, to: 20)] {
            #expect(throws: QueryError.self) { try book.set(bad, replacing: UUID(high: 0, low: 1), at: Sample.at(10)) }
        }
        #expect(book.all.map(\.endsAt) == [Sample.at(100)])
    }

    @Test func `all four operators hold as they say, and a filter finds the silence that has the same matcher`() throws {
        var book = SilenceBook()
        _ = try book.set(silence(1, ["team!=\"db\"", "host=~\"web-.*\"", "env!~\"dev|test\""]), replacing: nil, at: Sample.at(0))
        func holds(_ labels: Labels) -> Bool { !book.silences(for: labels, at: Sample.at(1)).isEmpty }
        #expect(holds(["host": "web-1"]))
        #expect(holds(["host": "web-1", "team": "web", "env": "prod"]))
        #expect(!holds(["host": "web-1", "team": "db"]))
        #expect(!holds(["host": "web-1", "env": "dev"]))
        #expect(!holds(["host": "my-web-1"]))
        func listed(_ filters: [String]) throws -> Int { book.listed(matching: try [AlertMatcher](filters: filters)).count }
        #expect(try listed([]) == 1)
        #expect(try listed(["team!=\"db\""]) == 1)
        #expect(try listed(["host=~\"web-.*\", env!~\"dev|test\""]) == 1)
        #expect(try listed(["host=\"web-.*\""]) == 0)
        #expect(try listed(["team=\"db\""]) == 0)
        #expect(try listed(["other=\"\""]) == 0)
        let parts = try #require(book.listed(matching: []).first).matchers
        #expect(parts.map(\.isRegex) == [false, true, true])
        #expect(parts.map(\.isEqual) == [false, true, false])
    }
}
