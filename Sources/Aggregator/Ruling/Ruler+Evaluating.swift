import Expressions
import Logging
import Operating
import Rules
import Telemetry
import Wire

extension Ruler {
    /// One evaluation of a group: its rules one after the other, so that a rule sees what those before it have recorded.
    func evaluate(_ turn: RuleBook.Turn) async {
        let began = time.monotonic()
        let moment = turn.moment.advanced(by: .zero - config.delay)
        metrics.missed(turn.id, by: Int(clamping: turn.missed))
        var isChanged = false
        for (index, rule) in turn.rules.enumerated() {
            let started = time.monotonic()
            let result = await value(of: rule, at: moment)
            // A question that was broken off says nothing about its rule.
            guard !Task.isCancelled else { break }
            let outcome = book.take(result, of: index, in: turn, at: moment, took: time.monotonic() - started)
            metrics.evaluated(turn.id, by: 1)
            isChanged = isChanged || outcome.isChanged
            log(outcome, of: rule, in: turn)
            guard !outcome.samples.isEmpty else { continue }
            do throws(LogError) { try await samples.append(outcome.samples, receivedAt: time.now()) } catch {
                book.fail(index, in: turn, "what it records cannot be stored: \(error)")
                metrics.failed(turn.id, by: 1)
                logger.warning("a recorded series was not stored", metadata: ["rule": "\(rule.name)", "error": "\(error)"])
            }
        }
        ended(turn, took: time.monotonic() - began, isChanged: isChanged)
    }

    private func value(of rule: Rule, at moment: Timestamp) async -> Result<ExpressionValue, EvaluationError> {
        do throws(QueryError) {
            switch try await queries.query(rule.expression.text, at: moment) {
            case .scalar(let value, let at): return .success(.scalar(Point(at, value)))
            case .string(let text, let at): return .success(.string(text, at: at))
            case .vector(let samples): return .success(.vector(samples))
            // Refused when the rule was loaded.
            case .matrix: return .failure(.invalid("the expression is a range vector: write an instant vector, as in rate(x[5m]) > 0"))
            }
        } catch {
            switch error {
            case .invalid(let sentence): return .failure(.invalid(sentence))
            case .limit(let sentence): return .failure(.limit(sentence))
            case .failed(let sentence): return .failure(.source(sentence))
            }
        }
    }

    private func log(_ outcome: RuleBook.Outcome, of rule: Rule, in turn: RuleBook.Turn) {
        for change in outcome.changes where change.kind == .fired || change.kind == .resolved {
            logger.notice(
                change.kind == .fired ? "a rule's alert fires" : "a rule's alert is resolved",
                metadata: ["alert": "\(change.alert.labels)", "value": "\(change.alert.value)", "group": "\(turn.id.text)"]
            )
        }
        guard let failure = outcome.failure else { return }
        metrics.failed(turn.id, by: 1)
        logger.warning(
            "a rule has no result; its alerts stay as they are",
            metadata: ["rule": "\(rule.name)", "group": "\(turn.id.text)", "problem": "\(failure)"]
        )
    }
}
