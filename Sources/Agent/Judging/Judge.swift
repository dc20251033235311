import Expressions
package import Logging
package import Operating
import Rules
import Synchronization
package import Telemetry

/// Judges what passes: adds the host's labels to samples, counts pattern matches, evaluates the rules at each collection (and at once when a line
/// matched that a rule asks for), and adds transitions and its own state to the intake, so that the next room stores all of it or nothing.
///
/// What needs no judgement goes straight on, many at a time. Judgements go one after the other: each is drafted on a copy and becomes true when
/// the next room has taken it. A rule that fails keeps its alerts and shows its error; the intake goes on.
package actor Judge: Sink {
    private let next: any Sink<Intake>
    private let identity: HostIdentity
    private let time: any TimeSource
    private let logger: Logger
    private let metrics: JudgingMetrics
    private nonisolated let patterns: Mutex<PatternCounting>

    private var limits: JudgingLimits
    private var judgement: Judgement
    private var recent: RecentSamples
    private var hostLabels: HostLabels
    private var clock: ClockWatch
    /// When judging began: pattern counters have their first point there.
    private let startedAt: Timestamp
    private var hasCollected = false
    private var hasSentSeeds = false
    private var lastMoment: Timestamp
    private var lastSweep: Timestamp

    private let turns = Turns()

    /// - Parameters:
    ///   - checkpoint: alerts and pattern counters from before the restart.
    ///   - metrics: takes the room's own counters, under `tocsin_judging_` and `tocsin_alerts`.
    package init(
        _ config: JudgeConfig,
        next: any Sink<Intake>,
        checkpoint: Checkpoint = Checkpoint(),
        identity: HostIdentity,
        time: any TimeSource,
        metrics: MetricsRegistry,
        logger: Logger
    ) {
        let now = time.now()
        (self.next, self.identity, self.time, self.logger, limits) = (next, identity, time, logger, config.limits)
        self.metrics = JudgingMetrics(metrics)
        patterns = Mutex(PatternCounting(patterns: config.patterns))
        let matches = Self.counters(of: config, from: checkpoint.patternMatches)
        judgement = Judgement(config.groups, restoring: checkpoint.alerts, patternMatches: matches, at: now)
        hostLabels = HostLabels(host: identity.host, knownMax: config.limits.knownSeriesMax)
        recent = RecentSamples(reading: config.groups.flatMap { $0.rules.map(\.expression) }, limits: config.limits)
        clock = ClockWatch(wall: now, monotonic: time.monotonic(), stepMin: JudgingLimits.clockStepMin)
        (startedAt, lastMoment, lastSweep) = (now, now, now)
        for (name, count) in matches { Self.begin(Self.series(name, hostLabels), at: Double(count), now: now, in: &recent) }
    }

    /// Nothing was counted before now, as far back as rules look: a line that was written while nobody read counts from its own time on.
    private static func begin(_ series: Labels, at value: Double, now: Timestamp, in recent: inout RecentSamples) {
        guard let slot = recent.slotIndex(for: series), recent.newest(slot) == nil else { return }
        recent.append(Point(now.advanced(by: .zero - recent.reach(slot)), value), to: slot)
        recent.append(Point(now, value), to: slot)
    }

    /// Counters of patterns that exist: known ones go on, new ones begin at 0.
    private static func counters(of config: JudgeConfig, from known: [String: UInt64]) -> [String: UInt64] {
        Dictionary(config.patterns.map { ($0.name, known[$0.name] ?? 0) }, uniquingKeysWith: { first, _ in first })
    }

    private static func series(_ pattern: String, _ hostLabels: HostLabels) -> Labels {
        hostLabels.added(to: Labels(name: LogPattern.metricName, [Label(LogPattern.labelName, pattern)]))
    }

    // MARK: The door

    package nonisolated func accept(_ element: Intake) async throws(SinkError) {
        var intake = element
        for index in intake.events.indices where intake.events[index].host.isEmpty { intake.events[index].host = identity.host }
        // Outside of the actor: reads of several files are searched at the same time.
        let matches = patterns.withLock { $0 }.count(in: intake.events, at: time.now())
        guard !intake.samples.isEmpty || !matches.isEmpty else { return try await next.accept(intake) }
        try await judge(intake, matches: matches)
    }

    private func judge(_ element: Intake, matches: [String: PatternMatches]) async throws(SinkError) {
        await turns.take()
        defer { turns.pass() }
        let began = time.monotonic()
        watchClock()

        let isCollection = !element.samples.isEmpty
        var intake = element
        var draft = judgement
        for (name, found) in matches { draft.patternMatches[name]? += found.count }
        let moment = moment(of: intake.samples, hasMatches: !matches.isEmpty)
        keep(&intake.samples)
        // Taken back when the next room refuses.
        let counters = draft.patternMatches.keys.compactMap { recent.slotIndex(for: Self.series($0, hostLabels)) }.map { recent.snapshot(of: $0) }
        raise(matches)
        let counted = counterSamples(draft, changed: matches.keys, isCollection: isCollection, at: moment)
        for sample in counted { recent.append(sample) }
        if !hasSentSeeds, !isCollection { intake.samples += seedSamples() }
        intake.samples += counted

        let occasion: Judgement.Occasion = isCollection ? .collection : .match(isBeforeFirstCollection: !hasCollected)
        let outcome = draft.judge(occasion, at: moment, over: &recent, outer: hostLabels.outer, limits: limits)
        intake.alerts += outcome.alerts
        intake.samples += outcome.recorded
        if outcome.isChanged || !matches.isEmpty { intake.judgement = draft.stored }
        metrics.count(outcome, draft, recent, seconds: (time.monotonic() - began).inSeconds)

        do throws(SinkError) {
            try await next.accept(intake)
        } catch {
            // Nothing of it happened: the giver comes again with the same lines, and they must not count twice.
            for counter in counters { recent.restore(counter) }
            metrics.refused.increment()
            throw error
        }
        judgement = draft
        (lastMoment, hasSentSeeds) = (moment, true)
        if isCollection { hasCollected = true }
        tell(outcome)
        sweepIfDue(at: moment)
    }

    // MARK: Parts of a judgement

    private func watchClock() {
        guard let jump = clock.jump(wall: time.now(), monotonic: time.monotonic()) else { return }
        metrics.clockJumps.increment()
        logger.warning("the wall clock was set; what is remembered moves with it", metadata: ["jump.seconds": "\(jump.inSeconds)"])
        recent.shiftClock(by: jump)
        judgement.shiftClock(by: jump)
        lastMoment = lastMoment.advanced(by: jump)
        lastSweep = lastSweep.advanced(by: jump)
    }

    /// The time of the judgement: that of the newest sample, or now; never before the last one, and after it where a counter has grown since.
    private func moment(of samples: [Sample], hasMatches: Bool) -> Timestamp {
        let now = time.now()
        // A collector with a wrong idea of the time must not carry the judge into the future.
        let latest = now.advanced(by: .seconds(1))
        var newest: Timestamp?
        for sample in samples where sample.timestamp <= latest { newest = max(newest ?? sample.timestamp, sample.timestamp) }
        let candidate = max(newest ?? now, lastMoment)
        return hasMatches && candidate == lastMoment ? candidate.advanced(by: .milliseconds(1)) : candidate
    }

    private func keep(_ samples: inout [Sample]) {
        hostLabels.resolve(&samples, in: &recent) { (sample, slot, recent) in recent.append(Point(sample.timestamp, sample.value), to: slot) }
    }

    /// Late lines raise the counter where they belong.
    private func raise(_ matches: [String: PatternMatches]) {
        for (name, found) in matches where !found.late.isEmpty {
            guard let slot = recent.slotIndex(for: Self.series(name, hostLabels)) else { continue }
            recent.raise(slot, by: found.late.map { (Timestamp(nanoseconds: $0.key * 1_000_000_000), Double($0.value)) })
        }
    }

    /// All counters with a collection, else those that have grown.
    private func counterSamples(
        _ draft: Judgement,
        changed: Dictionary<String, PatternMatches>.Keys,
        isCollection: Bool,
        at moment: Timestamp
    ) -> [Sample] {
        draft.patternMatches.sorted { $0.key < $1.key }.filter { isCollection || changed.contains($0.key) }.map { name, count in
            Sample(series: Self.series(name, hostLabels), timestamp: moment, value: Double(count))
        }
    }

    /// The counters as they were when judging began, for a line that matched before the first collection: whoever reads them must see them grow.
    private func seedSamples() -> [Sample] {
        judgement.patternMatches.sorted { $0.key < $1.key }.map { name, count in
            Sample(series: Self.series(name, hostLabels), timestamp: startedAt, value: Double(count))
        }
    }

    private func tell(_ outcome: Judgement.Outcome) {
        for change in outcome.changes where change.kind == .fired || change.kind == .resolved {
            logger.notice(
                change.kind == .fired ? "alert fires" : "alert is resolved",
                metadata: ["alert": "\(change.alert.labels)", "value": "\(change.alert.value)"]
            )
        }
        for failure in outcome.failures {
            logger.warning(
                "a rule has no result; its alerts stay as they are",
                metadata: ["rule": "\(failure.rule)", "group": "\(failure.group)", "problem": "\(failure.error)"]
            )
        }
    }

    private func sweepIfDue(at now: Timestamp) {
        guard now.duration(since: lastSweep) >= JudgingLimits.sweepInterval else { return }
        lastSweep = now
        if recent.sweep(at: now) { hostLabels.forgetAll() } else { hostLabels.forgetUnseen() }
    }

    // MARK: Operators

    /// Takes other rules and patterns. Alerts of rules that stay go on; those of rules that are gone are resolved with the next collection.
    package func reload(_ config: JudgeConfig) async {
        await turns.take()
        defer { turns.pass() }
        let now = time.now()
        limits = config.limits
        let matches = Self.counters(of: config, from: judgement.patternMatches)
        let isNew = matches.filter { judgement.patternMatches[$0.key] == nil }
        patterns.withLock { $0 = PatternCounting(patterns: config.patterns) }
        judgement = Judgement(config.groups, restoring: judgement.stored.alerts, patternMatches: matches, at: now)
        recent.replace(reading: config.groups.flatMap { $0.rules.map(\.expression) }, limits: limits)
        hostLabels.forgetAll()
        for (name, count) in isNew { Self.begin(Self.series(name, hostLabels), at: Double(count), now: now, in: &recent) }
    }

    /// Every rule with its alerts and its last error, in the order of the files.
    package func status() -> [RuleStatus] {
        judgement.groups.flatMap { group in
            group.rules.map { slot in
                RuleStatus(
                    name: slot.rule.name,
                    group: group.group.name,
                    pending: slot.state?.count(.pending) ?? 0,
                    firing: slot.state?.count(.firing) ?? 0,
                    lastError: slot.lastError
                )
            }
        }
    }

    /// Pending and firing alerts.
    package func alerts() -> [Alert] { judgement.alerts }

    /// What an operator should look at, each a sentence that says what to do; empty when all is well.
    package func problems() -> [String] {
        var problems = status().compactMap { rule in
            rule.lastError.map { "rule \(rule.name) of group \(rule.group) has no result: \($0)" }
        }
        if recent.refusedSeries > 0 {
            problems.append(
                "\(recent.refusedSeries) series are not judged, because rules read more than \(limits.seriesMax): add matchers to rules that read too many"
            )
        }
        if recent.droppedPoints > 0 {
            problems.append(
                "rules do not see all points of their ranges, because \(limits.pointsMax) are kept: shorten ranges, or collect less often"
            )
        }
        return problems
    }
}
