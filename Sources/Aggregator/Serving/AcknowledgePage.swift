import Answering
import HTTPTypes
import Hummingbird
import Telemetry

/// What a person sees behind the link in a message: small, without a script, and nothing from elsewhere.
enum AcknowledgePage {
    /// Alerts that are listed; the others are counted.
    static let listedMax = 50

    static func question(_ linked: LinkedAlerts) -> Response {
        let firing = linked.alerts.filter { $0.alert.state == .firing }
        guard firing.contains(where: { $0.acknowledgement == nil }) else {
            let title = firing.isEmpty ? "This is over" : "Somebody takes care of this"
            return page(title, list(linked.alerts))
        }
        let form = """
            <form method="post">
            <p><label>Your name <input name="by" maxlength="100" autocomplete="name"></label></p>
            <p><label>Comment <input name="comment" maxlength="500"></label></p>
            <p><button type="submit">Acknowledge</button></p>
            </form>
            <p>No repeats and no escalation of these alerts until they end. The link counts until \(linked.expiresAt).</p>
            """
        return page("Take care of this?", list(linked.alerts) + form)
    }

    static func done(_ count: Int, _ linked: LinkedAlerts) -> Response {
        let words =
            count == 0 ? "Nothing of this fires any more: there was nothing to acknowledge." : "Acknowledged: \(count) alert\(count == 1 ? "" : "s")."
        return page(count == 0 ? "This is over" : "Thank you", "<p>\(words)</p>")
    }

    /// 410: the link is no good, now or ever.
    static func refusal(_ sentence: String) -> Response {
        page("This link does not work", "<p>\(escaped(sentence))</p>", status: .gone)
    }

    private static func list(_ alerts: [AlertEpisode]) -> String {
        var html = "<ul>"
        for episode in alerts.prefix(listedMax) {
            let alert = episode.alert
            html += "<li><strong>\(escaped(alert.name))</strong> \(escaped("\(alert.labels.removing(["alertname"]))")) "
            html += alert.endsAt.map { "was over at \($0)" } ?? "fires since \(alert.startsAt)"
            if let summary = alert.annotations["summary"] { html += "<br>\(escaped(summary))" }
            if let known = episode.acknowledgement { html += "<br>\(escaped(known.by)) takes care of it since \(known.at)" }
            html += "</li>"
        }
        html += "</ul>"
        return alerts.count > listedMax ? html + "<p>and \(alerts.count - listedMax) more</p>" : html
    }

    private static func page(_ title: String, _ body: String, status: HTTPResponse.Status = .ok) -> Response {
        let html = """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>\(title)</title>
            <link rel="stylesheet" href="/assets/tocsin.css"></head>
            <body><main><h1>\(title)</h1>
            \(body)
            </main></body></html>
            """
        return .text(status, type: "text/html; charset=utf-8", headers: headers, html)
    }

    private static var headers: HTTPFields {
        var headers: HTTPFields = [
            .contentSecurityPolicy: "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            .cacheControl: "no-store",
        ]
        // Not no-referrer: browsers then send the form with `Origin: null`, which the door refuses as another site's.
        if let name = HTTPField.Name("Referrer-Policy") { headers[name] = "same-origin" }
        if let name = HTTPField.Name("X-Robots-Tag") { headers[name] = "noindex" }
        return headers
    }

    private static func escaped(_ text: String) -> String {
        var output = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": output += "&amp;"
            case "<": output += "&lt;"
            case ">": output += "&gt;"
            case "\"": output += "&quot;"
            case "'": output += "&#39;"
            default: output.unicodeScalars.append(scalar)
            }
        }
        return output
    }
}
