import Expressions
import Operating
import Telemetry

/// An alert's metric from what the agents sent: its rule's expression without the comparison, half an hour before it began and a little after.
struct MetricPictures: MetricPictureSource {
    let queries: any MetricQuerying
    let time: any TimeSource

    static let before = Duration.seconds(1800)
    static let after = Duration.seconds(300)
    static let points = 120
    /// A mail does not wait longer for its picture.
    static let patience = Duration.seconds(2)

    func curve(for alert: Alert) async -> MetricCurve? {
        await withTaskGroup(of: MetricCurve?.self) { group in
            group.addTask { await draw(alert) }
            group.addTask {
                try? await time.sleep(for: Self.patience)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }

    private func draw(_ alert: Alert) async -> MetricCurve? {
        let (subject, threshold) = Self.divided(alert.expression)
        let from = alert.activeAt.advanced(by: .zero - Self.before)
        let to = min(time.now(), alert.startsAt.advanced(by: Self.after))
        guard from < to else { return nil }
        let step = Duration.seconds(max(1, to.duration(since: from).components.seconds / Int64(Self.points)))
        guard case .matrix(let series)? = try? await queries.query(subject, from: from, to: to, step: step) else { return nil }
        let own = series.filter { Self.belongs($0.labels, to: alert.labels) }
        return own.isEmpty ? nil : MetricCurve(expression: subject, series: own, threshold: threshold, from: from, to: to)
    }

    /// Whether a series can be the alert's: where both have a label, it says the same.
    static func belongs(_ series: Labels, to alert: Labels) -> Bool {
        series.pairs.allSatisfy { pair in pair.name == Labels.metricName || alert[pair.name] == nil || alert[pair.name] == pair.value }
    }

    /// `rate(x[5m]) > 10` as what is measured and what it is compared with. An expression that does not end with a comparison with a number stays
    /// whole: what is left of its value while it holds is what there is to see.
    static func divided(_ text: String) -> (subject: String, threshold: Double?) {
        let bytes = Array(text.utf8)
        var (depth, quote, index) = (0, UInt8?.none, 0)
        var last: Range<Int>?
        while index < bytes.count {
            let byte = bytes[index]
            if let open = quote {
                if byte == UInt8(ascii: "\\"), open != UInt8(ascii: "`") { index += 1 } else if byte == open { quote = nil }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "`") {
                quote = byte
            } else if "([{".utf8.contains(byte) {
                depth += 1
            } else if ")]}".utf8.contains(byte) {
                depth -= 1
            } else if depth == 0, "<>=!".utf8.contains(byte) {
                let end = index + 1 < bytes.count && bytes[index + 1] == UInt8(ascii: "=") ? index + 2 : index + 1
                last = index..<end
                index = end - 1
            }
            index += 1
        }
        guard let last else { return (text, nil) }
        let left = String(decoding: bytes[..<last.lowerBound], as: UTF8.self)
        let right = String(decoding: bytes[last.upperBound...], as: UTF8.self).filter { !$0.isWhitespace }
        // A comparison binds tighter than these: it would be a part of the right side only.
        let joins = left.split(whereSeparator: \.isWhitespace).contains { ["and", "or", "unless"].contains($0.lowercased()) }
        guard !joins, let threshold = Double(right), let subject = try? Expression(parsing: left), subject.type == .vector else { return (text, nil) }
        return (left.trimmed, threshold)
    }
}

extension String {
    fileprivate var trimmed: String {
        let start = drop(while: \.isWhitespace)
        return String(start.reversed().drop(while: \.isWhitespace).reversed())
    }
}
