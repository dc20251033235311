import Expressions
package import Operating
package import Sealing
import ServiceLifecycle
import Synchronization
package import Telemetry

/// PromQL over what the agents sent. Samples that are not sealed are held in memory, older ones are read from sealed blocks; what an expression will
/// read is loaded first, then it is evaluated without waiting.
package final class MetricReader: MetricQuerying {
    private let log: any LogBrowsing
    private let limits: QueryLimits
    private let time: any TimeSource
    private let head: MetricHead
    private let cache: SealedSampleCache
    /// Questions are spread over them.
    private let threads: [LoadingThread]
    private let questions = Atomic<UInt>(0)

    package init(log: any LogBrowsing, limits: QueryLimits = QueryLimits(), time: any TimeSource) {
        (self.log, self.limits, self.time) = (log, limits, time)
        head = MetricHead(samplesMax: limits.headSamplesMax, seriesMax: limits.headSeriesMax)
        cache = SealedSampleCache(bytesMax: limits.sampleCacheBytes)
        threads = (0..<limits.metricThreads).map { _ in LoadingThread() }
    }

    /// Keeps the head near the log's end, so that queries find it there. Without it they bring the head up to date by themselves.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let catalog = self.log.catalog()
                await self.threads[0].update(self.head, with: catalog)
                await self.log.waitForBlocks(after: catalog.end)
                // Several commits are taken together.
                do { try await self.time.sleep(for: .seconds(1)) } catch { return }
            }
        }
    }

    @concurrent
    package func query(_ text: String, at moment: Timestamp) async throws(QueryError) -> MetricAnswer {
        let expression = try parse(text)
        var (options, deadline) = options()
        let samples = try await load(&options, deadline) { options throws(EvaluationError) in try expression.reads(at: moment, options: options) }
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
        var (options, deadline) = options()
        let samples = try await load(&options, deadline) { options throws(EvaluationError) in
            try expression.reads(from: start, to: end, step: step, options: options)
        }
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
        options.limits.samplesMax = limits.valuesMax
        options.limits.stepsMax = limits.pointsMax
        options.shouldStop = { [time] in time.monotonic() > deadline || Task.isCancelled }
        return (options, deadline)
    }

    private func load(
        _ options: inout EvaluationOptions,
        _ deadline: Duration,
        _ list: (EvaluationOptions) throws(EvaluationError) -> [SelectorRead]
    ) async throws(QueryError) -> LoadedSamples {
        let catalog = log.catalog()
        var reads = try refusing { () throws(EvaluationError) in try list(options) }
        // Where samples are rolled up by the hour the value of a moment is up to an hour old.
        let isRolledUp = catalog.sealed.contains { block in
            block.kind == .samples && block.resolution == .hour && reads.contains { $0.from <= block.to && $0.to >= block.from }
        }
        if isRolledUp {
            options.lookback += .nanoseconds(Resolution.hour.nanoseconds)
            reads = try refusing { () throws(EvaluationError) in try list(options) }
        }
        let loader = SampleLoader(head: head, cache: cache, limits: limits, time: time, deadline: deadline)
        let thread = threads[Int(questions.wrappingAdd(1, ordering: .relaxed).newValue % UInt(threads.count))]
        let loaded = try await thread.load(reads, from: catalog, with: loader)
        for (block, detail) in loaded.damaged { await log.setAside(block, detail: detail) }
        return loaded.samples
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
