import Telemetry

/// Counts a file's lines that differ only in their digits from one that was just handed on, and tells how many there were. The first of them is
/// handed on as it is; for a set time after it the others are counted; then one event says how many, and the next such line is a first again.
///
/// What is counted and not yet told goes with the read position (``encoded``), so each line is handed on or counted once, through any crash.
struct Collapse: Equatable {
    /// Lines counted since a first one.
    struct Run: Equatable {
        var key: UInt64
        /// When the first one was handed on.
        var since: Timestamp
        /// How many were not handed on, and what is known of them.
        var count: UInt64 = 0
        var lastTimestamp: Timestamp
        var firstOffset: UInt64 = 0
        var lastOffset: UInt64 = 0
        var severity: Severity
        /// The beginning of the first one's message.
        var text: [UInt8]
    }

    let window: Duration
    /// In the order in which they began.
    private(set) var runs: [Run] = []

    init(window: Duration) { self.window = window }

    /// - Returns: whether the line is handed on; and a run that has to be told at once, because there are too many.
    mutating func offer(_ event: Event, at offset: UInt64, now: Timestamp) -> (isHandedOn: Bool, evicted: Run?) {
        guard let message = event.message else { return (true, nil) }
        let key = Self.key(of: message.utf8Span.span)
        if let index = runs.firstIndex(where: { $0.key == key }) {
            if runs[index].count == 0 { runs[index].firstOffset = offset }
            runs[index].count += 1
            (runs[index].lastOffset, runs[index].lastTimestamp) = (offset, event.timestamp)
            return (false, nil)
        }
        let evicted = runs.count >= TailingLimits.collapseKeysMax ? runs.removeFirst() : nil
        runs.append(
            Run(
                key: key,
                since: now,
                lastTimestamp: event.timestamp,
                severity: event.severity,
                text: Array(message.utf8.prefix(TailingLimits.collapseTextBytes))
            )
        )
        return (true, evicted.flatMap { $0.count > 0 ? $0 : nil })
    }

    /// Takes the runs whose time is over; those that counted something are to be told. A clock that was set back ends them as well.
    mutating func takeDue(at now: Timestamp) -> [Run] {
        let due = runs.filter { isDue($0, now) }
        if !due.isEmpty { runs = runs.filter { !isDue($0, now) } }
        return due.filter { $0.count > 0 }
    }

    /// Takes all of them: the file is let go.
    mutating func takeAll() -> [Run] {
        defer { runs = [] }
        return runs.filter { $0.count > 0 }
    }

    private func isDue(_ run: Run, _ now: Timestamp) -> Bool { now < run.since || now.duration(since: run.since) >= window }

    /// How long until something is due; nil: nothing is.
    func nextDue(at now: Timestamp) -> Duration? {
        runs.lazy.filter { $0.count > 0 }.map { max(.zero, window - now.duration(since: $0.since)) }.min()
    }

    /// A hash in which every run of digits counts as one: times, numbers of processes and requests differ, the line is the same.
    static func key(of message: Span<UInt8>) -> UInt64 {
        var (hash, wasDigit) = (0xCBF2_9CE4_8422_2325 as UInt64, false)
        for index in 0..<message.count {
            let byte = message[index]
            if byte.isDigit, wasDigit { continue }
            wasDigit = byte.isDigit
            hash = (hash ^ UInt64(wasDigit ? UInt8(ascii: "0") : byte)) &* 0x100_0000_01B3
        }
        return hash
    }

    // MARK: With the read position

    private static let version: UInt8 = 1

    /// Runs that counted something; empty when there are none.
    var encoded: [UInt8] {
        let counted = runs.filter { $0.count > 0 }
        guard !counted.isEmpty else { return [] }
        var bytes: [UInt8] = [Self.version, UInt8(counted.count)]
        for run in counted {
            for number in [
                run.key, UInt64(bitPattern: run.since.nanoseconds), run.count, UInt64(bitPattern: run.lastTimestamp.nanoseconds), run.firstOffset,
                run.lastOffset,
            ] {
                for shift in stride(from: UInt64(0), through: 56, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
            }
            bytes += [run.severity.rawValue, UInt8(truncatingIfNeeded: run.text.count), UInt8(truncatingIfNeeded: run.text.count >> 8)]
            bytes += run.text
        }
        return bytes
    }

    /// What ``encoded`` wrote; other bytes give nothing.
    mutating func restore(_ bytes: [UInt8]) {
        guard bytes.count >= 2, bytes[0] == Self.version else { return }
        var (restored, index): ([Run], Int) = ([], 2)
        for _ in 0..<bytes[1] {
            guard index + 51 <= bytes.count else { return }
            let numbers = (0..<6).map { field in
                (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[index + field * 8 + $1]) << UInt64($1 * 8) }
            }
            let length = Int(bytes[index + 49]) | Int(bytes[index + 50]) << 8
            guard let severity = Severity(rawValue: bytes[index + 48]), index + 51 + length <= bytes.count else { return }
            restored.append(
                Run(
                    key: numbers[0],
                    since: Timestamp(nanoseconds: Int64(bitPattern: numbers[1])),
                    count: numbers[2],
                    lastTimestamp: Timestamp(nanoseconds: Int64(bitPattern: numbers[3])),
                    firstOffset: numbers[4],
                    lastOffset: numbers[5],
                    severity: severity,
                    text: Array(bytes[(index + 51)..<(index + 51 + length)])
                )
            )
            index += 51 + length
        }
        runs = restored
    }
}

extension Collapse.Run {
    /// `… 4112 more like this in 60 s: connection refused`; `data` names the first and the last line that were counted.
    func event(in file: TailedFile, window: Duration, host: String, tags: [String]) -> Event {
        let seconds = window.components.seconds
        let length = seconds > 0 ? "\(seconds) s" : "\(window)"
        let text = String(decoding: text, as: UTF8.self)
        return Event(
            timestamp: lastTimestamp,
            source: file.source,
            type: Event.logLine,
            severity: severity,
            host: host,
            tags: tags,
            message: "… \(count) more like this in \(length): \(text)",
            data: String(decoding: file.dataPrefix, as: UTF8.self) + "\(firstOffset),\"last_offset\":\(lastOffset),\"repeated\":\(count)}"
        )
    }
}
