import Operating
import Telemetry
import Testing

struct MetricsRegistryTests {
    @Test func `the same name and labels are the same counter`() {
        let registry = MetricsRegistry()
        registry.counter("tocsin_lines_total", help: "Lines.", labels: [Label("source", "a")]).increment()
        registry.counter("tocsin_lines_total", help: "Lines.", labels: [Label("source", "a")]).increment(by: 2)
        registry.gauge("tocsin_open_files", help: "Files.").set(1.5)
        #expect(
            registry.samples(at: Timestamp(nanoseconds: 7)) == [
                Sample("tocsin_lines_total", [Label("source", "a")], at: Timestamp(nanoseconds: 7), 3),
                Sample("tocsin_open_files", at: Timestamp(nanoseconds: 7), 1.5),
            ]
        )
    }

    @Test func `what is counted for the first time later stands in its place, and each has its value of now`() {
        let registry = MetricsRegistry()
        let last = registry.counter("tocsin_z_total", help: "Last.")
        let (early, late) = (Timestamp(nanoseconds: 1), Timestamp(nanoseconds: 2))
        #expect(registry.samples(at: early) == [Sample("tocsin_z_total", at: early, 0)])
        last.increment(by: 4)
        let second = registry.gauge("tocsin_a", help: "First.", labels: [Label("x", "2")])
        registry.gauge("tocsin_a", help: "First.", labels: [Label("x", "1")]).set(1)
        second.set(2)
        let expected = [
            Sample("tocsin_a", [Label("x", "1")], at: late, 1), Sample("tocsin_a", [Label("x", "2")], at: late, 2),
            Sample("tocsin_z_total", at: late, 4),
        ]
        #expect(registry.samples(at: late) == expected)
    }

    @Test func `the text is Prometheus's format`() {
        let registry = MetricsRegistry()
        registry.counter("tocsin_b_total", help: "Two\nlines.", labels: [Label("x", "say \"hi\"")]).increment(by: 12)
        registry.counter("tocsin_b_total", help: "Two\nlines.", labels: [Label("x", "a")]).increment()
        registry.gauge("tocsin_a", help: "A gauge.").set(.infinity)
        #expect(
            registry.prometheusText() == """
                # HELP tocsin_a A gauge.
                # TYPE tocsin_a gauge
                tocsin_a +Inf
                # HELP tocsin_b_total Two\\nlines.
                # TYPE tocsin_b_total counter
                tocsin_b_total{x="a"} 1
                tocsin_b_total{x="say \\"hi\\""} 12

                """
        )
    }

    @Test func `a full registry still counts what it refuses`() {
        let registry = MetricsRegistry()
        for index in 0..<MetricsRegistry.seriesMax + 3 {
            registry.counter("tocsin_many_total", help: "Many.", labels: [Label("n", "\(index)")]).increment()
        }
        let samples = registry.samples(at: Timestamp(nanoseconds: 0))
        #expect(samples.count == MetricsRegistry.seriesMax + 1)
        #expect(samples.first { $0.series.name == "tocsin_metrics_series_refused_total" }?.value == 3)
    }
}
