import Telemetry
import Templating

/// What Alertmanager gives its templates (`template.Data`), and `.AcknowledgeURL` and `.GroupKey` besides.
///
///     .Status .Receiver .ExternalURL .GroupLabels .CommonLabels .CommonAnnotations
///     .Alerts .Alerts.Firing .Alerts.Resolved      each with .Status .Labels .Annotations .StartsAt .EndsAt .GeneratorURL .Fingerprint
///     labels and annotations: .NAME .SortedPairs .Names .Values .Remove      pairs: .Name .Value .Names .Values
struct NotificationData: TemplateObject {
    private let notification: Notification
    private let externalURL: String
    private let alerts: TemplateValue
    private let commonLabels: TemplateValue
    private let commonAnnotations: TemplateValue

    init(_ notification: Notification, externalURL: String) {
        (self.notification, self.externalURL) = (notification, externalURL)
        alerts = .object(AlertList(notification.alerts.map { AlertData(alert: $0, externalURL: externalURL) }))
        commonLabels = .object(LabelMap(notification.commonLabels))
        commonAnnotations = .object(LabelMap(notification.commonAnnotations))
    }

    var typeName: String { "template.Data" }

    var memberNames: [String] {
        ["Receiver", "Status", "Alerts", "GroupLabels", "CommonLabels", "CommonAnnotations", "ExternalURL", "AcknowledgeURL", "GroupKey"]
    }

    var content: TemplateContent {
        .record([
            ("receiver", .text(notification.channel.receiver)), ("status", .text(notification.status)), ("alerts", alerts),
            ("groupLabels", .object(LabelMap(notification.groupLabels))), ("commonLabels", commonLabels),
            ("commonAnnotations", commonAnnotations), ("externalURL", .text(externalURL)),
        ])
    }

    func member(_ name: String, _ arguments: [TemplateValue]) throws(TemplateProblem) -> TemplateValue? {
        try TemplateProblem.refuse(arguments, of: name)
        return switch name {
        case "Receiver": .text(notification.channel.receiver)
        case "Status": .text(notification.status)
        case "Alerts": alerts
        case "GroupLabels": .object(LabelMap(notification.groupLabels))
        case "CommonLabels": commonLabels
        case "CommonAnnotations": commonAnnotations
        case "ExternalURL": .text(externalURL)
        case "AcknowledgeURL": .text(notification.acknowledgeURL ?? "")
        case "GroupKey": .text(notification.groupKey)
        default: nil
        }
    }
}

/// `template.Alerts`
private struct AlertList: TemplateObject {
    private let all: [TemplateValue]
    private let firing: [TemplateValue]
    private let resolved: [TemplateValue]

    init(_ alerts: [AlertData]) {
        all = alerts.map { .object($0) }
        firing = alerts.filter { $0.status == "firing" }.map { .object($0) }
        resolved = alerts.filter { $0.status == "resolved" }.map { .object($0) }
    }

    var typeName: String { "template.Alerts" }
    var memberNames: [String] { ["Firing", "Resolved"] }
    var content: TemplateContent { .list(all) }

    func member(_ name: String, _ arguments: [TemplateValue]) throws(TemplateProblem) -> TemplateValue? {
        try TemplateProblem.refuse(arguments, of: name)
        return switch name {
        case "Firing": .list(firing)
        case "Resolved": .list(resolved)
        default: nil
        }
    }
}

/// `template.Alert`
private struct AlertData: TemplateObject {
    let alert: Alert
    let externalURL: String

    var status: String { alert.state == .resolved ? "resolved" : "firing" }

    private var endsAt: GoTime { alert.state == .resolved ? GoTime(alert.endsAt ?? alert.updatedAt) : .none }

    var typeName: String { "template.Alert" }
    var memberNames: [String] { ["Status", "Labels", "Annotations", "StartsAt", "EndsAt", "GeneratorURL", "Fingerprint"] }

