import Expressions
import Telemetry
import TestSupport
import Testing

/// Our answers against those of a real Prometheus 2.42 (Fixtures/promql/make.py asked it), for some 350 expressions at three moments and over a range.
struct PrometheusComparisonTests {
    struct Question: Sendable, CustomTestStringConvertible {
        let expression: String
        /// Seconds; three of them for a range: start, end, step.
        let times: [Double]
        var isRefused = false
        var number: Double?
        /// In Prometheus's order.
        var vector: [(Labels, Double)] = []
        var matrix: [(Labels, [(Double, Double)])] = []
        var otherType: String?

        var isRange: Bool { times.count == 3 }
        var testDescription: String { "\(expression) at \(times)" }
    }

    static let folder = #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Fixtures/promql/"

    static let source: MemorySource = {
        var series: [SeriesSamples] = []
        for line in (TestFiles.read(folder + "data.txt") ?? "").split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 2)
            if words[0] == "S" {
                series.append(SeriesSamples(series: MemorySource.labels(words[1]), points: []))
            } else if let milliseconds = Int64(words[1]) {
                series[series.count - 1].points.append(Point(Timestamp(milliseconds: milliseconds), Double(words[2]) ?? .nan))
            }
        }
        return MemorySource(series)
    }()

    static let questions: [Question] = {
        var questions: [Question] = []
        for line in (TestFiles.read(folder + "answers.txt") ?? "").split(separator: "\n") {
            let kind = line.first
            let rest = line.dropFirst(2)
            func pair() -> (String, Double) {
                let space = rest.lastIndex(of: " ") ?? rest.startIndex
                return (String(rest[..<space]), Double(rest[rest.index(after: space)...]) ?? .nan)
            }
            let last = questions.count - 1
            switch kind {
            case "I":
                let words = rest.split(separator: " ", maxSplits: 1)
                questions.append(Question(expression: String(words[1]), times: [Double(words[0]) ?? 0]))
            case "R":
                let words = rest.split(separator: " ", maxSplits: 3)
                questions.append(Question(expression: String(words[3]), times: words[..<3].map { Double($0) ?? 0 }))
            case "E": questions[last].isRefused = true
            case "N": questions[last].number = Double(rest) ?? .nan
            case "T": questions[last].otherType = String(rest)
            case "V":
                let (labels, value) = pair()
                questions[last].vector.append((MemorySource.labels(labels), value))
            case "M": questions[last].matrix.append((MemorySource.labels(rest), []))
            case "P":
                let (time, value) = pair()
                questions[last].matrix[questions[last].matrix.count - 1].1.append((Double(time) ?? 0, value))
            default: break
            }
        }
        return questions
    }()

    /// What Prometheus 2.42 refuses and we take on purpose: seconds for a duration, as Prometheus 3, and a string in parentheses.
    static let newer: Set<String> = ["temperature offset 5", "((\"text\"))"]

    /// Sums in another order differ in the last digits.
    static func isClose(_ a: Double, _ b: Double) -> Bool {
        a == b || a.isNaN && b.isNaN || abs(a - b) <= 1e-11 * max(abs(a), abs(b))
    }

    /// What is wrong with our answer; nil when it is Prometheus's.
    static func difference(_ question: Question) -> String? {
        let time = { (seconds: Double) in Timestamp(milliseconds: Int64(seconds * 1000)) }
        do {
            let expression = try Expression(parsing: question.expression)
            if question.isRange {
                let answer = try expression.evaluateRange(
                    from: time(question.times[0]),
                    to: time(question.times[1]),
                    step: .seconds(question.times[2]),
                    over: source
                )
                if question.isRefused { return "Prometheus refuses it" }
                guard answer.map(\.series) == question.matrix.map(\.0).sorted(by: { $0.pairs.lexicographicallyPrecedes($1.pairs) }) else {
                    return "series \(answer.map(\.series)) instead of \(question.matrix.map(\.0))"
                }
                for (labels, points) in question.matrix {
                    let ours = answer.first { $0.series == labels }?.points ?? []
                    guard ours.map(\.timestamp) == points.map({ time($0.0) }) else {
                        return "\(labels): times \(ours.map(\.timestamp.seconds)) instead of \(points.map(\.0))"
                    }
                    for (our, their) in zip(ours, points) where !isClose(our.value, their.1) {
                        return "\(labels): \(our.value) instead of \(their.1) at \(their.0)"
                    }
                }
                return nil
            }
            let answer = try expression.evaluate(at: time(question.times[0]), over: source)
            if question.isRefused { return "Prometheus refuses it" }
            switch answer {
            case .scalar(let point): return question.number.map { isClose($0, point.value) } ?? false ? nil : "\(point.value) is wrong"
            case .string: return question.otherType == "string" ? nil : "is no string"
            case .matrix: return question.otherType == "matrix" ? nil : "is no matrix"
            case .vector(let samples):
                let isOrdered = question.expression.hasPrefix("sort")
                func sorted(_ all: [(Labels, Double)]) -> [(Labels, Double)] {
                    isOrdered ? all : all.sorted { $0.0.pairs.lexicographicallyPrecedes($1.0.pairs) }
                }
                let (ours, theirs) = (sorted(samples.map { ($0.series, $0.value) }), sorted(question.vector))
                guard question.number == nil, question.otherType == nil, ours.map(\.0) == theirs.map(\.0) else {
                    return "\(ours) instead of \(theirs)"
                }
                for (our, their) in zip(ours, theirs) where !isClose(our.1, their.1) { return "\(our) instead of \(their)" }
                return nil
            }
        } catch {
            return question.isRefused ? nil : "we refuse it: \(error)"
        }
    }

    @Test func `the fixtures are there`() {
        #expect(Self.source.series.count > 30)
        #expect(Self.questions.count > 1000)
    }

    @Test func `every answer is Prometheus's`() {
        for question in Self.questions where !Self.newer.contains(question.expression) {
            if let difference = Self.difference(question) { Issue.record("\(question.testDescription): \(difference)") }
        }
    }

    @Test func `loading the listed reads first gives the same answer as reading on the way`() throws {
        for question in Self.questions.filter({ !$0.isRefused && $0.isRange }) {
            let expression = try Expression(parsing: question.expression)
            let (from, to) = (Timestamp(milliseconds: Int64(question.times[0] * 1000)), Timestamp(milliseconds: Int64(question.times[1] * 1000)))
            let step = Duration.seconds(question.times[2])
            var answers: [SelectorRead: [SeriesSamples]] = [:]
            for read in try expression.reads(from: from, to: to, step: step) {
                answers[read] = try Self.source.select(read.matchers, from: read.from, to: read.to)
            }
            let loaded = try expression.evaluateRange(from: from, to: to, step: step, over: LoadedSamples(answers))
            let direct = try expression.evaluateRange(from: from, to: to, step: step, over: Self.source)
            #expect(loaded.map(\.series) == direct.map(\.series), "\(question.expression)")
        }
    }
}
