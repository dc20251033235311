import Blocks
import Logging
import Operating
import Telemetry

/// What surrounds an incident is looked for beside the deciding, after people were told: this never delays a page.
extension Correlator {
    func addEvidence(from block: StoredBlock, to state: inout Correlation) {
        guard state.incidents.wantsEvidence(of: block.host, from: block.from, to: block.to) else { return }
        for host in Evidence.hosts(in: block) where state.incidents.wantsEvidence(of: host, from: block.from, to: block.to) {
            state.incidents.add(Evidence.events(in: block, of: host, window: block.from...max(block.from, block.to)), of: host)
        }
    }

    /// Beside the loop that decides: nobody's page waits for a search.
    func surround() async {
        var signals = surroundings.stream.makeAsyncIterator()
        while !Task.isCancelled {
            await searchEvidence(resting: CorrelatingLimits.searchRest)
            guard await signals.next(isolation: self) != nil else { return }
        }
    }

    /// What is to be searched for next: an incident that has just opened, or one of which everything is here or is waited for no longer.
    enum Search {
        case opening(IncidentEntry)
        case collection(IncidentEntry, missing: [String], isTimeout: Bool)
    }

    func nextSearch(now: Timestamp) -> Search? {
        guard time.monotonic() >= searchPause else { return nil }
        if let entry = correlation?.incidents.awaitingEvidence.first { return .opening(entry) }
        return correlation?.collectionsDue(now: now).first.map { .collection($0.entry, missing: $0.missing, isTimeout: $0.isTimeout) }
    }

    /// All that is to be searched for now. What fails holds up nobody: the second search comes in any case, and is tried again until the incident's time
    /// is up.
    /// - Parameter rest: after each search, as a multiple of the time that it took: a thousand incidents at once leave the processors to those who tell people.
    func searchEvidence(resting rest: Int = 0) async {
        while !Task.isCancelled, let search = nextSearch(now: time.now()) {
            let begun = time.monotonic()
            switch search {
            case .opening(let entry):
                let found = await gathered(entry)
                correlation?.incidents.gathered(found ?? Gathered(), for: entry.id)
            case .collection(let entry, let missing, let isTimeout):
                let found = await gathered(entry)
                guard found != nil || isTimeout else { return }
                correlation?.incidents.gathered(found ?? Gathered(), for: entry.id)
                correlation?.incidents.collected(entry.id, missing: missing, isTimeout: isTimeout, now: time.now())
            }
            do { try write([], now: time.now()) } catch {
                logger.warning("what surrounds an incident could not be stored; it is searched for again", metadata: ["error": "\(error)"])
                // What is in memory may be ahead of the file now: begin from the file.
                (store, correlation) = (nil, nil)
                return
            }
            try? await time.sleep(for: (time.monotonic() - begun) * rest)
        }
    }

    private func gathered(_ entry: IncidentEntry) async -> Gathered? {
        do { return try await gather(entry) } catch {
            searchPause = time.monotonic() + CorrelatingLimits.searchPause
            metrics.failures.increment()
            logger.warning(
                "what surrounds an incident could not be searched for; it is tried again",
                metadata: ["incident": "\(entry.id)", "error": "\(error)"]
            )
            return nil
        }
    }

    private func gather(_ entry: IncidentEntry) async throws -> Gathered {
        var found = Gathered()
        let hosts = entry.hosts.prefix(CorrelatingLimits.hostsSearchedMax)
        for host in hosts {
            found.evidence += try await evidence.warnings(of: host, in: entry.window, limit: CorrelatingLimits.evidenceEventsMax).compactMap(
                Evidence.cut
            )
        }
        for id in entry.correlationIDs.prefix(CorrelatingLimits.correlationsSearchedMax) {
            found.related += try await evidence.events(correlationID: id, limit: CorrelatingLimits.evidenceMax).compactMap(Evidence.cut)
        }
        let before = entry.span(before: config.incidents.changesBefore, after: CorrelatingLimits.evidenceAfter)
        let changes = try await changes(around: entry.openedAt)
        found.changes = changes.filter { before.contains($0.timestamp) && ($0.host.isEmpty || entry.hosts.contains($0.host)) }
        found.changes += try await firstOccurrences(among: found.evidence + entry.evidence, within: entry.dayBefore)
        let metricWindow = entry.span(before: CorrelatingLimits.metricBefore, after: CorrelatingLimits.metricAfter)
        for alert in entry.alerts.prefix(CorrelatingLimits.alertsMeasuredMax) where found.metrics.count < CorrelatingLimits.metricsMax {
            found.metrics += try await evidence.metrics(of: alert, in: metricWindow, limit: CorrelatingLimits.metricsMax - found.metrics.count)
        }
        return found
    }

    /// Of all hosts: a thousand incidents of one minute ask once.
    private func changes(around opening: Timestamp) async throws -> [Event] {
        let minute = opening.nanoseconds / 60_000_000_000
        // A host may write any moment as an alert's start; from 1970 to 2255 nothing overflows below.
        guard (60...150_000_000).contains(minute) else { return [] }
        if let known = knownChanges, known.minute == minute, time.monotonic() - known.at < CorrelatingLimits.changesKnownFor { return known.events }
        let start = Timestamp(nanoseconds: minute * 60_000_000_000).advanced(by: .zero - config.incidents.changesBefore)
        let end = start.advanced(by: config.incidents.changesBefore + .seconds(60) + CorrelatingLimits.evidenceAfter)
        let events = try await evidence.changes(of: config.incidents.changes, in: start...end, limit: CorrelatingLimits.evidenceEventsMax)
            .map(Evidence.shortened)
        knownChanges = (minute, time.monotonic(), events)
        return events
    }

    /// Messages of a kind that the host did not write in the day before.
    private func firstOccurrences(among events: [Event], within day: ClosedRange<Timestamp>) async throws -> [Event] {
        var found: [Event] = []
        var asked: Set<String> = []
        for event in events.sorted(by: { ($1.severity, $0.timestamp) < ($0.severity, $1.timestamp) }) {
            guard asked.count < CorrelatingLimits.templatesAskedMax else { break }
            guard let words = Evidence.words(of: event), asked.insert(event.host + words).inserted else { continue }
            guard try await !evidence.hasOccurred(words, on: event.host, in: day) else { continue }
            found.append(Evidence.firstOccurrence(event))
        }
        return found
    }
}
