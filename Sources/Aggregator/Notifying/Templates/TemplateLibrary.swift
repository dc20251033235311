import Configuring
import Templating

/// Templates by name: what the files of `templates` define, and Alertmanager's own names.
struct TemplateLibrary: Sendable {
    private(set) var templates: TemplateSet
    /// What the files define.
    private var own: Set<String> = []

    /// Alertmanager's own templates. Its page for mails is ours: see ``page(_:)``.
    static let builtIn: TemplateLibrary = {
        var templates = TemplateSet(functions: TemplateFunction.builtIn.merging(TemplateFunction.alertmanager) { first, _ in first })
        // A test reads them; without them nothing is lost but what names them.
        _ = try? templates.add(DefaultTemplates.text, name: "default.tmpl", file: "default.tmpl")
        return TemplateLibrary(templates: templates)
    }()

    private init(templates: TemplateSet) { self.templates = templates }

    /// A mail's `html`; nil: ours. It stands where Alertmanager's own page would, unless a file of `templates` has another one.
    func page(_ text: String?) -> String? {
        let words = (text ?? "").split(whereSeparator: { $0.isWhitespace || $0 == "{" || $0 == "}" || $0 == "-" })
        guard text == nil || words == ["template", "\"email.default.html\"", "."] else { return text }
        return own.contains("email.default.html") ? "{{ template \"email.default.html\" . }}" : nil
    }

    /// A mail's subject when its headers have none; nil: ours.
    var subject: String? {
        own.contains("email.default.subject") || own.contains("__subject") ? "{{ template \"email.default.subject\" . }}" : nil
    }

    /// Reads the files that `templates` names; a later definition of a name replaces an earlier one, as in Alertmanager.
    static func read(_ reader: ConfigReader) -> TemplateLibrary {
        var library = builtIn
        for (pattern, line) in reader.located("templates") ?? [] {
            let place = YAMLNode(.scalar(pattern, isPlain: false), line: line, column: 1)
            for path in ConfigFile.matches(of: AlertmanagerFile.resolve(pattern, beside: reader.file)) {
                let text: String
                do throws(ConfigProblem) { text = try ConfigFile.read(path) } catch {
                    reader.report(at: place, "templates", "\"\(path)\" \(error.problem)", error.remedy)
                    continue
                }
                do throws(TemplateProblem) { try library.add(text, path: path) } catch {
                    reader.report(at: place, "templates", error.description, "")
                }
            }
        }
        return library
    }

    /// What the file defines, and all of it under the file's name. Whether the kinds of values fit shows where they are used.
    mutating func add(_ text: String, path: String) throws(TemplateProblem) {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        own.formUnion(try templates.add(text, name: name, file: path))
    }
}
