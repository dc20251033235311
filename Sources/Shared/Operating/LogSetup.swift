import Glibc
package import Logging
import Synchronization
import Telemetry

/// Our programs log to stderr, one line an entry; under systemd the journal reads the level from a `<n>` in front (sd-daemon(3)) and puts
/// the time itself.
package enum LogSetup {
    /// Once a process, before the first `Logger` is made. Levels below `level` are not written.
    package static func bootstrap(level: Logger.Level) {
        let isJournal = Environment["JOURNAL_STREAM"] != nil
        let writer = LogWriter(style: isJournal ? .journal : .terminal, time: SystemTime()) { line in
            // One write a line, so that lines of two threads do not mix. What stderr refuses is lost: there is nobody left to tell.
            let bytes = Array(line.utf8)
            _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
        }
        LoggingSystem.bootstrap { label in StandardErrorHandler(label: label, level: level, writer: writer) }
    }

    /// A logger for tests and tools that hands its lines to `output`.
    package static func logger(label: String, level: Logger.Level, time: any TimeSource, output: @escaping @Sendable (String) -> Void) -> Logger {
        let writer = LogWriter(style: .journal, time: time, output: output)
        return Logger(label: label) { StandardErrorHandler(label: $0, level: level, writer: writer) }
    }
}

/// Makes the line and holds back repeats. Shared by all loggers of the process.
final class LogWriter: Sendable {
    enum Style { case journal, terminal }

    /// The same sentence at the same level more often than this within `window` is counted instead of written.
    static let repeatsMax = 20
    static let window = Duration.seconds(30)
    /// Different sentences watched at a time; beyond it the oldest windows are forgotten.
    static let sentencesMax = 512

    private struct Repeats {
        var windowStart: Duration
        var written = 0
        var heldBack = 0
    }

    private let style: Style
    private let time: any TimeSource
    private let output: @Sendable (String) -> Void
    private let repeats = Mutex<[String: Repeats]>([:])

    init(style: Style, time: any TimeSource, output: @escaping @Sendable (String) -> Void) {
        (self.style, self.time, self.output) = (style, time, output)
    }

    func write(_ level: Logger.Level, label: String, message: String, metadata: Logger.Metadata) {
        // Debug and trace are asked for by somebody who wants all of it.
        guard level >= .info else { return emit(level, label, message, metadata, heldBack: 0) }
        guard let heldBack = admit(key: "\(level.rawValue) \(label) \(message)") else { return }
        emit(level, label, message, metadata, heldBack: heldBack)
    }

    /// How many repeats were held back since the last line that was written; nil when this one is held back too.
    private func admit(key: String) -> Int? {
        let now = time.monotonic()
        return repeats.withLock { repeats in
            var entry = repeats[key] ?? Repeats(windowStart: now)
            var heldBack = 0
            if now - entry.windowStart >= Self.window {
                heldBack = entry.heldBack
                entry = Repeats(windowStart: now)
            }
            defer {
                if repeats.count >= Self.sentencesMax, repeats[key] == nil {
                    repeats = repeats.filter { now - $0.value.windowStart < Self.window }
                    if repeats.count >= Self.sentencesMax { repeats.removeAll() }
                }
                repeats[key] = entry
            }
            guard entry.written < Self.repeatsMax else {
                entry.heldBack += 1
                return nil
            }
            entry.written += 1
            return heldBack
        }
    }

    private func emit(_ level: Logger.Level, _ label: String, _ message: String, _ metadata: Logger.Metadata, heldBack: Int) {
        var line: String
        switch style {
        case .journal: line = "<\(level.syslogPriority)>"
        case .terminal: line = "\(time.now().rfc3339) \(level.rawValue) "
        }
        line += label + ": " + message
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { line += " " + key + "=" + Self.quoteIfNeeded("\(value)") }
        if heldBack > 0 { line += " repeats_held_back=\(heldBack)" }
        // A line break in a value would begin a line of its own, with a level that the value could choose.
        output(line.replacingControlCharacters() + "\n")
    }

    private static func quoteIfNeeded(_ value: String) -> String {
        value.utf8.contains(UInt8(ascii: " ")) || value.isEmpty ? "\"" + value + "\"" : value
    }
}

struct StandardErrorHandler: LogHandler {
    let label: String
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    private let writer: LogWriter

    init(label: String, level: Logger.Level, writer: LogWriter) { (self.label, logLevel, self.writer) = (label, level, writer) }

    func log(event: LogEvent) {
        var all = metadata
        if let own = event.metadata { all.merge(own) { _, new in new } }
        if let error = event.error { all["error"] = "\(error)" }
        writer.write(event.level, label: label, message: event.message.description, metadata: all)
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
}

extension Logger.Level {
    /// syslog(3)'s number.
    fileprivate var syslogPriority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}

extension String {
    fileprivate func replacingControlCharacters() -> String {
        guard utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return self }
        return String(String.UnicodeScalarView(unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    }
}
