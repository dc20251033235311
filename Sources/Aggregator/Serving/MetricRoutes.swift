import Answering
import HTTPTypes
import Hummingbird
import JSON
import Operating
import Telemetry

/// PromQL in Prometheus's HTTP interface: parameters, answers and errors are Prometheus's, so that Grafana and promtool can ask.
struct MetricRoutes: Sendable {
    private let querying: any MetricQuerying
    private let time: any TimeSource
    private let reader: BodyReader

    /// As in Prometheus.
    static let pointsMax = 11_000

    init(_ querying: any MetricQuerying, budget: BodyBudget, time: any TimeSource) {
        (self.querying, self.time) = (querying, time)
        reader = BodyReader(limits: .small, budget: budget)
    }

    var routes: [Route] {
        [HTTPRequest.Method.get, .post].flatMap { method in
            [
                Route(method, "/api/v1/query", .read) { request, context in await answered(request, context, instant) },
                Route(method, "/api/v1/query_range", .read) { request, context in await answered(request, context, range) },
            ]
        }
    }

    /// What Prometheus calls `errorType`, with the status that goes with it.
    private struct Failure: Error {
        var status: HTTPResponse.Status
        var type: String
        var detail: String

        static func badData(_ detail: String) -> Failure { Failure(status: .badRequest, type: "bad_data", detail: detail) }
    }

    private func answered(
        _ request: Request,
        _ context: DoorContext,
        _ question: (FormParameters) async throws(Failure) -> MetricAnswer
    ) async -> Response {
        do {
            let answer = try await question(try await parameters(request, context))
            return .json { json in
                json.beginObject()
                json.member("status", "success")
                json.key("data")
                json.answer(answer)
                json.endObject()
            }
        } catch {
            return .json(error.status) { json in
                json.beginObject()
                json.member("status", "error")
                json.member("errorType", error.type)
                json.member("error", error.detail)
                json.endObject()
            }
        }
    }

    /// The query string, and before it a form's body.
    private func parameters(_ request: Request, _ context: DoorContext) async throws(Failure) -> FormParameters {
        do {
            var parameters = FormParameters.none
            if request.method == .post {
                let (body, _) = try await reader.read(request, context)
                parameters = try FormParameters(String(decoding: body, as: UTF8.self))
            }
            parameters.append(contentsOf: try request.parameters())
            return parameters
        } catch {
            throw Failure(status: error.status, type: "bad_data", detail: error.detail)
        }
    }

    private func instant(_ parameters: FormParameters) async throws(Failure) -> MetricAnswer {
        let query = try expression(parameters)
        let at = try moment("time", parameters) ?? time.now()
        do { return try await querying.query(query, at: at) } catch { throw failure(error) }
    }

    private func range(_ parameters: FormParameters) async throws(Failure) -> MetricAnswer {
        let query = try expression(parameters)
        guard let start = try moment("start", parameters) else { throw .badData("the parameter start is missing") }
        guard let end = try moment("end", parameters) else { throw .badData("the parameter end is missing") }
        guard end >= start else { throw .badData("end timestamp must not be before start time") }
        guard let text = value("step", parameters), let step = StepDuration.parse(text), step > .zero else {
            throw .badData("the parameter step is missing, or is no duration above 0: write seconds (15) or a duration (15s)")
        }
        let points = end.duration(since: start).wholeNanoseconds / max(1, step.wholeNanoseconds)
        guard points < Self.pointsMax else {
            throw .badData("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)")
        }
        do { return try await querying.query(query, from: start, to: end, step: step) } catch { throw failure(error) }
    }

    private func expression(_ parameters: FormParameters) throws(Failure) -> String {
        guard let query = value("query", parameters) else { throw .badData("the parameter query is missing: write an expression, as query=up") }
        return query
    }

    private func moment(_ name: String, _ parameters: FormParameters) throws(Failure) -> Timestamp? {
        guard let text = value(name, parameters) else { return nil }
        guard let timestamp = FormParameters.timestamp(text) else {
            throw .badData("invalid parameter \"\(name)\": cannot parse \"\(text)\" to a valid timestamp")
        }
        return timestamp
    }

    /// Prometheus takes the first of several.
    private func value(_ name: String, _ parameters: FormParameters) -> String? { parameters.values(name).first { !$0.isEmpty } }

    private func failure(_ error: QueryError) -> Failure {
        switch error {
        case .invalid(let detail): .badData(detail)
        case .limit(let detail): Failure(status: .unprocessableContent, type: "execution", detail: detail)
        case .failed(let detail): Failure(status: .internalServerError, type: "internal", detail: detail)
        }
    }
}

extension JSONWriter {
    /// `{"resultType": …, "result": …}`.
    fileprivate mutating func answer(_ answer: MetricAnswer) {
        beginObject()
        switch answer {
        case .scalar(let value, let at):
            member("resultType", "scalar")
            key("result")
            point(at, MetricsRegistry.format(value))
        case .string(let text, let at):
            member("resultType", "string")
            key("result")
            point(at, text)
        case .vector(let samples):
            member("resultType", "vector")
            key("result")
            beginArray()
            for sample in samples {
                beginObject()
                key("metric")
                labels(sample.series)
                key("value")
                point(sample.timestamp, MetricsRegistry.format(sample.value))
                endObject()
            }
            endArray()
        case .matrix(let series):
            member("resultType", "matrix")
            key("result")
            beginArray()
            for series in series {
                beginObject()
                key("metric")
                labels(series.labels)
                key("values")
                beginArray()
                for value in series.points { point(value.timestamp, MetricsRegistry.format(value.value)) }
                endArray()
                endObject()
            }
            endArray()
        }
        endObject()
    }

    /// `[1435781451.781, "1"]`: seconds with milliseconds, and the value as text because JSON has no NaN and no infinity.
    private mutating func point(_ timestamp: Timestamp, _ value: String) {
        beginArray()
        double(Double(timestamp.milliseconds) / 1000)
        string(value)
        endArray()
    }
}
