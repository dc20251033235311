import HTTPTypes
package import Hummingbird
import NIOCore

/// Reads a request's body within its limits. Memory is bounded by `bytesMax` and by the budget shared with other requests.
package struct BodyReader: Sendable {
    package let limits: BodyLimits
    private let budget: BodyBudget

    package init(limits: BodyLimits, budget: BodyBudget) { (self.limits, self.budget) = (limits, budget) }

    /// The whole body, and the share of the budget that it holds: keep the share as long as the bytes, or what is made of them.
    ///
    /// Throws 413 when it is larger than the limit (the rest has been read and thrown away), 408 when it is too slow, 503 when all
    /// requests together hold too much, 400 when it ends early.
    package func read(_ request: Request, _ context: DoorContext) async throws(Problem) -> (bytes: [UInt8], share: BodyBudget.Share) {
        guard context.bodyUse.take() else { throw .failed("the body was read twice") }
        let share = budget.share()
        let declared = request.declaredLength
        if let declared, declared > limits.bytesMax {
            throw await Self.refuse(tooLarge, rest: request, limits: limits, context)
        }
        let deadline = Deadline(after: limits.duration, on: context.channel)
        defer { deadline.cancel() }
        var bytes = [UInt8]()
        var refusal: Problem?
        var discarding: Discarding?
        do {
            for try await buffer in request.body {
                if discarding != nil {
                    guard discarding?.pass(over: buffer.readableBytes) == true else { break }
                    continue
                }
                if bytes.count + buffer.readableBytes > limits.bytesMax {
                    refusal = tooLarge
                } else if !share.take(buffer.readableBytes) {
                    refusal = Self.crowded
                }
                guard refusal == nil else {
                    deadline.cancel()
                    discarding = Discarding(limits, on: context.channel)
                    discarding?.count(bytes.count + buffer.readableBytes)
                    bytes = []
                    continue
                }
                if bytes.isEmpty, let declared { bytes.reserveCapacity(declared) }
                bytes.append(contentsOf: buffer.readableBytesView)
            }
        } catch {
            discarding?.finish()
            if let refusal { throw refusal.closing }
            guard !deadline.isOver else {
                throw .tooSlow("the body did not arrive within \(limits.duration): send smaller bodies, or look at the network")
            }
            throw .malformed("the body ended early: \(bytes.count) bytes came")
        }
        let isReadToItsEnd = discarding?.finish() ?? true
        if let refusal { throw isReadToItsEnd ? refusal : refusal.closing }
        if deadline.isOver { throw .tooSlow("the body did not arrive within \(limits.duration): send smaller bodies, or look at the network") }
        if let declared, declared != bytes.count {
            throw .malformed("the body ended early: \(bytes.count) of \(declared) bytes came")
        }
        return (bytes, share)
    }

    /// The share of the budget that a body takes which is there already; nil when it is larger than the limit, or all requests together hold too much.
    package func share(of count: Int) -> BodyBudget.Share? {
        let share = budget.share()
        return count <= limits.bytesMax && share.take(count) ? share : nil
    }

    private var tooLarge: Problem {
        .tooLarge("the body is larger than \(limits.bytesMax) bytes (limits.body): split it into several requests; nothing was stored")
    }

    private static let crowded = Problem.unavailable(
        "all requests together hold as many bytes as this aggregator allows: try again; nothing was stored",
        retryAfter: .seconds(1)
    )

    /// For an answer that was decided without looking at the body: reads it and throws it away, within the limits.
    /// - Returns: the problem; with `closesConnection` when there was more to read than the limits allow.
    static func refuse(_ problem: Problem, rest request: Request, limits: BodyLimits, _ context: DoorContext) async -> Problem {
        // Who asks first and was not told to go on has not sent anything, and need not.
        if request.asksBeforeSending, !limits.invites(request) { return problem.closing }
        if let declared = request.declaredLength, declared > limits.discardedBytesMax { return problem.closing }
        var discarding = Discarding(limits, on: context.channel)
        do {
            for try await buffer in request.body {
                guard discarding.pass(over: buffer.readableBytes) else { break }
            }
        } catch {
            discarding.finish()
            return problem.closing
        }
        return discarding.finish() ? problem : problem.closing
    }
}

extension Request {
    /// `Content-Length`; nil for a body in chunks.
    var declaredLength: Int? { headers[.contentLength].flatMap { Int($0) } }

    /// RFC 9110 §10.1.1: the client waits for `100 Continue` before it sends the body. curl does so from 1 MiB on.
    package var asksBeforeSending: Bool { headers[.expect]?.lowercased() == "100-continue" }
}

extension BodyLimits {
    /// Whether a client that asks before sending is told to go on.
    package func invites(_ request: Request) -> Bool { (request.declaredLength ?? 0) <= bytesMax }
}

extension Problem {
    fileprivate var closing: Problem {
        var copy = self
        copy.closesConnection = true
        return copy
    }
}

/// Counts what is read and thrown away.
private struct Discarding {
    private let bytesMax: Int
    private let deadline: Deadline
    private var passed = 0

    init(_ limits: BodyLimits, on channel: any Channel) {
        bytesMax = limits.discardedBytesMax
        deadline = Deadline(after: limits.discardDuration, on: channel)
    }

    mutating func count(_ bytes: Int) { passed += bytes }

    /// False when enough was read.
    mutating func pass(over bytes: Int) -> Bool {
        passed += bytes
        return passed <= bytesMax && !deadline.isOver
    }

    /// True when the body came to its end within the limits.
    @discardableResult
    func finish() -> Bool {
        deadline.cancel()
        return passed <= bytesMax && !deadline.isOver
    }
}
