/// The functions, under their names in PromQL.
enum Function: String, Sendable, CaseIterable {
    case abs, absent, acos, acosh, asin, asinh, atan, atanh, ceil, changes, clamp, cos, cosh, deg, delta, deriv, exp, floor, hour, idelta, increase
    case irate, ln, log10, log2, minute, month, pi, rad, rate, resets, round, scalar, sgn, sin, sinh, sort, sqrt, tan, tanh, time, timestamp, vector
    case year
    case absentOverTime = "absent_over_time"
    case avgOverTime = "avg_over_time"
    case clampMax = "clamp_max"
    case clampMin = "clamp_min"
    case countOverTime = "count_over_time"
    case dayOfMonth = "day_of_month"
    case dayOfWeek = "day_of_week"
    case dayOfYear = "day_of_year"
    case daysInMonth = "days_in_month"
    case histogramQuantile = "histogram_quantile"
    case labelJoin = "label_join"
    case labelReplace = "label_replace"
    case lastOverTime = "last_over_time"
    case maxOverTime = "max_over_time"
    case minOverTime = "min_over_time"
    case predictLinear = "predict_linear"
    case presentOverTime = "present_over_time"
    case quantileOverTime = "quantile_over_time"
    case sortDescending = "sort_desc"
    case stddevOverTime = "stddev_over_time"
    case stdvarOverTime = "stdvar_over_time"
    case sumOverTime = "sum_over_time"

    /// Which number it wants of points that stand for several samples.
    var aspect: SampleAspect {
        switch self {
        case .rate, .increase, .irate, .resets, .maxOverTime: .maximum
        case .minOverTime: .minimum
        case .sumOverTime, .avgOverTime, .countOverTime: .sum
        default: .last
        }
    }

    struct Signature {
        let arguments: [ExpressionType]
        /// How many of the arguments must be given.
        let required: Int
        /// Whether the last argument may be repeated.
        let isVariadic: Bool
        let result: ExpressionType

        init(_ arguments: [ExpressionType], required: Int? = nil, isVariadic: Bool = false, result: ExpressionType = .vector) {
            (self.arguments, self.required) = (arguments, required ?? arguments.count)
            (self.isVariadic, self.result) = (isVariadic, result)
        }
    }

    var signature: Signature {
        switch self {
        case .time, .pi: Signature([], result: .scalar)
        case .scalar: Signature([.vector], result: .scalar)
        case .vector: Signature([.scalar])
        case .minute, .hour, .month, .year, .dayOfMonth, .dayOfWeek, .dayOfYear, .daysInMonth: Signature([.vector], required: 0)
        case .round: Signature([.vector, .scalar], required: 1)
        case .clamp: Signature([.vector, .scalar, .scalar])
        case .clampMin, .clampMax: Signature([.vector, .scalar])
        case .histogramQuantile: Signature([.scalar, .vector])
        case .labelReplace: Signature([.vector, .string, .string, .string, .string])
        case .labelJoin: Signature([.vector, .string, .string, .string], required: 3, isVariadic: true)
        case .predictLinear: Signature([.matrix, .scalar])
        case .quantileOverTime: Signature([.scalar, .matrix])
        case .rate, .irate, .increase, .delta, .idelta, .deriv, .changes, .resets, .absentOverTime, .avgOverTime, .countOverTime,
            .lastOverTime, .maxOverTime, .minOverTime, .presentOverTime, .stddevOverTime, .stdvarOverTime, .sumOverTime:
            Signature([.matrix])
        case .abs, .absent, .acos, .acosh, .asin, .asinh, .atan, .atanh, .ceil, .cos, .cosh, .deg, .exp, .floor, .ln, .log10, .log2, .rad, .sgn,
            .sin, .sinh, .sort, .sortDescending, .sqrt, .tan, .tanh, .timestamp:
            Signature([.vector])
        }
    }

    /// How a call looks, for error sentences.
    var usage: String {
        let signature = signature
        var words = signature.arguments.map { type in
            switch type {
            case .matrix: "v[5m]"
            case .vector: "v"
            case .scalar: "number"
            case .string: "\"text\""
            }
        }
        if signature.isVariadic { words.append("…") }
        return "\(rawValue)(\(words.joined(separator: ", ")))"
    }

    /// The known name that a mistyped one is nearest to; nil when none is near.
    static func nearest(to name: String) -> String? {
        let known = allCases.map(\.rawValue) + Aggregate.Operator.allCases.map(\.rawValue)
        let best = known.map { ($0, Spelling.distance(name.lowercased(), $0)) }.min { $0.1 < $1.1 }
        guard let best, best.1 <= 2, best.1 < name.count else { return nil }
        return best.0
    }
}

enum Spelling {
    /// Levenshtein's distance, of names of a few dozen characters.
    static func distance(_ a: String, _ b: String) -> Int {
        let (a, b) = (Array(a.utf8.prefix(64)), Array(b.utf8.prefix(64)))
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let substituted = diagonal + (x == y ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = Swift.min(substituted, diagonal + 1, row[j] + 1)
            }
        }
        return row[b.count]
    }
}
