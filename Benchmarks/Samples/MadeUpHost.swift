import Glibc
import Telemetry

/// A host whose metrics behave like node_exporter's: a third of them never change, counters grow by chance with a load that wanders, gauges
/// waver. The same for the same seed.
struct MadeUpHost {
    private enum Behaviour {
        case constant
        /// Grows by Poisson-distributed numbers of units.
        case counter(mean: Double, divisor: Double)
        /// Walks by normally distributed numbers of units.
        case gauge(spread: Double, unit: Double)
    }

    private var series: [(labels: Labels, behaviour: Behaviour, units: Double)] = []
    private var load = 1.0
    private var state: UInt64

    init(_ name: String, seriesCount: Int, seed: UInt64) {
        state = seed
        for number in 0..<seriesCount {
            // Sixteen series a metric, as of CPUs, disks and interfaces.
            let labels = [Label("device", "d\(number % 16)"), Label("host", name), Label("instance", name), Label("job", "tocsin")]
            let chance = uniform()
            let behaviour: Behaviour =
                switch number / 16 % 10 {
                case 0...3: .constant
                case 4, 5: .counter(mean: pow(10, chance * 5 - 2), divisor: 1)
                case 6: .counter(mean: chance * 400, divisor: 100)
                case 7: .counter(mean: chance < 0.8 ? 0.05 : 20, divisor: 1)
                case 8: .gauge(spread: 200, unit: 4096)
                default: chance < 0.5 ? .gauge(spread: 3, unit: 1) : .constant
                }
            series.append((Labels(name: "node_metric_\(number / 16)", labels), behaviour, (uniform() * 1e6).rounded()))
        }
    }

    mutating func collect(at time: Timestamp) -> [Sample] {
        load = max(0.1, min(10, load + 0.15 * normal() + 0.02 * (1 - load)))
        var samples = [Sample]()
        samples.reserveCapacity(series.count)
        for index in series.indices {
            var value = series[index].units
            switch series[index].behaviour {
            case .constant: break
            case .counter(let mean, let divisor):
                series[index].units += poisson(mean * load)
                value = series[index].units / divisor
            case .gauge(let spread, let unit):
                series[index].units = max(0, series[index].units + (spread * load * normal()).rounded())
                value = series[index].units * unit
            }
            samples.append(Sample(series: series[index].labels, timestamp: time, value: value))
        }
        return samples
    }

    /// SplitMix64.
    private mutating func uniform() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return Double((z ^ z >> 31) >> 11) / Double(1 << 53)
    }

    private mutating func normal() -> Double {
        let (a, b) = (max(uniform(), 1e-12), uniform())
        return (-2 * log(a)).squareRoot() * cos(2 * .pi * b)
    }

    private mutating func poisson(_ mean: Double) -> Double {
        if mean > 50 { return max(0, (mean + mean.squareRoot() * normal()).rounded()) }
        let limit = exp(-mean)
        var (count, product) = (0.0, uniform())
        while product > limit {
            count += 1
            product *= uniform()
        }
        return count
    }
}
