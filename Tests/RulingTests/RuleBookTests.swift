import Configuring
import Expressions
import Rules
import Telemetry
import Testing

@testable import Ruling

/// What the tests of this room play with.
enum Play {
    static let noon = Timestamp(milliseconds: 1_767_268_800_000)
    static func at(_ seconds: Int) -> Timestamp { noon.advanced(by: .seconds(seconds)) }

    static func groups(_ text: String, path: String = "rules.yaml") -> [RuleGroup] {
        let problems = ConfigProblems()
        let groups = RuleFile.parse(text, path: path, problems: problems).groups
        #expect(problems.all.isEmpty)
        return groups
    }

    static let errors = """
        groups:
          - name: events
            interval: 10s
            rules:
              - alert: ManyErrors
                expr: sum by (source) (rate(tocsin_events_total{severity="error"}[5m])) > 10
                for: 30s
                labels: {severity: critical}
                annotations: {summary: '{{ $labels.source }}: {{ printf "%.0f" $value }} errors a second'}
        """

    static func vector(_ sources: [String: Double]) -> Result<ExpressionValue, EvaluationError> {
        .success(.vector(sources.map { Sample(series: ["source": $0.key], timestamp: noon, value: $0.value) }))
    }

    static let nothing: Result<ExpressionValue, EvaluationError> = .success(.vector([]))
}

@Suite struct RuleBookTests {
    var book = RuleBook(Play.groups(Play.errors), interval: .seconds(15), at: Play.at(0))

    /// One evaluation of the only group, as at its moment.
    @discardableResult
    mutating func evaluate(_ seconds: Int, _ values: Result<ExpressionValue, EvaluationError>...) -> [RuleBook.Outcome] {
        let turn = RuleBook.Turn(
            id: book.groups[0].id,
            generation: book.generation,
            moment: Play.at(seconds),
            missed: 0,
            rules: book.groups[0].rules.map(\.rule)
        )
        let outcomes = values.enumerated().map { book.take($0.element, of: $0.offset, in: turn, at: turn.moment, took: .milliseconds(1)) }
        book.end(turn, took: .milliseconds(2))
        return outcomes
    }

    @Test mutating func `an alert waits for its time, fires, and is resolved`() {
        #expect(evaluate(0, Play.vector(["shop": 20])).first?.changes.map(\.kind) == [.pending])
        #expect(evaluate(20, Play.vector(["shop": 21])).first?.changes.isEmpty == true)
        #expect(book.ruled.alerts.map(\.state) == [.pending])
        #expect(evaluate(30, Play.vector(["shop": 22])).first?.changes.map(\.kind) == [.fired])
        let alert = book.ruled.alerts.first
        #expect(alert?.labels == ["alertname": "ManyErrors", "severity": "critical", "source": "shop"])
        #expect(alert?.annotations["summary"] == "shop: 22 errors a second")
        #expect(alert?.startsAt == Play.at(30))
        #expect(evaluate(40, Play.nothing).first?.changes.map(\.kind) == [.resolved])
        #expect(book.ruled.alerts.map(\.state) == [.resolved])
    }

    @Test mutating func `an evaluation that fails says which rule and why, and resolves nothing`() {
        evaluate(0, Play.vector(["shop": 20]))
        evaluate(30, Play.vector(["shop": 20]))
        let outcome = evaluate(40, .failure(.limit("more samples than are read at once")))[0]
        #expect(outcome.failure == "more samples than are read at once")
        #expect(outcome.changes.isEmpty)
        #expect(book.ruled.alerts.map(\.state) == [.firing])
        #expect(book.problems == ["rule ManyErrors (rules.yaml:5, group events) has no result: more samples than are read at once"])
        #expect(book.evaluated[0].rules[0].health == .err)
        evaluate(50, Play.vector(["shop": 20]))
        #expect(book.problems.isEmpty)
        #expect(book.evaluated[0].rules[0].health == .ok)
    }

    @Test mutating func `for goes on after a restart, and what fires goes on firing without a word`() {
        evaluate(0, Play.vector(["shop": 20]))
        evaluate(30, Play.vector(["shop": 20, "mail": 30]))
        let stored = book.stored(of: book.groups[0].id)
        #expect(stored.count == 2)
        book = RuleBook(Play.groups(Play.errors), interval: .seconds(15), restoring: stored, at: Play.at(40))
        #expect(book.ruled.alerts.map(\.state) == [.pending, .firing])
        #expect(book.ruled.isWhole)
        // Pending since 30, for 30 s: it fires at 60.
        #expect(evaluate(50, Play.vector(["shop": 20, "mail": 30]))[0].changes.isEmpty)
        let changes = evaluate(60, Play.vector(["shop": 20, "mail": 30]))[0].changes
        #expect(changes.map(\.kind) == [.fired])
        #expect(changes.first?.alert.labels["source"] == "mail")
    }

