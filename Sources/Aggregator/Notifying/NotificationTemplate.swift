import JSON
import Telemetry

/// Alertmanager's templates for mails, webhooks' headers and bodies, in the subset that most of them use; everything is checked when it is read.
///
///     {{ .Status | toUpper }}  {{ .Receiver }}  {{ .ExternalURL }}  {{ .AcknowledgeURL }}  {{ .GroupKey }}
///     {{ .GroupLabels.alertname }}  {{ .CommonLabels.host }}  {{ .CommonAnnotations.summary }}
///     {{ .Alerts | len }}  {{ .Alerts.Firing | len }}  {{ .Alerts.Resolved | len }}
///     {{ range .Alerts.Firing }} {{ .Labels.host }} {{ .Annotations.summary }} {{ .Status }} {{ .StartsAt }} {{ .EndsAt }}
///         {{ .GeneratorURL }} {{ .Fingerprint }} {{ $.Status }} {{ end }}
///     {{ template "name" . }}  {{ template "name" .Alerts.Firing }}
///     {{ if eq .Status "firing" }} … {{ else }} … {{ end }}   {{ if .CommonLabels.host }} … {{ end }}   {{ "text" }}   {{/* a comment */}}
///
/// Functions: `toUpper`, `toLower`, `len`, `eq`, `ne`, `not`. `{{-` and `-}}` take away the blanks beside them. A label that is not there is
/// empty.
package struct NotificationTemplate: Sendable {
    /// What is wrong with a template, and what can stand there.
    package struct Malformed: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    package let source: String
    private let nodes: [TemplateNode]

    package init(_ source: String) throws(Malformed) { try self.init(source, library: .builtIn) }

    /// - Parameter library: what `{{ template "name" . }}` may name.
    init(_ source: String, library: TemplateLibrary) throws(Malformed) {
        guard source.utf8.count <= NotifyingLimits.templateBytesMax else {
            throw Malformed(description: "the template is longer than \(NotifyingLimits.templateBytesMax) bytes")
        }
        self.source = source
        var parser = try TemplateParser(source, library: library)
        nodes = try parser.parse()
    }

    /// Why a template that was read cannot be used for this notification.
    enum Unusable: Error, Sendable, Hashable, CustomStringConvertible {
        case tooLong
        case notJSON(String)

        var description: String {
            switch self {
            case .tooLong: "it makes more than \(NotifyingLimits.renderedBytesMax) bytes"
            case .notJSON(let detail): "what it makes is no JSON: \(detail)"
            }
        }
    }

    /// - Parameter escape: what becomes of each value before it is put into the text (HTML needs it, plain text does not).
    func render(_ notification: Notification, externalURL: String, escape: (String) -> String = { $0 }) throws(Unusable) -> String {
        let context = TemplateContext(notification: notification, externalURL: externalURL)
        var output = ""
        context.render(nodes, dot: nil, into: &output, escape: escape)
        guard output.utf8.count < NotifyingLimits.renderedBytesMax else { throw .tooLong }
        return output
    }

    /// A JSON text: values are written as JSON writes them inside a string, so that no label can end it.
    func renderJSON(_ notification: Notification, externalURL: String) -> Result<[UInt8], Unusable> {
        do throws(Unusable) {
            let text = try render(notification, externalURL: externalURL, escape: NotificationTemplate.insideString)
            do { _ = try JSON.parse(text) } catch { throw .notJSON(error.description) }
            return .success(Array(text.utf8))
        } catch {
            return .failure(error)
        }
    }

    private static func insideString(_ text: String) -> String {
        var writer = JSONWriter(reserving: text.utf8.count + 2)
        writer.string(text)
        return String(writer.text.dropFirst().dropLast())
    }
}

enum TemplateNode: Sendable {
    case text(String)
    case value(TemplateExpression)
    case range(TemplateExpression, body: [TemplateNode], otherwise: [TemplateNode])
    case condition(TemplateExpression, body: [TemplateNode], otherwise: [TemplateNode])
}

