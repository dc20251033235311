import JSON
import Telemetry

/// The body of `POST /api/v2/alerts` as Alertmanager reads it: `[{labels, annotations, startsAt, endsAt, generatorURL}, …]`. Pure.
///
/// An alert whose end is ahead fires until then; one without an end fires until it was not sent again for `resolveTimeout`; one whose end has
/// passed is over. Good alerts are taken although others are bad.
struct AlertReader {
    private(set) var alerts: [Alert] = []
    /// What is wrong with the others, with their index.
    private(set) var problems: [String] = []
    private let now: Timestamp
    private let resolveTimeout: Duration

    init(_ list: [JSON], now: Timestamp, resolveTimeout: Duration) {
        (self.now, self.resolveTimeout) = (now, resolveTimeout)
        for (index, item) in list.enumerated() {
            do throws(Malformed) { alerts.append(try alert(item)) } catch { problems.append("alert \(index): \(error.detail)") }
        }
    }

    private struct Malformed: Error {
        var detail: String
    }

    private func alert(_ item: JSON) throws(Malformed) -> Alert {
        guard item.members != nil else { throw Malformed(detail: "an alert is a JSON object with labels") }
        var labels = try labels(item["labels"], "labels")
        let annotations = try annotations(item["annotations"])
        guard !labels.isEmpty else { throw Malformed(detail: "at least one label pair is required") }
        // Agents' alerts carry this job: what others send under their labels must not be taken for theirs.
        if labels["job"] == Self.ownJob {
            let moved = labels.removing(["job"])
            labels = moved[Self.movedJob] == nil ? moved.setting(Self.movedJob, to: Self.ownJob) : moved
        }
        let (start, end) = (try moment(item, "startsAt"), try moment(item, "endsAt"))
        // As Alertmanager fills in what is missing.
        let startsAt = start ?? min(end ?? now, now)
        let endsAt = end ?? now.advanced(by: resolveTimeout)
        if let end, end < startsAt { throw Malformed(detail: "endsAt \(end) is before startsAt \(startsAt)") }
        return Alert(
            labels: labels,
            annotations: annotations,
            state: endsAt <= now ? .resolved : .firing,
            activeAt: startsAt,
            startsAt: startsAt,
            endsAt: endsAt,
            value: 0,
            updatedAt: now,
            expression: try text(item, "generatorURL") ?? ""
        )
    }

    /// The job of everything that agents send, and the label under which another one's goes on.
    private static let ownJob = "tocsin"
    private static let movedJob = "exported_job"

    private func labels(_ value: JSON?, _ name: String) throws(Malformed) -> Labels {
        guard let value, !value.isNull else { return .empty }
        guard let members = value.members else { throw Malformed(detail: "\(name) is not a JSON object") }
        var (pairs, bytes): ([Label], Int) = ([], 0)
        for member in members {
            guard let text = member.value.string else { throw Malformed(detail: "the value of \(name).\(member.key.prefix(60)) is not a string") }
            guard Self.isName(member.key) else {
                throw Malformed(detail: "\"\(member.key.prefix(60))\" is no name in \(name): write letters, digits and _, not beginning with a digit")
            }
            pairs.append(Label(member.key, text))
            bytes += member.key.utf8.count + text.utf8.count
        }
        if name == "labels", pairs.count > ReceivingLimits.alertLabelsMax || bytes > ReceivingLimits.alertLabelBytesMax {
            throw Malformed(
                detail: "\(pairs.count) labels of \(bytes) bytes are over the limit of \(ReceivingLimits.alertLabelsMax) labels and "
                    + "\(ReceivingLimits.alertLabelBytesMax) bytes"
            )
        }
        return Labels(pairs)
    }

    private func annotations(_ value: JSON?) throws(Malformed) -> Labels { try labels(value, "annotations") }

    private static func isName(_ text: String) -> Bool {
        func isLetter(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "_") || (65...90).contains(byte) || (97...122).contains(byte) }
        guard let first = text.utf8.first, isLetter(first) else { return false }
        return text.utf8.allSatisfy { isLetter($0) || (48...57).contains($0) }
    }

    private func moment(_ item: JSON, _ name: String) throws(Malformed) -> Timestamp? {
        // What Go writes for a time that is not set.
        guard let text = try text(item, name), !text.hasPrefix("0001-01-01T00:00:00") else { return nil }
        guard let moment = Timestamp(rfc3339: text) else { throw Malformed(detail: "\(name) \"\(text.prefix(60))\" is not a time; write RFC 3339") }
        return moment
    }

    private func text(_ item: JSON, _ name: String) throws(Malformed) -> String? {
        guard let value = item[name], !value.isNull else { return nil }
        guard let text = value.string else { throw Malformed(detail: "\(name) is not a string") }
        return text.isEmpty ? nil : text
    }
}
