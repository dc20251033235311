import Answering
import Telemetry

/// How people name an alert: the fingerprint of its labels in hex digits, or its beginning, as in Git.
struct AlertID: Sendable {
    let text: String
    let fingerprints: ClosedRange<UInt64>

    static let digitsMin = 4
    static let digitsMax = 16

    init(_ text: String) throws(Problem) {
        let isHex = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
        }
        guard isHex, (Self.digitsMin...Self.digitsMax).contains(text.utf8.count), let value = UInt64(text, radix: 16) else {
            throw .malformed(
                "\"\(text.prefix(60))\" is not an alert's id: write \(Self.digitsMin) to \(Self.digitsMax) hex digits, as /api/v1/alerts shows them"
            )
        }
        let shift = UInt64(4 * (Self.digitsMax - text.utf8.count))
        let low = shift == 64 ? 0 : value << shift
        self.text = text.lowercased()
        fingerprints = low...(low | (shift == 0 ? 0 : UInt64.max >> (64 - shift)))
    }

    /// All sixteen digits.
    static func text(of fingerprint: UInt64) -> String {
        let digits = String(fingerprint, radix: 16)
        return String(repeating: "0", count: digitsMax - digits.utf8.count) + digits
    }

    /// The one alert among those that are known. Throws 404 for none and 409 for several, which it names.
    func one(of known: [Alert]) throws(Problem) -> UInt64 {
        var found: [UInt64: Alert] = [:]
        for alert in known where fingerprints.contains(alert.fingerprint) { found[alert.fingerprint] = alert }
        guard let first = found.keys.first else {
            throw .notFound("no alert's id begins with \(text): it never fired, or that is longer ago than history.retention")
        }
        guard found.count == 1 else {
            let some = found.sorted { $0.key < $1.key }.prefix(5).map { "\(Self.text(of: $0.key)) \($0.value.labels)" }
            throw .conflict("\(found.count) alerts' ids begin with \(text): \(some.joined(separator: ", ")); write more digits")
        }
        return first
    }
}
