import Telemetry

/// Operands: numbers, strings, parentheses, selectors, calls, aggregations, and what may stand behind them.
extension Parser {
    mutating func postfix() throws(ParseError) -> Part {
        var part = try operand()
        while true {
            if current.isSymbol("[") {
                part = try range(of: part)
            } else if current.word == "offset" {
                part = try offset(of: part)
            } else if current.isSymbol("@") {
                part = try anchor(of: part)
            } else {
                return part
            }
        }
    }

    private mutating func operand() throws(ParseError) -> Part {
        let token = current
        let start = token.range.lowerBound
        switch token.kind {
        case .number(let value):
            advance()
            return Part(node: .number(value), type: .scalar, start: start, height: 1)
        case .duration(let duration):
            // As in Prometheus 3: a duration is its seconds.
            advance()
            return Part(node: .number(duration.inSeconds), type: .scalar, start: start, height: 1)
        case .string(let value):
            advance()
            return Part(node: .string(value), type: .string, start: start, height: 1)
        case .symbol("("):
            advance()
            var part = try expression(minPrecedence: 1)
            try expect(")", in: "the expression", write: "close the parenthesis, or put an operator before what stands here")
            part.start = start
            return part
        case .symbol("{"): return try selector(named: nil, start: start)
        case .identifier(let name): return try named(name, start: start)
        case .end: throw error("the expression ends where an operand belongs", write: "write a selector, a number or a function here")
        case .symbol: throw error("\(self.name(of: token)) where an operand belongs", write: "write a selector, a number or a function here")
        }
    }

    private mutating func named(_ name: String, start: Int) throws(ParseError) -> Part {
        let word = name.lowercased()
        if let op = Aggregate.Operator(rawValue: word) {
            let isGrouped = ["by", "without"].contains(peek(1).word ?? "") && peek(2).isSymbol("(")
            if peek(1).isSymbol("(") || isGrouped { return try aggregate(op, start: start) }
        }
        if peek(1).isSymbol("(") {
            guard let function = Function(rawValue: name) else {
                let near = Function.nearest(to: name).map { "did you mean \($0)?" }
                throw error("there is no function \"\(name)\"", write: near ?? "docs/promql.md lists the functions; a metric is not called")
            }
            return try call(function, start: start)
        }
        if word == "inf" || word == "nan" {
            advance()
            return Part(node: .number(word == "inf" ? .infinity : .nan), type: .scalar, start: start, height: 1)
        }
        advance()
        return try selector(named: name, start: start)
    }

    // MARK: Selectors

    private mutating func selector(named name: String?, start: Int) throws(ParseError) -> Part {
        var matchers: [LabelMatcher] = []
        if let name { matchers.append(LabelMatcher(Labels.metricName, equals: name)) }
        if take("{") {
            while !take("}") {
                let place = current.range.lowerBound
                let matcher = try self.matcher()
                if name != nil, matcher.name == Labels.metricName {
                    throw error("the metric name is given twice", write: "write it before the brace or as __name__, not both", at: place)
                }
                matchers.append(matcher)
                if take("}") { break }
                try expect(",", in: "the braces of a selector", write: "put a comma between matchers, and close with }")
            }
        }
        guard matchers.contains(where: { !$0.matches("") }) else {
            throw error(
                "the selector would read every series: each of its matchers also holds for an empty value",
                write: "name the metric, or demand one label that is not empty",
                at: start
            )
        }
        return Part(node: .selector(Selector(matchers: matchers)), type: .vector, start: start, height: 1)
    }

    private mutating func matcher() throws(ParseError) -> LabelMatcher {
        let label: String
        switch current.kind {
        case .identifier(let name) where !name.contains(":"): label = name
        case .string:
            throw error(
                "\(name(of: current)) where a label's name belongs",
                write: "write the name without quotation marks; metric names before the brace"
            )
        default: throw error("\(name(of: current)) where a label's name belongs", write: "write a matcher like device=\"sda\"")
        }
        advance()
        guard case .symbol(let symbol) = current.kind, let operation = LabelMatcher.Operation(rawValue: symbol) else {
            throw error("\(name(of: current)) after the label \"\(label)\"", write: "write one of = != =~ !~ and the value in quotation marks")
        }
        advance()
        let place = current.range.lowerBound
        guard case .string(let value) = current.kind else {
            throw error("\(name(of: current)) where the label's value belongs", write: "put the value into quotation marks: \(label)\(symbol)\"…\"")
        }
        advance()
        do { return try LabelMatcher(label, operation, value) } catch {
            throw self.error(error.description, write: "write a regular expression of RE2's language", at: place)
        }
    }

