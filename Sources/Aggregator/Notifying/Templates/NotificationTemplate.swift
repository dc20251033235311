import JSON
import Telemetry
import Templating

/// A template of mails, of webhooks' headers and bodies, of presets: Go's text/template with what Alertmanager gives it (see ``NotificationData``). What is wrong
/// whatever is told is found when it is read.
package struct NotificationTemplate: Sendable {
    /// What is wrong with a template, and what can stand there.
    package struct Malformed: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    package let source: String
    /// Those of the library, and this one without a name.
    private let templates: TemplateSet

    package init(_ source: String) throws(Malformed) { try self.init(source, library: .builtIn) }

    /// - Parameter library: what `{{ template "name" . }}` may name.
    init(_ source: String, library: TemplateLibrary) throws(Malformed) {
        guard source.utf8.count <= NotifyingLimits.templateBytesMax else {
            throw Malformed(description: "the template is longer than \(NotifyingLimits.templateBytesMax) bytes")
        }
        self.source = source
        var templates = library.templates
        do throws(TemplateProblem) {
            try templates.add(source, name: "")
            let example = TemplateValue.object(NotificationData(.example, externalURL: "http://tocsin"))
            let now = Notification.example.alerts[0].updatedAt
            try templates.check("", with: example, now: now)
            do throws(TemplateProblem) {
                _ = try templates.render("", with: example, now: now, bytesMax: NotifyingLimits.renderedBytesMax)
            } catch {
                // What does not fit the example may fit what is told; what has no end has none.
                if error.kind == .limit { throw error }
            }
        } catch {
            throw Malformed(description: error.description)
        }
        self.templates = templates
    }

    /// Why a template that was read cannot be used for this notification.
    enum Unusable: Error, Sendable, Hashable, CustomStringConvertible {
        case failed(TemplateProblem)
        case notJSON(String)

        var description: String {
            switch self {
            case .failed(let problem): problem.description
            case .notJSON(let detail): "what it makes is no JSON: \(detail)"
            }
        }
    }

    /// - Parameters:
    ///   - now: for `since`; that of the notification, so that each attempt says the same.
    ///   - escaping: what becomes of each value before it is put into the text (HTML needs it, plain text does not).
    func render(
        _ notification: Notification,
        externalURL: String,
        at now: Timestamp,
        escaping: TemplateEscaping = .none
    ) throws(Unusable) -> String {
        do throws(TemplateProblem) {
            return try templates.render(
                "",
                with: .object(NotificationData(notification, externalURL: externalURL)),
                now: now,
                escaping: escaping,
                bytesMax: NotifyingLimits.renderedBytesMax
            )
        } catch {
            throw .failed(error)
        }
    }

    /// A JSON text: values are written as JSON writes them inside a string, so that no label can end it.
    func renderJSON(_ notification: Notification, externalURL: String, at now: Timestamp) -> Result<[UInt8], Unusable> {
        do throws(Unusable) {
            let text = try render(notification, externalURL: externalURL, at: now, escaping: .json)
            do { _ = try JSON.parse(text) } catch { throw .notJSON(error.description) }
            return .success(Array(text.utf8))
        } catch {
            return .failure(error)
        }
    }
}

extension Notification {
    /// What templates are tried with when they are read: each kind of value that they may be given is there.
    fileprivate static let example: Notification = {
        var example = sample(for: "sample")
        example.acknowledgeURL = "http://tocsin/acknowledge"
        example.alerts[0].expression = "up == 0"
        var ended = example.alerts[0]
        (ended.state, ended.endsAt) = (.resolved, ended.startsAt.advanced(by: .seconds(60)))
        ended.labels = ended.labels.setting("host", to: "other")
        example.alerts.append(ended)
        return example
    }()
}
