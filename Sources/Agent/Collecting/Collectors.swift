package import Operating
import Synchronization
package import Telemetry

/// All collectors of this agent. Each runs where it cannot hold up the others and has until ``CollectingLimits/collectorDeadline``; one that does
/// not answer is stale: left alone until it returns, its own metrics missing, all others there.
package actor Collectors {
    private let stations: [Station]
    private let files: KernelFiles
    private let time: any TimeSource
    private let deadline: Duration
    private let threads = DisposableThreads()
    /// One collection at a time.
    private let turns = Turns()
    private let shown = Mutex<[CollectorStatus]>([])
    /// The last collection, once somebody asks for such.
    private var last: (scrape: Scrape, endedAt: Duration)?
    private var keepsLast = false
    /// Gaps of collections that went to somebody who keeps none.
    private var untold: [Gap] = []
    /// Since when each stale part has not answered, and at how many collections.
    private var outages: [String: (since: Timestamp, missed: UInt64)] = [:]

    private static let duration = MetricFamily(
        "node_scrape_collector_duration_seconds",
        .gauge,
        "node_exporter: Duration of a collector scrape."
    )
    private static let success = MetricFamily("node_scrape_collector_success", .gauge, "node_exporter: Whether a collector succeeded.")

    package init(
        _ config: CollectConfig,
        files: KernelFiles = KernelFiles(),
        time: any TimeSource,
        deadline: Duration = CollectingLimits.collectorDeadline
    ) {
        let mountDeadline = min(CollectingLimits.mountDeadline, deadline / 2)
        let all: [any Collector] = [
            ArpCollector(config.arp), BondingCollector(), CgroupCollector(config), ConntrackCollector(), CPUCollector(), CpufreqCollector(),
            DiskstatsCollector(config.diskstats), DMICollector(), EDACCollector(), EntropyCollector(),
            CommandCollector(config, time: time, patience: mountDeadline), FileNrCollector(), MountsCollector(config, deadline: mountDeadline),
            HwmonCollector(), LoadavgCollector(), MdstatCollector(), MeminfoCollector(),
            NetClassCollector(config.netclass, ignoresInvalidSpeed: config.ignoresInvalidSpeed), NetDevCollector(config.netdev),
            NetstatCollector(config.netstatFields), NVMeCollector(), OSReleaseCollector(), PowerSupplyCollector(), PressureCollector(),
            PidStatCollector(config), RAPLCollector(), SchedstatCollector(), SELinuxCollector(), SockstatCollector(), SoftnetCollector(),
            StatCollector(), SystemdCollector(config, patience: mountDeadline), TextfileCollector(config), ThermalCollector(), TimeCollector(),
            TimexCollector(), UDPQueuesCollector(), UnameCollector(), VmstatCollector(config.vmstatFields),
        ]
        stations = all.filter { !config.disable.contains(type(of: $0).name) }.map { Station($0) }
        (self.files, self.time, self.deadline) = (files, time, deadline)
    }

    /// How each collector fared last; a mount that does not answer has a line of its own.
    package nonisolated func status() -> [CollectorStatus] { shown.withLock { $0 } }

    /// Collects once, until all collectors are back, at most to the deadline.
    package func scrape() async -> Scrape {
        await turns.take()
        defer { turns.pass() }
        var scrape = await collect()
        scrape.gaps = untold + scrape.gaps
        untold = []
        return scrape
    }

    /// The last collection when it ended less than `age` ago, else a new one. What it has to say about gaps is kept for the next ``scrape()``.
    package func recentScrape(within age: Duration) async -> Scrape {
        await turns.take()
        defer { turns.pass() }
        keepsLast = true
        if let last, time.monotonic() - last.endedAt < age { return last.scrape }
        let scrape = await collect()
        untold += scrape.gaps
        return scrape
    }

    private func collect() async -> Scrape {
        let now = time.now()
        let asked = stations.indices.filter { !stations[$0].isStuck }
        let files = files
        let tickets = await threads.run(
            asked.map { [stations] place in { stations[place].collect(from: files, at: now) } },
            within: deadline
        )
        // By station. Only this round's: what a stuck collector brings back late is of another moment.
        var outcomes = [Station.Outcome?](repeating: nil, count: stations.count)
        for (place, ticket) in zip(asked, tickets) {
            stations[place].ticket = ticket
            outcomes[place] = ticket.value
        }

        var (samples, passing, statuses, stale): ([Sample], [Sample], [CollectorStatus], [String]) = ([], [], [], [])
        var count = 2 * stations.count
        for outcome in outcomes { count += outcome?.samplesCount ?? 0 }
        samples.reserveCapacity(count)
        statuses.reserveCapacity(stations.count)
        var familyLists = outcomes.compactMap { $0?.families } + [[Self.duration, Self.success]]
        for (place, station) in stations.enumerated() {
            let outcome = outcomes[place]
            if var outcome {
                if !outcome.readings.foreignFamilies.isEmpty {
                    giveWay(&outcome.readings, to: Set(familyLists.joined().map(\.name)))
                    familyLists.append(outcome.readings.foreignFamilies)
                }
                samples += outcome.readings.samples
                samples += outcome.readings.foreignSamples
                passing += outcome.readings.passing
                statuses.append(station.status(of: outcome))
                for part in outcome.readings.stale {
                    stale.append("\(station.name):\(part)")
                    statuses.append(CollectorStatus.stale("\(station.name):\(part)", after: outcome.duration))
                }
            } else {
                stale.append(station.name)
                statuses.append(CollectorStatus.stale(station.name, after: deadline))
            }
            samples.append(Sample(series: station.durationSeries, timestamp: now, value: (outcome?.duration ?? deadline).inSeconds))
            samples.append(Sample(series: station.successSeries, timestamp: now, value: outcome?.error == nil && outcome != nil ? 1 : 0))
        }
        samples += passing
        shown.withLock { $0 = statuses }
        let scrape = Scrape(timestamp: now, samples: samples, familyLists: familyLists, collectors: statuses, gaps: gaps(stale, at: now))
        if keepsLast { last = (scrape, time.monotonic()) }
        return scrape
    }

    /// A gap when a part stops answering, and one over the whole time when it is back.
    private func gaps(_ stale: [String], at now: Timestamp) -> [Gap] {
        var gaps = [Gap]()
        for part in stale {
            if let outage = outages[part] {
                outages[part] = (outage.since, outage.missed + 1)
            } else {
                outages[part] = (now, 0)
                let detail = "\(part) did not answer in time; its metrics are missing until it returns, all others are collected"
                gaps.append(Gap(source: part, reason: .stale, from: now, to: now, count: 1, detail: detail))
            }
        }
        let present = Set(stale)
        for (part, outage) in outages.sorted(by: { $0.key < $1.key }) where !present.contains(part) {
            outages[part] = nil
            guard outage.missed > 0 else { continue }
            let detail = "\(part) answers again; it was silent at \(outage.missed) more collections"
            gaps.append(Gap(source: part, reason: .stale, from: outage.since, to: now, count: outage.missed, detail: detail))
        }
        return gaps
    }

    /// Leaves out what a text from outside calls like a metric of ours, or of a text before it: two meanings of one name are worse than one that
    /// is missing.
    private func giveWay(_ readings: inout Readings, to taken: Set<String>) {
        let names = readings.foreignFamilies.map(\.name).filter { taken.contains($0) }
        guard !names.isEmpty else { return }
        let series = Set(names.flatMap { name in [name] + ExposedFamily.suffixes.map { name + $0.suffix } })
        readings.foreignSamples.removeAll { series.contains($0.series.name ?? "") }
        readings.foreignFamilies.removeAll { names.contains($0.name) }
        readings.problems.append("\(names.joined(separator: ", ")): there are metrics of that name already; rename yours")
    }

    /// One collector and its last round. Only the actor touches `ticket`; the collector itself is used by one thread at a time, because it is
    /// never asked again before it has answered.
    private final class Station: Sendable {
        struct Outcome: Sendable {
            var readings: Readings
            let families: [MetricFamily]
            let duration: Duration
            let error: CollectError?

            var samplesCount: Int { readings.samples.count + readings.passing.count + readings.foreignSamples.count }
        }

        let name: String
        let durationSeries: Labels
        let successSeries: Labels
        private let collector: Mutex<any Collector>
        private let lastTicket = Mutex<DisposableThreads.Ticket<Outcome>?>(nil)
        /// How many samples the last round brought.
        private let lastCount = Atomic(0)

        init(_ collector: any Collector) {
            name = type(of: collector).name
            durationSeries = Collectors.duration.series(Label("collector", name))
            successSeries = Collectors.success.series(Label("collector", name))
            self.collector = Mutex(collector)
        }

        var ticket: DisposableThreads.Ticket<Outcome>? {
            get { lastTicket.withLock { $0 } }
            set { lastTicket.withLock { $0 = newValue } }
        }

        /// Asked once, and not back yet.
        var isStuck: Bool { ticket.map { !$0.isDone } ?? false }

        func collect(from files: KernelFiles, at now: Timestamp) -> Outcome {
            collector.withLock { collector in
                let clock = ContinuousClock()
                let start = clock.now
                var readings = Readings(at: now)
                readings.samples.reserveCapacity(lastCount.load(ordering: .relaxed))
                var failure: CollectError?
                do throws(CollectError) {
                    try collector.collect(from: files, into: &readings)
                } catch {
                    failure = error
                    (readings.samples, readings.passing, readings.foreignSamples) = ([], [], [])
                }
                lastCount.store(readings.samples.count, ordering: .relaxed)
                return Outcome(readings: readings, families: collector.families, duration: clock.now - start, error: failure)
            }
        }

        func status(of outcome: Outcome) -> CollectorStatus {
            var problem: String?
            // What this machine does not have is nobody's fault.
            if let error = outcome.error, !error.isNoData { problem = error.description }
            if problem == nil, let first = outcome.readings.problems.first {
                let others = outcome.readings.problems.count - 1
                problem = others == 0 ? first : "\(first) (and \(others) more)"
            }
            return CollectorStatus(name: name, isStale: false, lastError: problem, lastDuration: outcome.duration)
        }
    }
}

extension CollectorStatus {
    fileprivate static func stale(_ name: String, after duration: Duration) -> CollectorStatus {
        CollectorStatus(
            name: name,
            isStale: true,
            lastError: "\(name) does not answer; its metrics are missing until it returns: look for a dead network mount or a stuck device",
            lastDuration: duration
        )
    }
}
