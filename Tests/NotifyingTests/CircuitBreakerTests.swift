import Telemetry
import Testing

@testable import Notifying

@Suite struct CircuitBreakerTests {
    private let settings = OutboxConfig(breakerFailures: 3, breakerWaitMax: .seconds(20))

    private func opened() -> CircuitBreaker {
        var breaker = CircuitBreaker()
        for _ in 0..<3 { _ = breaker.fail("HTTP 500", at: Sample.at(0), askedToWait: nil, settings: settings) }
        return breaker
    }

    @Test func `it opens at the failure that is one too many, and says so once`() {
        var breaker = CircuitBreaker()
        let opens = (0..<4).map { _ in breaker.fail("no", at: Sample.at(0), askedToWait: nil, settings: settings) }
        #expect(opens == [false, false, true, false])
        #expect(breaker.state == .open(until: Sample.at(5)))
        #expect(breaker.downSince == Sample.at(0))
        #expect(breaker.allowance(at: Sample.at(4), free: 2) == 0)
    }

    @Test func `one probe at a time, at twice the distance each, up to the longest`() {
        var breaker = opened()
        var waits: [Duration] = []
        var now = Sample.at(5)
        for _ in 0..<4 {
            #expect(breaker.allowance(at: now, free: 2) == 1)
            breaker.begin()
            #expect(breaker.state == .halfOpen)
            #expect(breaker.allowance(at: now, free: 2) == 0)
            #expect(breaker.earliest(now) == nil)
            let opens = breaker.fail("no", at: now, askedToWait: nil, settings: settings)
            #expect(!opens)
            guard case .open(let until) = breaker.state else { return }
            waits.append(until.duration(since: now))
            now = until
        }
        #expect(waits == [.seconds(10), .seconds(20), .seconds(20), .seconds(20)])
        #expect(breaker.downSince == Sample.at(0))
    }

    @Test func `an answer closes it, a refusal too, and failures are counted from 0`() {
        var breaker = opened()
        breaker.begin()
        breaker.answer()
        #expect(breaker.state == .closed)
        #expect(breaker.failuresInARow == 0)
        #expect(breaker.downSince == nil)
        var refused = opened()
        refused.answer("HTTP 404")
        #expect(refused.isClosed)
        #expect(refused.lastReply == "HTTP 404")
    }

    @Test func `a provider that asks for time gets it, up to an hour`() {
        var breaker = CircuitBreaker()
        for _ in 0..<3 { _ = breaker.fail("HTTP 429", at: Sample.at(0), askedToWait: .seconds(90), settings: settings) }
        #expect(breaker.state == .open(until: Sample.at(90)))
        breaker.begin()
        _ = breaker.fail("HTTP 429", at: Sample.at(90), askedToWait: .seconds(86_400), settings: settings)
        #expect(breaker.state == .open(until: Sample.at(90 + 3600)))
    }

    @Test func `after a restart a channel that was down is probed at once and still counts as down`() {
        let breaker = CircuitBreaker(downSince: Sample.at(-500), lastReply: "no", at: Sample.at(0))
        #expect(breaker.allowance(at: Sample.at(0), free: 2) == 1)
        #expect(breaker.downSince == Sample.at(-500))
        #expect(!breaker.isClosed)
    }

    @Test func `a probe that we cut short ourselves is made again`() {
        var breaker = opened()
        breaker.begin()
        breaker.putBack(at: Sample.at(6))
        #expect(breaker.allowance(at: Sample.at(6), free: 2) == 1)
    }
}
