import Telemetry

/// A metric around the moment, drawn: the curve, the rule's threshold (red) and the alert's beginning (orange), with the values and times at the edges.
/// Pure: the same curve gives the same bytes.
struct MetricPicture {
    static let width = 560
    static let height = 180

    let png: [UInt8]
    /// The same in words, for whoever sees no pictures.
    let words: String

    /// Nil when there are fewer than two points to draw.
    init?(_ curve: MetricCurve, alert: Alert) {
        let series = curve.series.prefix(Colour.series.count).map { points in
            points.points.filter { $0.value.isFinite && $0.timestamp >= curve.from && $0.timestamp <= curve.to }
        }
        let values = series.joined().map(\.value)
        guard values.count >= 2, curve.from < curve.to, let least = values.min(), let most = values.max() else { return nil }
        let threshold = curve.threshold.flatMap { $0.isFinite ? $0 : nil }
        var scale = Scale(from: curve.from, to: curve.to, least: min(least, threshold ?? least), most: max(most, threshold ?? most))
        scale.widen()

        var canvas = Canvas(width: MetricPicture.width, height: MetricPicture.height)
        let frame = Scale.frame
        for row in 0...4 {
            let y = frame.top + (frame.bottom - frame.top) * row / 4
            canvas.line(frame.left, y, frame.right, y, .grid)
            let value = scale.most - (scale.most - scale.least) / 4 * Double(row)
            let text = MetricPicture.short(value)
            canvas.text(text, right: frame.left - 4, y: y - 5, .ink)
        }
        canvas.line(frame.left, frame.top, frame.left, frame.bottom, .ink)
        canvas.line(frame.left, frame.bottom, frame.right, frame.bottom, .ink)
        for (moment, alignment) in [(curve.from, 0), (curve.to, 2)] {
            let text = MetricPicture.clock(moment)
            let x = scale.x(moment)
            canvas.text(text, right: alignment == 0 ? x + Canvas.width(of: text) : x, y: frame.bottom + 6, .ink)
        }
        if let threshold { canvas.dashes(frame.left, frame.right, y: scale.y(threshold), .red) }
        if alert.startsAt >= curve.from, alert.startsAt <= curve.to {
            let x = scale.x(alert.startsAt)
            canvas.line(x, frame.top, x, frame.bottom, .orange)
        }
        for (points, colour) in zip(series, Colour.series) {
            let gap = scale.gap(of: points)
            for (a, b) in zip(points, points.dropFirst()) {
                // Where nothing was measured for long there is no line.
                guard b.timestamp.duration(since: a.timestamp) <= gap else { continue }
                canvas.line(scale.x(a.timestamp), scale.y(a.value), scale.x(b.timestamp), scale.y(b.value), colour, isThick: true)
            }
        }
        png = PNG.encode(canvas.pixels, width: canvas.width, height: canvas.height, palette: Colour.allCases.map(\.rgb))
        let limit = threshold.map { ", compared with \(MetricPicture.short($0))" } ?? ""
        words =
            "\(OneLine.of(curve.expression, charactersMax: 200)): \(MetricPicture.short(least)) to \(MetricPicture.short(most))\(limit), "
            + "from \(curve.from) to \(curve.to)"
    }

    /// `0`, `12.5`, `1.2k`, `3.4M`, `5e-7`: at most six characters or so.
    static func short(_ value: Double) -> String {
        let magnitude = value.magnitude
        guard magnitude.isFinite else { return "-" }
        if magnitude == 0 { return "0" }
        for (factor, suffix) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] where magnitude >= factor * 0.9995 {
            return magnitude >= factor * 1e4 ? scientific(value) : decimal(value / factor) + suffix
        }
        return magnitude >= 0.001 ? decimal(value) : scientific(value)
    }

    private static func decimal(_ value: Double) -> String {
        let places: Double = value.magnitude >= 100 ? 1 : value.magnitude >= 10 ? 10 : value.magnitude >= 0.9995 ? 100 : 10_000
        let rounded = (value * places).rounded() / places
        return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
    }

    private static func scientific(_ value: Double) -> String {
        var (mantissa, exponent) = (value, 0)
        while mantissa.magnitude >= 10 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
        while mantissa.magnitude < 1, exponent > -330 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
        return "\(decimal((mantissa * 10).rounded() / 10))e\(exponent)"
    }

    /// `14:05:09`, UTC.
    private static func clock(_ moment: Timestamp) -> String {
        let second = Int(((moment.nanoseconds / 1_000_000_000) % 86_400 + 86_400) % 86_400)
        return [second / 3600, second / 60 % 60, second % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
    }
}

/// From times and values to pixels.
private struct Scale {
    static let frame = (left: 62, top: 10, right: MetricPicture.width - 12, bottom: MetricPicture.height - 24)

    var from: Timestamp
    var to: Timestamp
    var least: Double
    var most: Double

    /// A flat line stands in the middle, and none runs along the edge.
    mutating func widen() {
        let room = most > least ? (most - least) * 0.05 : max(most.magnitude * 0.1, 1)
        // Zero is an edge of its own.
        (least, most) = (least >= 0 && least - room < 0 && most > least ? 0 : least - room, most + room)
        if !least.isFinite || !most.isFinite { (least, most) = (-Double.greatestFiniteMagnitude / 4, Double.greatestFiniteMagnitude / 4) }
    }

    /// More than a twentieth of the whole without a point is a hole, unless points are that far apart anyway.
    func gap(of points: [MetricPoints.Point]) -> Duration {
        let steps = zip(points, points.dropFirst()).map { $1.timestamp.nanoseconds - $0.timestamp.nanoseconds }.sorted()
        let usual = steps.isEmpty ? 0 : steps[steps.count / 2]
        return .nanoseconds(max(1, (to.nanoseconds - from.nanoseconds) / 20, 3 * usual))
    }

    func x(_ moment: Timestamp) -> Int {
        let share = Double(moment.nanoseconds - from.nanoseconds) / Double(to.nanoseconds - from.nanoseconds)
        return Scale.frame.left + Int((share * Double(Scale.frame.right - Scale.frame.left)).rounded())
    }

    func y(_ value: Double) -> Int {
        let share = min(1, max(0, (value / 2 - least / 2) / (most / 2 - least / 2)))
        return Scale.frame.bottom - Int((share * Double(Scale.frame.bottom - Scale.frame.top)).rounded())
    }
}
