import Configuring

/// An `alertmanager.yml` as it is: the file that `alertmanager_config` names, and what is said of keys that only Alertmanager itself speaks.
enum AlertmanagerFile {
    /// Keys that it may hold, and that may then not stand in `aggregator.yaml` too.
    private static let keys = ["global", "route", "receivers", "inhibit_rules", "time_intervals", "mute_time_intervals", "templates"]

    /// Receivers of Alertmanager, and of what becomes of them here; see docs/alerting.md.
    private static let otherKinds: [(key: String, preset: String?)] = [
        ("slack_configs", "slack"), ("discord_configs", "discord"), ("msteams_configs", "teams"), ("msteamsv2_configs", "teams"),
        ("telegram_configs", "telegram"), ("pagerduty_configs", "pagerduty"), ("opsgenie_configs", "opsgenie"), ("victorops_configs", nil),
        ("pushover_configs", nil), ("wechat_configs", nil), ("sns_configs", nil), ("webex_configs", nil), ("rocketchat_configs", nil),
        ("jira_configs", nil), ("mattermost_configs", nil), ("incidentio_configs", nil),
    ]

    /// The reader of the other file; nil: the keys stand in this one.
    static func reader(_ root: ConfigReader) -> ConfigReader? {
        guard let given = root.string("alertmanager_config") else { return nil }
        for key in keys where root.has(key) {
            root.report(key, "alertmanager_config names a file for this", "keep it there or here")
        }
        let path = resolve(given, beside: root.file)
        return ConfigReader(ConfigFile.load(path, problems: root.problems), file: path, problems: root.problems)
    }

    /// A relative path counts from the folder of the file that holds it, as in Alertmanager.
    static func resolve(_ path: String, beside file: String) -> String {
        guard !path.hasPrefix("/"), let end = file.lastIndex(of: "/") else { return path }
        return file[...end] + path
    }

    /// Says of each receiver that is not spoken here what to write instead.
    static func refuseOtherKinds(_ reader: ConfigReader) {
        for (key, preset) in otherKinds where reader.has(key) {
            let remedy =
                preset.map { "write webhook_configs: [{preset: \($0), url: …}]" } ?? "write webhook_configs with the address of its incoming webhook"
            reader.report(key, "this kind of receiver is not spoken here", remedy)
        }
    }
}
