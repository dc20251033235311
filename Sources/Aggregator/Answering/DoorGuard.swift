import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Operating
import Synchronization
import Telemetry

/// Stands before every handler: turns what is thrown into problem documents, reads refused bodies away, counts, and refuses web pages of
/// other sites.
struct DoorGuard: RouterMiddleware {
    typealias Context = DoorContext

    private let limits: BodyLimits
    private let counters: RequestCounters
    private let logger: Logger

    init(limits: BodyLimits, metrics: MetricsRegistry, logger: Logger) {
        (self.limits, counters, self.logger) = (limits, RequestCounters(metrics), logger)
    }

    @concurrent
    func handle(
        _ request: Request,
        context: DoorContext,
        next: @concurrent (Request, DoorContext) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            try refuseOtherSites(request)
            response = try await next(request, context)
            Self.protect(&response.headers)
            if hasBody(request), context.bodyUse.take() {
                // A body that nobody wanted, such as a GET's.
                let rest = await readAway(.malformed(""), request, context)
                if rest.closesConnection { close(&response, context) }
            }
        } catch {
            var problem = problem(of: error, request)
            if hasBody(request), context.bodyUse.take() { problem = await readAway(problem, request, context) }
            response = problem.response
            if problem.closesConnection { close(&response, context) }
        }
        // NIO's decoder reads nothing behind an offer of another protocol (h2c, as Java's client sends it): a connection that was kept open
        // would never answer again.
        if request.headers[.upgrade] != nil, response.status != .switchingProtocols, response.headers[.connection] == nil {
            close(&response, context)
        }
        count(response.status, endpoint: context.endpointPath ?? "none")
        return response
    }

    /// What every answer says to browsers and proxies, unless it says otherwise.
    static let protection = [HTTPField(name: .xContentTypeOptions, value: "nosniff"), HTTPField(name: .cacheControl, value: "no-store")]

    private static func protect(_ headers: inout HTTPFields) {
        for field in protection where !headers.contains(field.name) { headers.append(field) }
    }

    private func problem(of error: any Error, _ request: Request) -> Problem {
        switch error {
        case let problem as Problem:
            log(problem, path: request.uri.path)
            return problem
        case let error as HTTPError where error.status == .notFound:
            return .notFound("there is nothing at \(request.uri.path); docs/api.md lists what there is")
        case let error as HTTPError:
            return Problem(error.status, kind: "refused", title: error.status.reasonPhrase, detail: error.body ?? error.status.reasonPhrase)
        default:
            logger.error("a request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            return .failed("the request could not be answered; the aggregator's log says why")
        }
    }

    /// What an operator should hear of.
    func log(_ problem: Problem, path: String) {
        if problem.status.code == 500 {
            logger.error("a request failed", metadata: ["path": "\(path)", "error": "\(problem.detail)"])
        } else if problem.status.code == 503 {
            logger.warning("a request was put off; its sender comes again", metadata: ["path": "\(path)", "why": "\(problem.detail)"])
        }
    }

    /// A page of another site, open in the operator's browser, must not write into an aggregator on loopback that needs no token.
    private func refuseOtherSites(_ request: Request) throws(Problem) {
        guard request.method != .get, request.method != .head, let origin = request.headers[.origin] else { return }
        let host = request.head.authority ?? ""
        guard origin == "http://\(host)" || origin == "https://\(host)" else {
            throw .forbidden("a page of \(origin) may not change anything here")
        }
    }

    private func hasBody(_ request: Request) -> Bool {
        request.headers[.transferEncoding] != nil || (request.declaredLength ?? 0) > 0
    }

    private func readAway(_ problem: Problem, _ request: Request, _ context: DoorContext) async -> Problem {
        await BodyReader.refuse(problem, rest: request, limits: limits, context)
    }

    /// Ends the connection behind the answer: our side at once, the rest a second later, so that a client which still writes can read it.
    private func close(_ response: inout Response, _ context: DoorContext) {
        response.headers[.connection] = "close"
        let (body, channel) = (response.body, context.channel)
        response.body = ResponseBody(contentLength: body.contentLength) { writer in
            try await body.write(writer)
            channel.close(mode: .output, promise: nil)
            channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
        }
    }

    func count(_ status: HTTPResponse.Status, endpoint: String) { counters.count(status.code, endpoint: endpoint) }
}
