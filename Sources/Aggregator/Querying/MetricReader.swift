import Expressions
package import Operating
import ServiceLifecycle
package import Telemetry

/// PromQL over what the agents sent. Recent samples are held in memory, older ones are read from the log's blocks; what an expression will
/// read is loaded first, then it is evaluated without waiting.
package final class MetricReader: MetricQuerying {
    private let log: any LogCatalog
    private let limits: QueryLimits
    private let time: any TimeSource
    private let head: MetricHead

    package init(log: any LogCatalog, limits: QueryLimits = QueryLimits(), time: any TimeSource) {
        (self.log, self.limits, self.time) = (log, limits, time)
        head = MetricHead(log: log, limits: limits, time: time)
    }

    /// Keeps the head near the log's end, so that queries find it there. Without it they bring the head up to date by themselves.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let end = try? await self.log.end()
                let isCurrent: Void? = try? await self.head.catchUp()
                if isCurrent == nil {
                    // The log cannot be read now; queries say so themselves.
                    do { try await self.time.sleep(for: .seconds(5)) } catch { return }
                }
                await self.log.waitForBlocks(after: end ?? 0)
                // Several commits are taken together.
                do { try await self.time.sleep(for: .seconds(1)) } catch { return }
            }
        }
    }

    @concurrent
    package func query(_ text: String, at moment: Timestamp) async throws(QueryError) -> MetricAnswer {
        let expression = try parse(text)
        let (options, deadline) = options()
        let reads = try refusing { () throws(EvaluationError) in try expression.reads(at: moment, options: options) }
        let samples = try await load(reads, deadline: deadline)
        let value = try refusing { () throws(EvaluationError) in try expression.evaluate(at: moment, over: samples, options: options) }
        switch value {
        case .scalar(let point): return .scalar(point.value, at: point.timestamp)
        case .string(let text, let moment): return .string(text, at: moment)
        case .vector(let samples): return .vector(samples)
        case .matrix(let series): return .matrix(series.map { MetricPoints($0) })
        }
    }

    @concurrent
    package func query(_ text: String, from start: Timestamp, to end: Timestamp, step: Duration) async throws(QueryError) -> MetricAnswer {
        guard step.wholeNanoseconds > 0 else { throw .invalid("step=\(step): write a duration above zero, as 15s") }
        guard start <= end else { throw .invalid("start \(start) lies behind end \(end): exchange them") }
        let (span, overflow) = end.nanoseconds.subtractingReportingOverflow(start.nanoseconds)
        guard !overflow, span / step.wholeNanoseconds < Int64(limits.pointsMax) else {
            throw .invalid("more than \(limits.pointsMax) points a series: choose a longer step, or a shorter time")
        }
        let expression = try parse(text)
        let (options, deadline) = options()
        let reads = try refusing { () throws(EvaluationError) in try expression.reads(from: start, to: end, step: step, options: options) }
        let samples = try await load(reads, deadline: deadline)
        let series = try refusing { () throws(EvaluationError) in
            try expression.evaluateRange(from: start, to: end, step: step, over: samples, options: options)
        }
        return .matrix(series.map { MetricPoints($0) })
    }

    // MARK: Inside

    private func parse(_ text: String) throws(QueryError) -> Expression {
        do { return try Expression(parsing: text) } catch { throw .invalid(error.description) }
    }

    private func options() -> (EvaluationOptions, deadline: Duration) {
        let deadline = time.monotonic() + limits.metricTime
        var options = EvaluationOptions()
        options.limits.samplesMax = limits.samplesMax
        options.limits.stepsMax = limits.pointsMax
        options.shouldStop = { [time] in time.monotonic() > deadline || Task.isCancelled }
        return (options, deadline)
    }

    private func load(_ reads: [SelectorRead], deadline: Duration) async throws(QueryError) -> LoadedSamples {
        try await SampleLoader(log: log, head: head, limits: limits, time: time, deadline: deadline).load(reads)
    }

    private func refusing<Value>(_ body: () throws(EvaluationError) -> Value) throws(QueryError) -> Value {
        do { return try body() } catch {
            switch error {
            case .limit, .stopped: throw .limit(error.description)
            case .matching, .invalid: throw .invalid(error.description)
            case .source: throw .failed(error.description)
            }
        }
    }
}

extension MetricPoints {
    fileprivate init(_ series: SeriesSamples) {
        self.init(labels: series.series, points: series.points.map { Point($0.timestamp, $0.value) })
    }
}

extension MetricReader: Service {}
