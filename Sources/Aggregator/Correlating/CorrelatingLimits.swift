/// The limits of this room: numbers, units, and why.
enum CorrelatingLimits {
    /// Blocks read from the log at a time: with blocks of some 100 kB that is a few MB in memory.
    static let blocksPerRead = 64
    /// A row that is older than this when it is read was not sent live: collecting and shipping take a second or two.
    static let freshFor = Duration.seconds(5)
    /// How long a firing that arrived late waits for its own end, which may be in the next batch, before people are told: a tenth of its
    /// age, within these two. After a short outage everything arrives at once; after nine days it takes a while.
    static let settleMin = Duration.seconds(1)
    static let settleMax = Duration.seconds(20)
    /// Sample blocks of a host that must come after a repeat was missed before an alert may expire: an agent that collects every four
    /// minutes repeats its alerts no more often.
    static let collectionsBeforeExpiry: UInt64 = 5
    /// A day without a repeat, with its host up, and an alert expires whatever the times of its host's samples say.
    static let expireAnywayAfter = Duration.seconds(86_400)
    /// How often the alerts that fire are looked at for expiry.
    static let expiryCheckEvery = Duration.seconds(15)
    /// Alerts known of one host: a rule with a label out of control must not fill the memory. About 1 kB each.
    static let alertsPerHostMax = 2_000
    /// Alerts known of other systems, all together: a Prometheus judges for many hosts. About 1 kB each.
    static let otherAlertsMax = 20_000
    /// After our own absence, or while we could not take data, what they sent is not over before so long has passed: a Prometheus repeats what
    /// fires every minute.
    static let othersReturnWithin = Duration.seconds(120)
    /// Alerts known of the aggregator's own rules, of all hosts together: about 1 kB each.
    static let ruledAlertsMax = 20_000
    /// Labels of one alert, and bytes of their names and values: over it the alert is refused, because cut labels are another alert.
    static let labelsMax = 64
    static let labelBytesMax = 8 * 1024
    /// Annotations kept of one alert, and characters of each; the rest is cut.
    static let annotationsMax = 32
    static let annotationTextMax = 2_000
    /// Resolved alerts are listed for so long, and a late repeat is known as one.
    static let resolvedKeptFor = Duration.seconds(86_400)
    /// Hosts with a lease. What is over it is stored and shown, but nobody is told when it falls silent.
    static let hostsMax = 20_000
    /// Agents' back-off ends at 60 seconds: so long, and a little more, may a host that is well be silent after we were away. Their waits
    /// double, so after a short absence it is twice that.
    static let agentsReturnWithin = Duration.seconds(75)
    /// While hosts still come back the others get so much more time after each, up to this in all: a thousand agents with full spools do not all get
    /// through at once.
    static let agentsReturnPause = Duration.seconds(15)
    static let agentsReturnAtMost = Duration.seconds(600)
    /// What an agent had collected when it said goodbye may reach us behind the goodbye, and be this much younger.
    static let goodbyeOutrunBy = Duration.seconds(5)
    /// Hosts that an alert names.
    static let hostsNamedMax = 50
    /// Tags kept of a host.
    static let tagsMax = 32
    /// Events kept as an incident's evidence.
    static let evidenceMax = 20
    /// Evidence is looked for this long before an incident's opening …
    static let evidenceBefore = Duration.seconds(300)
    /// … and this long after it: log lines travel behind the alert that they explain.
    static let evidenceAfter = Duration.seconds(120)
    /// Characters kept of a piece of evidence's message, and of its data; the whole event stays in the log under its id.
    static let evidenceTextMax = 500
    /// Events looked at for evidence at an opening.
    static let evidenceEventsMax = 200
    /// Closed incidents kept in memory, for alerts and evidence that arrive late; older ones are read from the file.
    static let closedIncidentsInMemory = 100
    /// Incidents that are open at once; of more the oldest is closed.
    static let openIncidentsMax = 2_000
    /// What leads to one incident, and its hosts.
    static let keysPerIncidentMax = 64
    static let hostsPerIncidentMax = 1_000
    /// Incidents named as part of one; of more the oldest are no longer named.
    static let mergedPerIncidentMax = 50
    /// Events kept that say what changed.
    static let changesMax = 20
    /// Metrics are kept from so long before the opening until so long after it, of so many alerts and series.
    static let metricBefore = Duration.seconds(900)
    static let metricAfter = Duration.seconds(120)
    static let alertsMeasuredMax = 3
    static let metricsMax = 4
    /// Hosts and correlation ids of one incident that are searched for; a site of five hundred hosts says the same five hundred times.
    static let hostsSearchedMax = 20
    static let correlationsSearchedMax = 4
    /// Kinds of messages of one incident that are looked for in the day before: whether they are new.
    static let templatesAskedMax = 5
    static let firstSeenWithin = Duration.seconds(86_400)
    /// Words of a message that are looked for, and how many it must have at least.
    static let templateWordsMax = 8
    static let templateWordsMin = 2
    /// Searches take a quarter of the time at most: the rest after each is so many times as long as it took.
    static let searchRest = 3
    /// The pause after a search that failed.
    static let searchPause = Duration.seconds(30)
    /// What changed is searched for once for all incidents that open in the same minute, and anew after this.
    static let changesKnownFor = Duration.seconds(15)
    /// How often it is looked whether all of an incident has arrived.
    static let collectionCheckEvery = Duration.seconds(15)
    /// States of all patterns: one for each set of values. About 3 kB each.
    static let patternStatesMax = 20_000
    /// States of Bs alone, which wait for an A that is late; kept for `allowed_lateness`. Over it a B waits for none.
    static let patternEarlyMax = 10_000
    /// Times of A and times of B that one state keeps (of A twice `count` where that is more), and events for the record: the order of arrival does
    /// not matter as long as no more lie within the time and the lateness that is allowed.
    static let patternTimesMax = 64
    static let patternEventsMax = 10
    /// A pattern that is told late fires for so long at least.
    static let patternFiresMin = Duration.seconds(60)
    /// A pattern that held longer ago than this is history: nobody is paged about last week.
    static let patternFreshFor = Duration.seconds(3600)
    /// Alerts listed in one incident.
    static let alertsPerIncidentMax = 500
    /// Transitions not yet handed over before the log is read no further: the log keeps what we do not read.
    static let pendingTransitionsMax = 10_000
    /// Transitions handed over at a time.
    static let transitionsPerPage = 100
    /// Transitions kept after they were told and recorded, for the explanation of a page.
    static let transitionsKept: UInt64 = 10_000
    /// A cursor and renewed leases alone are written this often: reading them again changes nothing, an fsync for each does.
    static let restEvery = Duration.seconds(1)
    /// The log is read no more often while it grows without a pause: each round wakes three threads, and single requests are hundreds of commits a second. What
    /// comes after a pause is read at once.
    static let gatherFor = Duration.milliseconds(20)
    /// How often the log is given a copy of the cursor: each is a commit there.
    static let reportEvery = Duration.seconds(60)
    /// Blocks read again when the state is new but the log is not: enough to know the hosts and what fires.
    static let rereadBlocksMax: UInt64 = 20_000
    /// Failures for so long, and the aggregator does not do its work.
    static let heldUpAfter = Duration.seconds(60)
    /// The first wait after a failure; doubled up to `retryCap`.
    static let retryBase = Duration.milliseconds(250)
    static let retryCap = Duration.seconds(30)
}