    @Test mutating func `after a long absence series that are not back yet resolve nothing`() {
        evaluate(0, Play.vector(["shop": 20]))
        evaluate(30, Play.vector(["shop": 20]))
        let stored = book.stored(of: book.groups[0].id)
        book = RuleBook(Play.groups(Play.errors), interval: .seconds(15), restoring: stored, heldFor: .seconds(90), at: Play.at(3600))
        #expect(evaluate(3601, Play.nothing)[0].changes.isEmpty)
        #expect(book.ruled.alerts.map(\.state) == [.firing])
        // The rule looks back five minutes; after that its silence is an answer.
        #expect(evaluate(3600 + 301, Play.nothing)[0].changes.map(\.kind) == [.resolved])
    }

    @Test mutating func `without the state of before, nothing is taken as over until every rule was looked at`() {
        #expect(!book.ruled.isWhole)
        evaluate(0, .failure(.stopped))
        #expect(!book.ruled.isWhole)
        evaluate(10, Play.nothing)
        #expect(book.ruled.isWhole)
    }

    @Test mutating func `a reload keeps what is the same, resolves what is gone, and hands on what was changed`() {
        evaluate(0, Play.vector(["shop": 20]))
        evaluate(30, Play.vector(["shop": 20]))
        let more =
            Play.errors + """

                      - alert: Other
                        expr: vector(1)
                """
        book = book.reloaded(Play.groups(more), interval: .seconds(15), at: Play.at(35))
        #expect(book.ruled.alerts.map(\.state) == [.firing])
        #expect(book.evaluated[0].rules[0].health == .ok)
        #expect(book.evaluated[0].rules[0].lastEvaluation == Play.at(30))
        #expect(evaluate(40, Play.vector(["shop": 20]), Play.nothing)[0].changes.isEmpty)

        let changed = Play.errors.replacing("> 10", with: "> 5")
        book = book.reloaded(Play.groups(changed), interval: .seconds(15), at: Play.at(45))
        #expect(book.ruled.alerts.map(\.state) == [.firing])
        #expect(evaluate(50, Play.vector(["shop": 7]))[0].changes.isEmpty)
        #expect(book.ruled.alerts.first?.startsAt == Play.at(30))

        book = book.reloaded([], interval: .seconds(15), at: Play.at(60))
        #expect(book.ruled == RuledAlerts(alerts: [], isWhole: true))
    }

    @Test mutating func `what was begun before a reload does not touch the rules of after`() throws {
        let turns = book.begin(at: Play.at(0))
        let turn = try #require(turns.first)
        book = book.reloaded(Play.groups(Play.errors.replacing("ManyErrors", with: "Another")), interval: .seconds(15), at: Play.at(1))
        let outcome = book.take(Play.vector(["shop": 20]), of: 0, in: turn, at: turn.moment, took: .zero)
        #expect(outcome.changes.isEmpty && !outcome.isChanged)
        #expect(book.ruled.alerts.isEmpty)
        book.end(turn, took: .zero)
        #expect(book.begin(at: Play.at(1)).count == 1)
    }

    @Test mutating func `a recorded series that is there no more gets its end`() {
        book = RuleBook(
            Play.groups("groups: [{name: g, rules: [{record: 'source:errors:rate5m', expr: 'rate(x[5m])', labels: {team: a}}]}]"),
            interval: .seconds(15),
            at: Play.at(0)
        )
        let first = evaluate(0, Play.vector(["shop": 1, "mail": 2]))[0].samples
        #expect(
            Set(first.map(\.series.description)) == [
                #"source:errors:rate5m{source="shop",team="a"}"#, #"source:errors:rate5m{source="mail",team="a"}"#,
            ]
        )
        let second = evaluate(15, Play.vector(["shop": 3]))[0].samples
        #expect(second.count == 2)
        let ended = second.first { Staleness.isMarker($0.value) }
        #expect(ended?.series["source"] == "mail")
        #expect(evaluate(30, Play.vector(["shop": 3]))[0].samples.count == 1)
    }

    @Test mutating func `of two rules with one label set the one that fires counts`() {
        let twice = """
            groups:
              - name: g
                rules:
                  - {alert: A, expr: x > 1, for: 1h}
                  - {alert: A, expr: x > 2}
            """
        book = RuleBook(Play.groups(twice), interval: .seconds(15), at: Play.at(0))
        evaluate(0, Play.vector(["shop": 20]), Play.vector(["shop": 20]))
        #expect(book.ruled.alerts.map(\.state) == [.firing])
    }

    @Test mutating func `no more groups run at once than are allowed, and each in its turn`() {
        let many = "groups:\n" + (0..<6).map { "  - {name: g\($0), rules: [{alert: A\($0), expr: vector(1)}]}" }.joined(separator: "\n")
        book = RuleBook(Play.groups(many), interval: .seconds(15), at: Play.at(0))
        let first = book.begin(at: Play.at(0))
        #expect(first.map(\.id.name) == ["g0", "g1", "g2", "g3"])
        #expect(book.next(at: Play.at(0)) == nil)
        book.end(first[1], took: .seconds(1))
        #expect(book.next(at: Play.at(1)) == Play.at(1))
        #expect(book.begin(at: Play.at(1)).map(\.id.name) == ["g4"])
    }
}
