import Telemetry

/// The distribution's name and version. Source: /etc/os-release, else /usr/lib/os-release: os-release(5). Parsed when it changes.
struct OSReleaseCollector: Collector {
    static let name = "os"
    private static let paths = ["etc/os-release", "usr/lib/os-release"]
    private static let info = MetricFamily(
        "node_os_info",
        .gauge,
        "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, image_version, name, pretty_name, variant, variant_id, "
            + "version, version_codename, version_id."
    )
    private static let version = MetricFamily("node_os_version", .gauge, "Metric containing the major.minor part of the OS version.")

    let families = [info, version]
    private var parsed: [UInt8]?
    private var infoSeries = Labels.empty
    private var number: (series: Labels, value: Double)?

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        // Not kept open: an update puts another file in its place.
        var bytes = try files.readIfPresent(Self.paths[0])
        if bytes == nil { bytes = try files.readIfPresent(Self.paths[1]) }
        guard let bytes else { throw .noData("this system has no os-release") }
        if bytes != parsed {
            parse(bytes)
            parsed = bytes
        }
        readings.add(infoSeries, 1.0)
        if let number { readings.add(number.series, number.value) }
    }

    private mutating func parse(_ bytes: [UInt8]) {
        let values = Self.assignments(in: bytes)
        let fields = [
            "build_id", "id", "id_like", "image_id", "image_version", "name", "pretty_name", "variant", "variant_id", "version", "version_codename",
            "version_id",
        ]
        infoSeries = Labels(name: Self.info.name, fields.map { Label($0, values[$0.uppercased()] ?? "") })
        number = Self.majorMinor(values["VERSION_ID"] ?? "").map { value in
            (Labels(name: Self.version.name, ["id", "id_like", "name"].map { Label($0, values[$0.uppercased()] ?? "") }), value)
        }
    }

    /// `^[0-9]+\.?[0-9]*` as a number; nil without one, and for 0.
    static func majorMinor(_ version: String) -> Double? {
        let bytes = Array(version.utf8)
        var (end, points) = (0, 0)
        while end < bytes.count {
            if bytes[end] == UInt8(ascii: "."), end > 0, points == 0 { points = 1 } else if bytes[end] &- UInt8(ascii: "0") >= 10 { break }
            end += 1
        }
        let value = Double(String(decoding: bytes[..<end], as: UTF8.self).trimmingPoint)
        return value.flatMap { $0 > 0 ? $0 : nil }
    }

    /// `NAME=value` lines as a shell reads them: single quotes keep everything, double quotes and none know the backslash; comments are left out.
    static func assignments(in bytes: [UInt8]) -> [String: String] {
        var values: [String: String] = [:]
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")), line.first != UInt8(ascii: "#") else { continue }
            let name = String(decoding: line[..<equals], as: UTF8.self).filter { $0 != " " && $0 != "\t" }
            var (value, quote, index): ([UInt8], UInt8?, Int) = ([], nil, equals + 1)
            while index < line.endIndex {
                let byte = line[index]
                if let open = quote, byte == open {
                    quote = nil
                } else if quote == nil, byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                    quote = byte
                } else if quote != UInt8(ascii: "'"), byte == UInt8(ascii: "\\"), index + 1 < line.endIndex {
                    index += 1
                    value.append(line[index])
                } else if quote == nil, byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\t") {
                    break
                } else {
                    value.append(byte)
                }
                index += 1
            }
            values[name] = String(decoding: value, as: UTF8.self)
        }
        return values
    }
}

extension String {
    fileprivate var trimmingPoint: Substring { hasSuffix(".") ? dropLast() : self[...] }
}
