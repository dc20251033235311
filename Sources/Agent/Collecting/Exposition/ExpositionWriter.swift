package import Telemetry

/// Writes the Prometheus text format, version 0.0.4, into one buffer.
package struct ExpositionWriter {
    package private(set) var bytes: [UInt8] = []

    package init(reserving count: Int = 0) { bytes.reserveCapacity(count) }

    package mutating func begin(_ name: String, _ kind: MetricKind, help: String) {
        if !help.isEmpty {
            bytes += "# HELP ".utf8
            bytes += name.utf8
            bytes.append(UInt8(ascii: " "))
            escape(help, quotes: false)
            bytes.append(UInt8(ascii: "\n"))
        }
        bytes += "# TYPE ".utf8
        bytes += name.utf8
        bytes.append(UInt8(ascii: " "))
        bytes += kind.rawValue.utf8
        bytes.append(UInt8(ascii: "\n"))
    }

    /// - Parameter value: as text.
    package mutating func add(_ series: Labels, _ value: String) {
        bytes += (series.name ?? "").utf8
        var isFirst = true
        for label in series.pairs where label.name != Labels.metricName {
            bytes.append(isFirst ? UInt8(ascii: "{") : UInt8(ascii: ","))
            isFirst = false
            bytes += label.name.utf8
            bytes += "=\"".utf8
            escape(label.value, quotes: true)
            bytes.append(UInt8(ascii: "\""))
        }
        if !isFirst { bytes.append(UInt8(ascii: "}")) }
        bytes.append(UInt8(ascii: " "))
        bytes += value.utf8
        bytes.append(UInt8(ascii: "\n"))
    }

    private mutating func escape(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes += "\\\\".utf8
            case UInt8(ascii: "\n"): bytes += "\\n".utf8
            case UInt8(ascii: "\"") where quotes: bytes += "\\\"".utf8
            default: bytes.append(byte)
            }
        }
    }
}
