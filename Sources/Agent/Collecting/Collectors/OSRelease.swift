import Telemetry

/// The distribution. Source: /etc/os-release, else /usr/lib/os-release, os-release(5).
struct OSReleaseCollector: Collector {
    static let name = "os"
    private static let labels = [
        "build_id", "id", "id_like", "image_id", "image_version", "name", "pretty_name", "variant", "variant_id", "version", "version_codename",
        "version_id",
    ]

    let families = [
        MetricFamily(
            "node_os_info",
            .gauge,
            "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, image_version, name, pretty_name, variant, variant_id, "
                + "version, version_codename, version_id."
        ),
        MetricFamily("node_os_version", .gauge, "Metric containing the major.minor part of the OS version."),
    ]
    /// What the series were made of.
    private var known: (bytes: [UInt8], info: Labels, version: (Labels, Double)?)?

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        var bytes = try files.readIfPresent("etc/os-release")
        if bytes == nil { bytes = try files.readIfPresent("usr/lib/os-release") }
        guard let bytes else { throw .noData("there is no os-release") }
        if known?.bytes != bytes {
            let (info, version) = made(of: OSReleaseCollector.values(in: bytes))
            known = (bytes, info, version)
        }
        guard let known else { return }
        readings.add(known.info, 1.0)
        if let (series, version) = known.version { readings.add(series, version) }
    }

    private func made(of values: [String: String]) -> (info: Labels, version: (Labels, Double)?) {
        func labels(_ names: [String]) -> [Label] { names.compactMap { name in values[name].flatMap { $0.isEmpty ? nil : Label(name, $0) } } }
        let info = Labels(name: families[0].name, labels(Self.labels))
        // The major and minor number: 12, 22.04.
        let text = values["version_id"] ?? ""
        let major = text.prefix { $0.isASCII && $0.isNumber }
        var number = String(major)
        let rest = text.dropFirst(major.count)
        if rest.hasPrefix(".") { number += "." + rest.dropFirst().prefix { $0.isASCII && $0.isNumber } }
        let version = major.isEmpty ? nil : Double(number.hasSuffix(".") ? String(number.dropLast()) : number)
        return (info, version.map { (Labels(name: families[1].name, labels(["id", "id_like", "name"])), $0) })
    }

    /// Assignments as a shell reads them, names in small letters.
    static func values(in bytes: [UInt8]) -> [String: String] {
        var values = [String: String]()
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let trimmed = line.drop { $0 == " " || $0 == "\t" }
            guard !trimmed.hasPrefix("#"), let equals = trimmed.firstIndex(of: "=") else { continue }
            var value = trimmed[trimmed.index(after: equals)...]
            while let last = value.last, last == " " || last == "\t" || last == "\r" { value = value.dropLast() }
            if let quote = value.first, quote == "\"" || quote == "'", value.count > 1, value.last == quote { value = value.dropFirst().dropLast() }
            var (text, isEscaped) = ("", false)
            for character in value {
                if character == "\\", !isEscaped {
                    isEscaped = true
                } else {
                    text.append(character)
                    isEscaped = false
                }
            }
            values[trimmed[..<equals].lowercased()] = text
        }
        return values
    }
}
