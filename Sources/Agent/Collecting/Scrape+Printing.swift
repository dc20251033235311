import JSON
import Operating
import Telemetry

extension Scrape {
    /// The Prometheus text format, version 0.0.4, as node_exporter answers: no timestamps, families sorted.
    package func prometheusText() -> String { String(decoding: prometheusBytes(), as: UTF8.self) }

    package func prometheusBytes() -> [UInt8] {
        var writer = ExpositionWriter(reserving: samples.count * 90)
        for (family, samples) in grouped {
            writer.begin(family.name, family.kind, help: family.help)
            for sample in samples { writer.add(sample.series, MetricsRegistry.format(sample.value)) }
        }
        return writer.bytes
    }

    /// For people: one line a series, the values in one column.
    package func tableText() -> String {
        let rows = grouped.flatMap { group in group.samples.map { ($0.series.description, MetricsRegistry.format($0.value)) } }
        let width = min(rows.map(\.0.utf8.count).max() ?? 0, 96)
        return rows.map { name, value in
            name + String(repeating: " ", count: max(1, width - name.utf8.count + 2)) + value + "\n"
        }.joined()
    }

    /// One JSON object: `timestamp`, `metrics` (name, type, help, and samples with labels and value), `collectors` (name, success, seconds, error?).
    package func jsonText() -> String {
        var writer = JSONWriter(reserving: samples.count * 120)
        writer.beginObject()
        writer.member("timestamp", timestamp.rfc3339)
        writer.key("metrics")
        writer.beginArray()
        for (family, samples) in grouped {
            writer.beginObject()
            writer.member("name", family.name)
            writer.member("type", family.kind.rawValue)
            writer.member("help", family.help)
            writer.key("samples")
            writer.beginArray()
            for sample in samples {
                writer.beginObject()
                writer.key("labels")
                writer.beginObject()
                for label in sample.series.pairs where label.name != Labels.metricName { writer.member(label.name, label.value) }
                writer.endObject()
                writer.member("value", sample.value)
                writer.endObject()
            }
            writer.endArray()
            writer.endObject()
        }
        writer.endArray()
        writer.key("collectors")
        writer.beginArray()
        for collector in collectors {
            writer.beginObject()
            writer.member("name", collector.name)
            writer.member("stale", collector.isStale)
            writer.member("seconds", collector.lastDuration.inSeconds)
            writer.member("error", collector.lastError)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.text + "\n"
    }
}
