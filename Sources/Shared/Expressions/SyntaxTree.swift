import Telemetry

/// A checked expression: what the parser makes and the evaluator walks. Times are nanoseconds.
indirect enum Node: Sendable {
    case number(Double)
    case string(String)
    case selector(Selector)
    /// `selector[range]`
    case range(Selector, range: Int64)
    /// `expression[range:step]`
    case subquery(Subquery)
    case negated(Node)
    case call(Function, [Node])
    case aggregate(Aggregate)
    case binary(Binary)
}

/// `offset` and `@` of a selector or a subquery.
struct TimeShift: Sendable, Equatable {
    enum Anchor: Sendable, Equatable {
        case at(Int64), start, end
    }

    var offset: Int64 = 0
    var anchor: Anchor?
}

struct Selector: Sendable {
    var matchers: [LabelMatcher]
    var shift = TimeShift()
}

struct Subquery: Sendable {
    var inner: Node
    var range: Int64
    /// Nil: the default of the evaluation.
    var step: Int64?
    var shift = TimeShift()
}

struct Aggregate: Sendable {
    enum Operator: String, Sendable, CaseIterable {
        case sum, avg, min, max, count, group, stddev, stdvar, topk, bottomk, quantile
        case countValues = "count_values"

        /// The type of the parameter before the vector; nil: it takes none.
        var parameter: ExpressionType? {
            switch self {
            case .topk, .bottomk, .quantile: .scalar
            case .countValues: .string
            default: nil
            }
        }
    }

    let op: Operator
    let argument: Node
    let parameter: Node?
    /// True: all labels but `labels` and the metric name; false: only `labels`.
    let isWithout: Bool
    let labels: Set<String>
}

struct Binary: Sendable {
    enum Operator: String, Sendable, CaseIterable {
        case or, and, unless
        case equal = "=="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case modulo = "%"
        case atan2
        case power = "^"

        /// From 1, the loosest.
        var precedence: Int {
            switch self {
            case .or: 1
            case .and, .unless: 2
            case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: 3
            case .add, .subtract: 4
            case .multiply, .divide, .modulo, .atan2: 5
            case .power: 6
            }
        }

        var isSet: Bool { precedence <= 2 }
        var isComparison: Bool { precedence == 3 }
        var isArithmetic: Bool { precedence >= 4 }
    }

    /// Which elements of two vectors belong together.
    struct Matching: Sendable, Equatable {
        enum Cardinality: Sendable, Equatable { case oneToOne, manyToOne, oneToMany }

        /// True: only `labels` count; false: all but `labels` and the metric name.
        var isOn = false
        var labels: Set<String> = []
        var cardinality = Cardinality.oneToOne
        /// Labels of the one side that the results take over.
        var included: [String] = []
    }

    let op: Operator
    let left: Node
    let right: Node
    let returnsBool: Bool
    let matching: Matching
    let leftType: ExpressionType
    let rightType: ExpressionType
}