    // MARK: Behind an operand

    private mutating func duration(in place: String, isNegativeAllowed: Bool = false) throws(ParseError) -> Int64 {
        let start = current.range.lowerBound
        let isNegative = isNegativeAllowed && take("-")
        if isNegativeAllowed && !isNegative { _ = take("+") }
        let duration: Duration
        switch current.kind {
        case .duration(let value): duration = value
        // As in Prometheus 3: a number is seconds.
        case .number(let seconds) where seconds >= 0 && seconds <= ExpressionLimits.durationMax.inSeconds: duration = .seconds(seconds)
        default: throw error("\(name(of: current)) where a duration belongs in \(place)", write: "write a duration like 5m or 1h30m")
        }
        guard duration > .zero || isNegativeAllowed else {
            throw error("a duration of 0 in \(place)", write: "write one longer than 0, like 5m", at: start)
        }
        advance()
        return isNegative ? -duration.wholeNanoseconds : duration.wholeNanoseconds
    }

    private mutating func range(of part: Part) throws(ParseError) -> Part {
        let start = current.range.lowerBound
        advance()
        let range = try duration(in: "the brackets of a range")
        var result = part
        if take(":") {
            guard part.type == .vector else {
                let remedy = part.type == .scalar ? "write vector(…) around the number" : "a subquery runs over an instant vector"
                throw error("a subquery over \(part.type.phrase)", write: remedy, at: start)
            }
            let step = current.isSymbol("]") ? nil : try duration(in: "a subquery's step")
            result.node = .subquery(Subquery(inner: part.node, range: range, step: step))
        } else {
            guard case .selector(let selector) = part.node, part.type == .vector else {
                let remedy = part.type == .vector ? "write [\(PromDuration.text(.nanoseconds(range))):] for a subquery" : "remove the range"
                throw error("a range behind what is not a selector", write: remedy, at: start)
            }
            guard selector.shift == TimeShift() else {
                throw error("a range behind offset or @", write: "write the range first: x[5m] offset 1h", at: start)
            }
            result.node = .range(selector, range: range)
        }
        try expect("]", in: "a range", write: "close the range with ]")
        result.type = .matrix
        return try grown(result, by: 1)
    }

    private mutating func offset(of part: Part) throws(ParseError) -> Part {
        let start = current.range.lowerBound
        advance()
        let offset = try duration(in: "offset", isNegativeAllowed: true)
        return try shifted(part, at: start) { shift in
            guard shift.offset == 0 else { return "offset is given twice" }
            shift.offset = offset
            return nil
        }
    }

    private mutating func anchor(of part: Part) throws(ParseError) -> Part {
        let start = current.range.lowerBound
        advance()
        let anchor: TimeShift.Anchor
        if let word = current.word, word == "start" || word == "end", peek(1).isSymbol("("), peek(2).isSymbol(")") {
            for _ in 0..<3 { advance() }
            anchor = word == "start" ? .start : .end
        } else {
            let isNegative = take("-")
            if !isNegative { _ = take("+") }
            guard case .number(let seconds) = current.kind, let time = Timestamp(seconds: isNegative ? -seconds : seconds) else {
                throw error("\(name(of: current)) where a time belongs behind @", write: "write seconds since 1970, start() or end()")
            }
            advance()
            anchor = .at(time.nanoseconds)
        }
        return try shifted(part, at: start) { shift in
            guard shift.anchor == nil else { return "@ is given twice" }
            shift.anchor = anchor
            return nil
        }
    }

    private func shifted(_ part: Part, at start: Int, _ change: (inout TimeShift) -> String?) throws(ParseError) -> Part {
        var (part, problem): (Part, String?) = (part, nil)
        switch part.node {
        case .selector(var selector):
            problem = change(&selector.shift)
            part.node = .selector(selector)
        case .range(var selector, let range):
            problem = change(&selector.shift)
            part.node = .range(selector, range: range)
        case .subquery(var subquery):
            problem = change(&subquery.shift)
            part.node = .subquery(subquery)
        default: problem = "offset and @ belong behind a selector or a subquery"
        }
        if let problem { throw error(problem, write: "write it once, right behind the selector: x[5m] offset 1h", at: start) }
        return part
    }
}
