import Telemetry

/// What the selectors of a tree read over a frame: the same arithmetic lists it beforehand and reads it during the evaluation.
enum Reads {
    static func read(of selector: Selector, window: Int64, over inner: Frame, aspect: SampleAspect = .last) -> SelectorRead {
        SelectorRead(
            matchers: selector.matchers,
            from: Timestamp(nanoseconds: inner.first.saturatingSubtract(window)),
            to: Timestamp(nanoseconds: inner.last),
            aspect: aspect
        )
    }

    /// The moments of a subquery: whole multiples of its step, so that they do not move with the query's.
    static func steps(of subquery: Subquery, over inner: Frame, options: EvaluationOptions) throws(EvaluationError) -> Frame {
        let step = subquery.step ?? options.subqueryStep.wholeNanoseconds
        let from = inner.first.saturatingSubtract(subquery.range)
        var start = from / step * step
        if start < from { start = start.saturatingAdd(step) }
        let span = inner.last.saturatingSubtract(start)
        let count = span < 0 ? 0 : span / step + 1
        guard count <= options.limits.stepsMax else {
            throw .limit("a subquery of \(count) steps, more than \(options.limits.stepsMax) (limit stepsMax): write a longer step, as in [1d:5m]")
        }
        return Frame(start: start, step: step, count: Int(count))
    }

    static func collect(
        _ node: Node,
        over frame: Frame,
        outer: Frame,
        options: EvaluationOptions,
        aspect: SampleAspect = .last,
        into reads: inout [SelectorRead]
    ) throws(EvaluationError) {
        switch node {
        case .number, .string: break
        case .selector(let selector):
            reads.append(read(of: selector, window: options.lookback.wholeNanoseconds, over: frame.shifted(by: selector.shift, in: outer)))
        case .range(let selector, let range):
            reads.append(read(of: selector, window: range, over: frame.shifted(by: selector.shift, in: outer), aspect: aspect))
        case .subquery(let subquery):
            let steps = try steps(of: subquery, over: frame.shifted(by: subquery.shift, in: outer), options: options)
            if steps.count > 0 { try collect(subquery.inner, over: steps, outer: outer, options: options, into: &reads) }
        case .negated(let inner): try collect(inner, over: frame, outer: outer, options: options, into: &reads)
        case .call(let function, let arguments):
            for argument in arguments {
                try collect(argument, over: frame, outer: outer, options: options, aspect: function.aspect, into: &reads)
            }
        case .aggregate(let aggregate):
            if let parameter = aggregate.parameter { try collect(parameter, over: frame, outer: outer, options: options, into: &reads) }
            try collect(aggregate.argument, over: frame, outer: outer, options: options, into: &reads)
        case .binary(let binary):
            try collect(binary.left, over: frame, outer: outer, options: options, into: &reads)
            try collect(binary.right, over: frame, outer: outer, options: options, into: &reads)
        }
    }

    /// Every selector of the tree with how far before the moment of evaluation it looks, all ranges, offsets and subqueries together.
    static func selectors(
        of node: Node,
        options: EvaluationOptions,
        before: Int64 = 0,
        into found: inout [Expression.SelectorReach]
    ) {
        func reach(_ selector: Selector, _ window: Int64, isRange: Bool) {
            let total = before.saturatingAdd(window).saturatingAdd(max(0, selector.shift.offset))
            found.append(Expression.SelectorReach(matchers: selector.matchers, reach: .nanoseconds(total), isRange: isRange || before > 0))
        }
        switch node {
        case .number, .string: break
        case .selector(let selector): reach(selector, options.lookback.wholeNanoseconds, isRange: false)
        case .range(let selector, let range): reach(selector, range, isRange: true)
        case .subquery(let subquery):
            let further = before.saturatingAdd(subquery.range).saturatingAdd(max(0, subquery.shift.offset))
            selectors(of: subquery.inner, options: options, before: further, into: &found)
        case .negated(let inner): selectors(of: inner, options: options, before: before, into: &found)
        case .call(_, let arguments): for argument in arguments { selectors(of: argument, options: options, before: before, into: &found) }
        case .aggregate(let aggregate):
            if let parameter = aggregate.parameter { selectors(of: parameter, options: options, before: before, into: &found) }
            selectors(of: aggregate.argument, options: options, before: before, into: &found)
        case .binary(let binary):
            selectors(of: binary.left, options: options, before: before, into: &found)
            selectors(of: binary.right, options: options, before: before, into: &found)
        }
    }
}
