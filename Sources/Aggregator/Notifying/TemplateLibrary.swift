import Configuring

/// Templates by name: what `{{ define "name" }} … {{ end }}` in the files of `templates` defines, and Alertmanager's own names.
struct TemplateLibrary: Sendable {
    private var defined: [String: [TemplateParser.Piece]] = [:]

    subscript(name: String) -> [TemplateParser.Piece]? { defined[name] }

    var names: [String] { defined.keys.sorted() }

    /// Alertmanager's own templates that configurations name. Its page for mails is ours: see ``isDefaultPage(_:)``.
    static let builtIn: TemplateLibrary = {
        var library = TemplateLibrary()
        let subject = "[{{ .Status | toUpper }}{{ if eq .Status \"firing\" }}:{{ .Alerts.Firing | len }}{{ end }}] {{ .CommonLabels.alertname }}"
        for name in ["email.default.subject", "__subject"] { library.defined[name] = try? TemplateParser.cut(subject) }
        library.defined["__alertmanager"] = [.text("Alertmanager")]
        library.defined["__alertmanagerURL"] = try? TemplateParser.cut("{{ .ExternalURL }}")
        return library
    }()

    /// Whether a mail's `html` is Alertmanager's own page, in whose place ours stands.
    static func isDefaultPage(_ text: String?) -> Bool {
        let words = (text ?? "").split(whereSeparator: { $0.isWhitespace || $0 == "{" || $0 == "}" || $0 == "-" })
        return words == ["template", "\"email.default.html\"", "."]
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
                do throws(NotificationTemplate.Malformed) { try library.add(text) } catch {
                    reader.report(at: place, "templates", "\"\(path)\": \(error)", "")
                }
            }
        }
        return library
    }

    /// Takes the definitions out of a file's text; what stands beside them says nothing. Whether they can be rendered shows where they are used.
    mutating func add(_ text: String) throws(NotificationTemplate.Malformed) {
        var (name, depth, body): (String?, Int, [TemplateParser.Piece]) = (nil, 0, [])
        for piece in try TemplateParser.cut(text) {
            guard case .action(let tokens, let line) = piece else {
                if name != nil { body.append(piece) }
                continue
            }
            switch tokens[0] {
            case "define":
                guard name == nil, tokens.count == 2, tokens[1].hasPrefix("\"") else {
                    throw TemplateParser.malformed("write {{ define \"name\" }} … {{ end }}, one behind the other", line: line)
                }
                name = String(tokens[1].dropFirst())
                continue
            case "if", "range", "with", "block": depth += 1
            case "end" where depth > 0: depth -= 1
            case "end":
                guard let ended = name else { throw TemplateParser.malformed("there is an \"end\" without a beginning", line: line) }
                defined[ended] = body
                (name, body) = (nil, [])
                continue
            default: break
            }
            if name != nil { body.append(piece) }
        }
        if let name { throw TemplateParser.malformed("{{ define \"\(name)\" }} has no {{ end }}", line: 1) }
    }
}
