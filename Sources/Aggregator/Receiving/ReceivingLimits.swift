package import Answering

/// What a request may be at most. Each number has its reason; those that an operator may change are in aggregator.yaml under `limits`.
package struct ReceivingLimits: Sendable, Hashable {
    /// `limits.body`, and how refused bodies are read away.
    package var body: BodyLimits
    /// `limits.inflated_body`: most bytes after inflating. A gzip stream of 1 MB may hold 1 GB.
    package var inflatedBytesMax: Int
    /// `limits.json_depth`: levels of arrays and objects; at most 128.
    package var jsonDepthMax: Int
    /// Events of one request. As values they take some 400 bytes each while they are checked: 40 MB.
    package var eventsMax: Int
    /// How far ahead of our clock an event may be: a day covers every time zone mistake, and a list sorted by time stays useful.
    package var futureMax: Duration

    package init(
        body: BodyLimits = BodyLimits(),
        inflatedBytesMax: Int = 128 << 20,
        jsonDepthMax: Int = 64,
        eventsMax: Int = 100_000,
        futureMax: Duration = .seconds(86_400)
    ) {
        (self.body, self.inflatedBytesMax, self.jsonDepthMax) = (body, inflatedBytesMax, jsonDepthMax)
        (self.eventsMax, self.futureMax) = (eventsMax, futureMax)
    }

    /// Errors listed in an answer; the rest is counted in `failed`.
    static let errorsListedMax = 1_000
    /// Bytes of source, type, host and one tag: they become dictionary entries and metric-like dimensions.
    static let nameBytesMax = 256
    /// Bytes of a correlation id or an idempotency key.
    static let keyBytesMax = 255
    /// Bytes of a message, and of `data` as compact text: what one row may weigh in a block.
    static let textBytesMax = 1 << 20
    static let tagsMax = 64
    /// Alerts of one request of another system, and its bytes, inflated: a Prometheus sends 64 at a time.
    static let alertsPerRequestMax = 10_000
    static let alertBytesMax = 16 << 20
    /// Labels of one such alert, and bytes of their names and values, as of agents' alerts.
    static let alertLabelsMax = 64
    static let alertLabelBytesMax = 8 * 1024
    /// Rows of one block made from a JSON request.
    static let rowsPerBlockMax = 65_536
}
