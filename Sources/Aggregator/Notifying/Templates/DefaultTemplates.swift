/// The names that Alertmanager's configurations expect to be there, with what its own templates say (compared in a test with Alertmanager's). What
/// differs: `__alertmanagerURL` is our first page.
enum DefaultTemplates {
    /// One text with all definitions.
    static let text =
        words + same.flatMap { name, others in others.map { define($0, "{{ template \"\(name)\" . }}") } }.joined()
        + empty.map { define($0, "") }.joined()

    private static func define(_ name: String, _ text: String) -> String { "{{ define \"\(name)\" }}\(text){{ end }}\n" }

    /// What is said under several names.
    private static let same: [(String, [String])] = [
        (
            "__subject",
            [
                "email.default.subject", "slack.default.title", "pagerduty.default.description", "opsgenie.default.message", "discord.default.title",
                "msteams.default.summary", "msteams.default.title", "pushover.default.title", "victorops.default.entity_display_name",
                "sns.default.subject",
            ]
        ),
        ("__alertmanager", ["slack.default.username", "pagerduty.default.client", "victorops.default.monitoring_tool"]),
        (
            "__alertmanagerURL",
            ["slack.default.titlelink", "pagerduty.default.clientURL", "opsgenie.default.source", "pushover.default.url"]
        ),
        ("__text_alert_list", ["pagerduty.default.instances"]),
        ("__by_state", ["telegram.default.message", "discord.default.message"]),
    ]

    private static let empty = [
        "__description", "slack.default.callbackid", "slack.default.pretext", "slack.default.iconemoji", "slack.default.iconurl",
        "slack.default.text", "slack.default.footer", "discord.default.content",
    ]

    /// Line ends are part of what is said.
    private static let words =
        define("__alertmanager", "Alertmanager") + define("__alertmanagerURL", "{{ .ExternalURL }}")
        + define(
            "__subject",
            "[{{ toUpper .Status }}{{ if eq .Status \"firing\" }}:{{ len .Alerts.Firing }}{{ end }}] "
                + "{{ join \" \" .GroupLabels.SortedPairs.Values }} "
                + "{{ if lt (len .GroupLabels) (len .CommonLabels) }}({{ (.CommonLabels.Remove .GroupLabels.Names).Values | join \" \" }}){{ end }}"
        )
        + define("slack.default.fallback", "{{ template \"slack.default.title\" . }} | {{ template \"slack.default.titlelink\" . }}")
        + define("__alert_pairs", "{{ range .SortedPairs }} - {{ .Name }} = {{ .Value }}\n{{ end }}")
        + define(
            "__text_alert_list",
            "{{ range . }}Labels:\n{{ template \"__alert_pairs\" .Labels }}Annotations:\n{{ template \"__alert_pairs\" .Annotations }}"
                + "Source: {{ .GeneratorURL }}\n{{ end }}"
        )
        + define(
            "__text_alert_list_markdown",
            "{{ range . }}\nLabels:\n{{ range .Labels.SortedPairs }}  - {{ .Name }} = {{ .Value }}\n{{ end }}\nAnnotations:\n"
                + "{{ range .Annotations.SortedPairs }}  - {{ .Name }} = {{ .Value }}\n{{ end }}\nSource: {{ .GeneratorURL }}\n{{ end }}\n"
        )
        + define("__by_state", section("Firing", "\nAlerts", "__text_alert_list") + section("Resolved", "\nAlerts", "__text_alert_list") + "\n")
        + define(
            "msteams.default.text",
            section("Firing", "\n# Alerts", "__text_alert_list_markdown") + section("Resolved", "\n# Alerts", "__text_alert_list_markdown") + "\n"
        )
        + define(
            "opsgenie.default.description",
            "{{ join \" \" .CommonAnnotations.SortedPairs.Values }}"
                + ["Firing", "Resolved"].map {
                    "\n{{ if .Alerts.\($0) }}Alerts \($0):\n{{ template \"__text_alert_list\" .Alerts.\($0) }}{{ end }}"
                }.joined()
        )

    private static func section(_ state: String, _ title: String, _ list: String) -> String {
        "\n{{ if .Alerts.\(state) }}\(title) \(state):\n{{ template \"\(list)\" .Alerts.\(state) }}\n{{ end }}"
    }
}
