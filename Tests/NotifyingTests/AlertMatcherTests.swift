import Telemetry
import Testing

@testable import Notifying

@Suite struct AlertMatcherTests {
    @Test(arguments: [
        ("severity=\"critical\"", ["severity=\"critical\""]),
        ("severity = critical", ["severity=\"critical\""]),
        ("{alertname=\"Disk full\", host=~\"web-.*\"}", ["alertname=\"Disk full\"", "host=~\"web-.*\""]),
        ("a!=b,c!~d", ["a!=\"b\"", "c!~\"d\""]),
        ("a=\"x\\\"y\\\\z\\n\"", ["a=\"x\\\"y\\\\z\\n\""]),
        ("\"odd name\"=\"1\"", ["odd name=\"1\""]),
        ("host=\"\"", ["host=\"\""]),
        ("path=~\"/var\\d+\"", ["path=~\"/var\\\\d+\""]),
        // Without quotes, as Alertmanager reads them.
        ("alertname=Disk full, url = http://x/?a=b ", ["alertname=\"Disk full\"", "url=\"http://x/?a=b\""]),
        ("a=", ["a=\"\""]), ("a=b,", ["a=\"b\""]), ("a='b'", ["a=\"'b'\""]), ("a=b\\\"c", ["a=\"b\\\"c\""]),
        ("a=~[xy]+|z{2},b!=c", ["a=~\"[xy]+|z{2}\"", "b!=\"c\""]), ("{ a=~x{2} }", ["a=~\"x{2}\""]), ("{a=b}", ["a=\"b\""]),
    ])
    func `Alertmanager's notation is read`(text: String, expected: [String]) throws {
        #expect(try AlertMatcher.parse(text).map(\.description) == expected)
    }

    @Test(arguments: [
        "", "{}", "severity", "=\"x\"", "a==b", "a=\"b", "{a=b", "a=b c=d", "a=b}", "a=~\"(\"", "a=~\"(?=x)\"", "a!b", "a=b,,c=d", "a=b\"c", "a={b",
        "a=~~b",
    ])
    func `what is not a matcher is refused with what to write`(text: String) {
        let error = #expect(throws: AlertMatcher.Malformed.self) { try AlertMatcher.parse(text) }
        #expect(error?.description.isEmpty == false)
    }

    @Test func `patterns match the whole value, and a label that is not there is empty`() throws {
        let labels: Labels = ["host": "web-12", "severity": "warning"]
        func holds(_ text: String) throws -> Bool { try AlertMatcher.parse(text).hold(for: labels) }
        #expect(try holds("host=~\"web-\\d+\""))
        #expect(try !holds("host=~\"web\""))
        #expect(try holds("host!~\"web\""))
        #expect(try holds("team=\"\""))
        #expect(try holds("team!=\"db\""))
        #expect(try holds("team!~\".+\""))
        #expect(try !holds("team=~\".+\""))
        #expect(try !holds("host=\"web-12\",severity=\"critical\""))
    }

    @Test func `a silence that would hide everything, or that ends before it begins, is refused`() {
        func add(_ matchers: [String], from: Int = 0, to: Int = 100) throws {
            var book = SilenceBook()
            let silence = Silence(
                id: UUID(high: 0, low: 1),
                matchers: matchers,
                startsAt: Sample.at(from),
                endsAt: Sample.at(to),
                createdBy: "",
                comment: ""
            )
            try book.add(silence, at: Sample.at(0))
        }
        for matchers in [["host=web-1"], ["host!=\"a\""], ["host!~\"a.*\"", "team=\"\""]] {
            #expect(throws: Never.self) { try add(matchers) }
        }
        for matchers in [[], ["host=~\".*\""], ["host=~\"a|\"", "team=\"\""], ["host"], ["a=\""]] {
            #expect(throws: QueryError.self) { try add(matchers) }
        }
        #expect(throws: QueryError.self) { try add(["host=a"], from: 10, to: 10) }
        #expect(throws: QueryError.self) { try add(["host=a"], from: -20, to: -10) }
    }
}
