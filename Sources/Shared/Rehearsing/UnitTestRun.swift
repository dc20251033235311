import Configuring
import Expressions
import Telemetry

/// What became of one file of unit tests.
package struct UnitTestRun: Sendable {
    /// One expectation that did not hold.
    package struct Failure: Sendable, Hashable {
        package let test: String
        /// In the file.
        package let line: Int
        /// What was checked, with its moment.
        package let check: String
        package let expected: [String]
        package let got: [String]
    }

    package let tests: Int
    package let checks: Int
    package let failures: [Failure]

    /// Plays every test of the file.
    package init(_ file: UnitTestFile) {
        var failures = [Failure]()
        for test in file.tests { failures += UnitTestRun.run(test, of: file) }
        (tests, checks, self.failures) = (file.tests.count, file.tests.reduce(0) { $0 + $1.checks }, failures)
    }

    private static func run(_ test: UnitTest, of file: UnitTestFile) -> [Failure] {
        let steps = test.end.wholeNanoseconds / file.evaluationInterval.wholeNanoseconds
        guard steps < UnitTestFile.stepsMax else {
            let told = "\(steps) evaluations up to the last eval_time, more than \(UnitTestFile.stepsMax)"
            return [Failure(test: test.name, line: 0, check: told, expected: ["a shorter eval_time, or a longer evaluation_interval"], got: [])]
        }
        var history = History()
        for series in test.series {
            for (index, value) in series.values.enumerated() {
                let moment = test.start.advanced(by: .nanoseconds(Int64(index) * test.interval.wholeNanoseconds))
                if let value { history.append(Point(moment, value), to: series.labels) }
            }
        }
        var rehearsal = Rehearsal(file.groups, over: history)
        var failures = [Failure]()
        let alertChecks = test.alertChecks.sorted { $0.at < $1.at }
        var (nextCheck, now) = (0, Duration.zero)
        // An alert is checked in the state that the last evaluation before its moment left it in.
        while now <= test.end {
            _ = rehearsal.evaluate(at: test.start.advanced(by: now))
            let next = now + file.evaluationInterval
            while nextCheck < alertChecks.count, alertChecks[nextCheck].at < next {
                if let failure = check(alertChecks[nextCheck], in: rehearsal, of: test) { failures.append(failure) }
                nextCheck += 1
            }
            now = next
        }
        for failure in rehearsal.failures {
            let told = "rule \(failure.rule) of group \(failure.group) cannot be evaluated, \(failure.count) times"
            failures.append(Failure(test: test.name, line: 0, check: told, expected: [], got: [failure.first]))
        }
        for value in test.valueChecks {
            if let failure = check(value, over: rehearsal.history, of: test, isFuzzy: file.isFuzzy) { failures.append(failure) }
        }
        return failures
    }

    private static func check(_ check: UnitTest.AlertCheck, in rehearsal: Rehearsal, of test: UnitTest) -> Failure? {
        let told = "alert \(check.name) at \(text(of: check.at))"
        let firing = rehearsal.alerts(named: check.name).filter { $0.state == .firing }
        // As promtool has it: the name need not be repeated.
        let expected = check.expected.map { text(of: $0.labels.setting("alertname", to: check.name), $0.annotations) }.sorted()
        let got = firing.map { text(of: $0.labels, $0.annotations) }.sorted()
        return expected == got ? nil : Failure(test: test.name, line: check.line, check: told, expected: expected, got: got)
    }

    private static func check(_ check: UnitTest.ValueCheck, over history: History, of test: UnitTest, isFuzzy: Bool) -> Failure? {
        let told = "\(check.expression.text) at \(text(of: check.at))"
        func failure(_ got: [String]) -> Failure {
            let expected = check.expected.map { "\($0.labels) \(FloatText.plain($0.value))" }
            return Failure(test: test.name, line: check.line, check: told, expected: expected, got: got)
        }
        let moment = test.start.advanced(by: check.at)
        let value: ExpressionValue
        do throws(EvaluationError) { value = try check.expression.evaluate(at: moment, over: history) } catch { return failure(["\(error)"]) }
        let got: [(labels: Labels, value: Double)]
        switch value {
        case .scalar(let point): got = [(.empty, point.value)]
        case .vector(let samples): got = samples.map { ($0.series, $0.value) }
        case .string, .matrix: return failure(["no number and no instant vector"])
        }
        func ordered(_ samples: [(labels: Labels, value: Double)]) -> [(labels: Labels, value: Double)] {
            samples.sorted { $0.labels.pairs.lexicographicallyPrecedes($1.labels.pairs) }
        }
        let (left, right) = (ordered(check.expected), ordered(got))
        let isSame =
            left.count == right.count && zip(left, right).allSatisfy { $0.labels == $1.labels && isEqual($0.value, $1.value, isFuzzy: isFuzzy) }
        return isSame ? nil : failure(right.map { "\($0.labels) \(FloatText.plain($0.value))" })
    }

    private static func isEqual(_ a: Double, _ b: Double, isFuzzy: Bool) -> Bool {
        if a == b || a.isNaN && b.isNaN { return true }
        return isFuzzy && abs(a - b) <= max(abs(a), abs(b)) * 1e-6
    }

    private static func text(of labels: Labels, _ annotations: Labels) -> String { annotations.isEmpty ? "\(labels)" : "\(labels) \(annotations)" }

    private static func text(of duration: Duration) -> String { duration == .zero ? "0s" : Quantity.text(of: duration) }
}
