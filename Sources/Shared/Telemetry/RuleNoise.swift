/// What one rule cost its people over a time.
package struct RuleNoise: Sendable, Hashable {
    package var alertname: String
    /// How often one of its alerts fired.
    package var episodes: Int
    package var notifications: Int
    /// Notifications that said that something fires.
    package var pages: Int
    package var acknowledged: Int
    /// Episodes that began within ``flapWindow`` after the same alert had ended.
    package var flaps: Int
    /// How long half of the ended episodes lasted at most.
    package var medianLength: Duration?

    /// As `agentctl rules test` counts.
    package static let flapWindow = Duration.seconds(3600)

    package init(
        alertname: String,
        episodes: Int = 0,
        notifications: Int = 0,
        pages: Int = 0,
        acknowledged: Int = 0,
        flaps: Int = 0,
        medianLength: Duration? = nil
    ) {
        (self.alertname, self.episodes, self.notifications, self.pages) = (alertname, episodes, notifications, pages)
        (self.acknowledged, self.flaps, self.medianLength) = (acknowledged, flaps, medianLength)
    }
}