/// A pipeline: the last operand of each function is what came before it.
indirect enum TemplateExpression: Sendable {
    case literal(String)
    case root(RootField)
    case alert(AlertField)
    case call(Function, [TemplateExpression])

    enum Function: String, CaseIterable { case toUpper, toLower, len, eq, ne, not }

    enum RootField: Sendable {
        case status, receiver, externalURL, acknowledgeURL, groupKey, alerts, firing, resolved
        case groupLabel(String)
        case commonLabel(String)
        case commonAnnotation(String)
    }

    enum AlertField: Sendable {
        case status, startsAt, endsAt, generatorURL, fingerprint
        case label(String)
        case annotation(String)
    }

    /// Whether it is a list of alerts rather than a text.
    var isList: Bool {
        if case .root(let field) = self {
            switch field {
            case .alerts, .firing, .resolved: return true
            default: return false
            }
        }
        return false
    }
}

/// Puts a notification's values in.
struct TemplateContext {
    private let notification: Notification
    private let externalURL: String
    private let commonLabels: Labels
    private let commonAnnotations: Labels

    init(notification: Notification, externalURL: String) {
        (self.notification, self.externalURL) = (notification, externalURL)
        (commonLabels, commonAnnotations) = (notification.commonLabels, notification.commonAnnotations)
    }

    func render(_ nodes: [TemplateNode], dot: Alert?, into output: inout String, escape: (String) -> String) {
        for node in nodes {
            // Bounded: the caller sees that it is too long.
            guard output.utf8.count < NotifyingLimits.renderedBytesMax else { return }
            switch node {
            case .text(let text): output += text
            case .value(let expression): output += escape(text(of: expression, dot: dot))
            case .condition(let expression, let body, let otherwise):
                render(isTrue(expression, dot: dot) ? body : otherwise, dot: dot, into: &output, escape: escape)
            case .range(let expression, let body, let otherwise):
                let alerts = list(of: expression)
                for alert in alerts { render(body, dot: alert, into: &output, escape: escape) }
                if alerts.isEmpty { render(otherwise, dot: dot, into: &output, escape: escape) }
            }
        }
    }

    private func list(of expression: TemplateExpression) -> [Alert] {
        guard case .root(let field) = expression else { return [] }
        return switch field {
        case .firing: notification.firing
        case .resolved: notification.resolved
        default: notification.alerts
        }
    }

    private func isTrue(_ expression: TemplateExpression, dot: Alert?) -> Bool {
        if expression.isList { return !list(of: expression).isEmpty }
        let text = text(of: expression, dot: dot)
        if case .call(let function, _) = expression {
            switch function {
            case .eq, .ne, .not: return text == "true"
            case .len: return text != "0"
            case .toUpper, .toLower: break
            }
        }
        return !text.isEmpty
    }

    private func text(of expression: TemplateExpression, dot: Alert?) -> String {
        switch expression {
        case .literal(let text): return text
        case .root(let field): return text(of: field)
        case .alert(let field): return dot.map { text(of: field, $0) } ?? ""
        case .call(let function, let operands):
            let first = operands[0]
            switch function {
            case .toUpper: return text(of: first, dot: dot).uppercased()
            case .toLower: return text(of: first, dot: dot).lowercased()
            case .len: return "\(first.isList ? list(of: first).count : text(of: first, dot: dot).utf8.count)"
            case .not: return "\(!isTrue(first, dot: dot))"
            case .eq, .ne:
                let isSame = operands.dropFirst().contains { text(of: $0, dot: dot) == text(of: first, dot: dot) }
                return "\(isSame == (function == .eq))"
            }
        }
    }

    private func text(of field: TemplateExpression.RootField) -> String {
        switch field {
        case .status: notification.status
        case .receiver: notification.channel.receiver
        case .externalURL: externalURL
        case .acknowledgeURL: notification.acknowledgeURL ?? ""
        case .groupKey: notification.groupKey
        case .alerts, .firing, .resolved: ""
        case .groupLabel(let name): notification.groupLabels[name] ?? ""
        case .commonLabel(let name): commonLabels[name] ?? ""
        case .commonAnnotation(let name): commonAnnotations[name] ?? ""
        }
    }

    private func text(of field: TemplateExpression.AlertField, _ alert: Alert) -> String {
        switch field {
        case .status: alert.state == .resolved ? "resolved" : "firing"
        case .startsAt: alert.startsAt.rfc3339
        case .endsAt: alert.endsAt?.rfc3339 ?? ""
        case .generatorURL: WebhookPayload.generatorURL(of: alert, externalURL: externalURL)
        case .fingerprint: WebhookPayload.hexadecimal(alert.fingerprint)
        case .label(let name): alert.labels[name] ?? ""
        case .annotation(let name): alert.annotations[name] ?? ""
        }
    }
}