    var content: TemplateContent {
        .record([
            ("status", .text(status)), ("labels", .object(LabelMap(alert.labels))), ("annotations", .object(LabelMap(alert.annotations))),
            ("startsAt", .time(GoTime(alert.startsAt))), ("endsAt", .time(endsAt)),
            ("generatorURL", .text(WebhookPayload.generatorURL(of: alert, externalURL: externalURL))),
            ("fingerprint", .text(WebhookPayload.hexadecimal(alert.fingerprint))),
        ])
    }

    func member(_ name: String, _ arguments: [TemplateValue]) throws(TemplateProblem) -> TemplateValue? {
        try TemplateProblem.refuse(arguments, of: name)
        return switch name {
        case "Status": .text(status)
        case "Labels": .object(LabelMap(alert.labels))
        case "Annotations": .object(LabelMap(alert.annotations))
        case "StartsAt": .time(GoTime(alert.startsAt))
        case "EndsAt": .time(endsAt)
        case "GeneratorURL": .text(WebhookPayload.generatorURL(of: alert, externalURL: externalURL))
        case "Fingerprint": .text(WebhookPayload.hexadecimal(alert.fingerprint))
        default: nil
        }
    }
}

/// `template.KV`
private struct LabelMap: TemplateObject {
    private let pairs: [Label]

    init(_ labels: Labels) { pairs = labels.pairs }
    private init(pairs: [Label]) { self.pairs = pairs }

    var typeName: String { "template.KV" }
    var memberNames: [String] { ["SortedPairs", "Names", "Values", "Remove"] }
    var content: TemplateContent { .map(pairs.map { ($0.name, .text($0.value)) }) }

    /// The alert's name first, as Alertmanager sorts.
    private var sorted: PairList { PairList(pairs.filter { $0.name == "alertname" } + pairs.filter { $0.name != "alertname" }) }

    func member(_ name: String, _ arguments: [TemplateValue]) throws(TemplateProblem) -> TemplateValue? {
        switch name {
        case "Remove":
            guard arguments.count == 1 else { throw TemplateProblem(.wrong, ".Remove takes one list of names") }
            let names = Set(try TemplateFunction.texts(arguments[0], of: name))
            return .object(LabelMap(pairs: pairs.filter { !names.contains($0.name) }))
        case "SortedPairs", "Names", "Values":
            try TemplateProblem.refuse(arguments, of: name)
            return name == "SortedPairs" ? .object(sorted) : try sorted.member(name, [])
        default:
            try TemplateProblem.refuse(arguments, of: name)
            return .text(pairs.first { $0.name == name }?.value ?? "")
        }
    }
}

/// `template.Pairs`
private struct PairList: TemplateObject {
    private let pairs: [Label]

    init(_ pairs: [Label]) { self.pairs = pairs }

    var typeName: String { "template.Pairs" }
    var memberNames: [String] { ["Names", "Values"] }
    var content: TemplateContent { .list(pairs.map { .object(Pair(label: $0)) }) }

    func member(_ name: String, _ arguments: [TemplateValue]) throws(TemplateProblem) -> TemplateValue? {
        try TemplateProblem.refuse(arguments, of: name)
        return switch name {
        case "Names": .list(pairs.map { .text($0.name) })
        case "Values": .list(pairs.map { .text($0.value) })
        default: nil
        }
    }

    /// `template.Pair`
    private struct Pair: TemplateObject {
        let label: Label

        var typeName: String { "template.Pair" }
        var memberNames: [String] { ["Name", "Value"] }
        var content: TemplateContent { .record([("Name", .text(label.name)), ("Value", .text(label.value))]) }

        func member(_ name: String, _ arguments: [TemplateValue]) throws(TemplateProblem) -> TemplateValue? {
            try TemplateProblem.refuse(arguments, of: name)
            return name == "Name" ? .text(label.name) : name == "Value" ? .text(label.value) : nil
        }
    }
}
