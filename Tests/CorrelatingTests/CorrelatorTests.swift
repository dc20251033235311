import Blocks
import Logging
import Operating
import SQLite
import Telemetry
import TestSupport
import Testing

@testable import Correlating

@Suite(.timeLimit(.minutes(1))) struct CorrelatorTests {
    let folder: TemporaryFolder
    let time = ManualTime(now: Scene.noon)
    let log = MemoryLog()
    let people = TransitionRecorder()

    init() throws { folder = try TemporaryFolder() }

    func makeCorrelator(
        after: Duration = .seconds(90),
        isTakingData: Bool = true,
        flapping: FlappingConfig? = FlappingConfig()
    ) -> Correlator {
        Correlator(
            config: CorrelatingConfig(path: folder("correlation.db"), hostDown: HostDownConfig(after: after), flapping: flapping),
            reader: log,
            evidence: log,
            writer: log,
            next: people,
            time: time,
            metrics: MetricsRegistry(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            isTakingData: { isTakingData },
            makeID: nil
        )
    }

    /// Runs the room beside `body`, and stops it as the program does.
    func whileRunning(_ correlator: Correlator, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await correlator.run() }
            try await body()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    /// Until so many were told; the clock goes on meanwhile, because the log is not read at every moment.
    func whenTold(_ count: Int) async {
        while people.taken.count < count {
            time.advance(by: .microseconds(20))
            await Task.yield()
        }
    }

    @Test func `an alert that its host told by itself is shown and listed, and is nobody's news here`() async throws {
        let correlator = makeCorrelator()
        try await whileRunning(correlator) {
            log.store([Scene.firing(since: -2).toldLocally(at: Scene.noon)], sequence: 1, at: Scene.noon)
            await people.wait(for: 1)
            #expect(people.taken[0].isHistoryOnly)
            #expect(people.taken[0].alert.startsAt == Scene.at(-2))
            #expect(await correlator.alerts().map(\.state) == [.firing])
            // The next episode is told by nobody but us.
            log.store([Scene.resolved(since: -2, ended: 0)], sequence: 2, at: Scene.noon)
            log.store([Scene.firing(since: 0)], sequence: 3, at: Scene.noon)
            await whenTold(3)
            #expect(people.taken.map(\.isHistoryOnly) == [true, false, false])
        }
    }

    @Test func `a firing that is stored is told, recorded as an event, and listed`() async throws {
        let correlator = makeCorrelator()
        try await whileRunning(correlator) {
            log.store([Scene.firing(since: -2)], sequence: 1, at: Scene.noon)
            await people.wait(for: 1)
            let told = people.taken[0]
            #expect(told.reason == "fired")
            #expect(told.previous == nil)
            #expect(await correlator.alerts().map(\.state) == [.firing])
            #expect(await correlator.hosts().map(\.host) == ["web-1"])
            let listed = try await correlator.incidents(IncidentQuery(limit: 10)).incidents
            #expect(listed.map(\.id) == [told.incident])

            log.store([Scene.resolved(since: -2, ended: 0)], sequence: 2, at: Scene.noon)
            await whenTold(2)
            #expect(people.taken[1].sequence == told.sequence + 1)
            #expect(people.taken[1].incident == told.incident)
            while log.ownEvents.count < 2 { await Task.yield() }
        }
        #expect(log.ownEvents.map(\.type) == ["alert.fired", "alert.resolved"])
        #expect(log.ownEvents.map(\.severity) == [.warning, .info])
        #expect(log.ownEvents.allSatisfy { $0.source == "tocsin" && $0.host == "web-1" })
        #expect(log.ownEvents.allSatisfy { $0.correlationID == people.taken[0].incident.description })
    }

    @Test func `after a restart nothing is told again, and what was not taken is`() async throws {
        people.fail(.failed("the outbox is full"))
        try await whileRunning(makeCorrelator()) {
            log.store([Scene.firing("A", since: -2), Scene.firing("B", since: -1)], sequence: 1, at: Scene.noon)
            while people.offered < 1 { await Task.yield() }
        }
        #expect(people.taken.isEmpty)
        people.fail(nil)
        try await whileRunning(makeCorrelator()) { await people.wait(for: 2) }
        #expect(people.taken.map(\.alert.name) == ["A", "B"])
        let appends = log.appends
        try await whileRunning(makeCorrelator()) {
            log.store([Scene.resolved("A", since: -2, ended: 0)], sequence: 2, at: Scene.noon)
            await people.wait(for: 3)
        }
        #expect(people.taken.map(\.alert.state) == [.firing, .firing, .resolved])
        #expect(Set(people.taken.map(\.sequence)).count == 3)
        #expect(log.appends <= appends + 2)
        #expect(Set(log.ownEvents.map(\.data)).count == log.ownEvents.count)
    }

    @Test func `steps with a restart after each one tell the same as one run`() async throws {
        let rows: [Alert] = [
            Scene.firing("A", since: -5), Scene.firing("B", since: -4), Scene.resolved("A", since: -5, ended: -3),
            Scene.firing("A", since: -2), Scene.resolved("B", since: -4, ended: -1), Scene.resolved("A", since: -2, ended: 0),
        ]
        for (index, row) in rows.enumerated() {
            log.store([row], sequence: UInt64(index + 1), at: Scene.noon)
            let correlator = makeCorrelator(flapping: nil)
            try await correlator.step()
            try await correlator.step()
        }
        try await whileRunning(makeCorrelator(flapping: nil)) { await people.wait(for: rows.count) }
        #expect(people.taken.map(\.alert.name) == ["A", "B", "A", "A", "B", "A"])
        #expect(people.taken.map(\.reason) == ["fired", "fired", "resolved", "fired", "resolved", "resolved"])
        #expect(Set(people.taken.map(\.incident)).count == 1)
    }

    @Test func `a firing that arrived late is told when its time is over, though nothing else arrives`() async throws {
        try await whileRunning(makeCorrelator()) {
            log.contact(at: Scene.noon)
            await time.waitForSleepers()
            log.store([Scene.firing(since: -30)], sequence: 1, at: Scene.noon)
            while people.taken.isEmpty {
                await time.waitForSleepers()
                time.advance(by: .milliseconds(100))
            }
        }
        #expect(people.taken.map(\.reason) == ["fired_late"])
        // No later bound: the hands are turned while others still work, further on a busy machine. When it ends is the book's test.
        #expect(time.now() >= Scene.at(3))
    }

    @Test func `a silent host is told by the aggregator, and its return too`() async throws {
        let correlator = makeCorrelator()
        try await whileRunning(correlator) {
            log.contact(at: time.now())
            log.store([Scene.firing(since: -1)], sequence: 1, at: time.now())
            await people.wait(for: 1)
            while people.taken.count < 2 {
                await time.waitForSleepers()
                time.advance(by: .seconds(5))
            }
            let down = people.taken[1]
            #expect(down.reason == "host_down")
            #expect(down.incident == people.taken[0].incident)
            #expect(
                down.alert.labels
                    == ["alertname": "HostDown", "host": "web-1", "instance": "web-1", "job": "tocsin", "severity": "critical"]
            )
            #expect(down.alert.startsAt == Scene.at(90))
            #expect(down.alert.annotations["last_contact"] == Scene.noon.rfc3339)
            #expect(down.alert.annotations["description"]?.contains("DiskFull") == true)
            // Its other alert stays, and says that nobody knows.
            let listed = await correlator.alerts()
            #expect(listed.count { $0.state == .firing } == 2)
            #expect(listed.first { $0.name == "DiskFull" }?.annotations["stale"] != nil)
            log.contact(at: time.now())
            await people.wait(for: 3)
            #expect(people.taken[2].reason == "host_back")
            #expect(people.taken[2].alert.state == .resolved)
            while log.ownEvents.count < 3 { await Task.yield() }
        }
        #expect(log.ownEvents.map(\.type) == ["alert.fired", "host.down", "host.back"])
    }

    @Test func `while the aggregator takes no data, no host is called down`() async throws {
        let correlator = makeCorrelator(isTakingData: false)
        log.contact(at: Scene.noon)
        for _ in 0..<60 {
            try await correlator.step()
            time.advance(by: .seconds(5))
        }
        #expect(await correlator.hosts().map(\.state) == [.unknown])
        #expect(await correlator.alerts().isEmpty)
    }

    @Test func `what happened on the host around the opening is the incident's evidence`() async throws {
        func line(_ message: String, _ severity: Severity, at seconds: Int, host: String = "web-1") -> Event {
            Event(timestamp: Scene.at(seconds), source: "kernel", type: "log.line", severity: severity, host: host, message: message)
        }
        log.store([line("disk is slow", .warning, at: -60), line("all is well", .info, at: -59)], sequence: 1, at: Scene.noon)
        log.store([line("elsewhere", .error, at: -60, host: "web-2")], host: "web-2", sequence: 1, at: Scene.noon)
        log.store([Scene.firing(since: -2)], sequence: 2, at: Scene.noon)
        let correlator = makeCorrelator()
        while try await !correlator.step() {}
        await correlator.searchEvidence()
        // Log lines travel behind the alert that they explain.
        log.store([line("I/O error, dev sda", .error, at: -3)], sequence: 3, at: Scene.noon)
        while try await !correlator.step() {}
        let incidents = try await correlator.incidents(IncidentQuery(limit: 5)).incidents
        #expect(incidents.first?.evidence.map(\.message) == ["disk is slow", "I/O error, dev sda"])
        #expect(incidents.first?.evidence.allSatisfy { $0.id != nil } == true)
        let again = makeCorrelator()
        try await again.open()
        let read = try await again.incidents(IncidentQuery(limit: 5)).incidents
        #expect(read == incidents)
    }

    @Test func `a log that fails is read again, and nothing is lost or told twice`() async throws {
        try await whileRunning(makeCorrelator()) {
            log.store([Scene.firing(since: -2)], sequence: 1, at: Scene.noon)
            await people.wait(for: 1)
            log.fail(.failed("the disk does not answer"))
            log.store([Scene.resolved(since: -2, ended: 0)], sequence: 2, at: Scene.noon)
            await time.waitForSleepers()
            log.fail(nil)
            while people.taken.count < 2 {
                await time.waitForSleepers()
                time.advance(by: .seconds(1))
            }
        }
        #expect(people.taken.map(\.alert.state) == [.firing, .resolved])
    }

    @Test func `a room that fails for a minute says so, and no more when it works again`() async throws {
        let correlator = makeCorrelator()
        try await whileRunning(correlator) {
            log.fail(.failed("the disk does not answer"))
            log.store([Scene.firing(since: -2)], sequence: 1, at: Scene.noon)
            await time.waitForSleepers()
            #expect(await correlator.heldUp() == nil)
            while await correlator.heldUp() == nil {
                await time.waitForSleepers()
                time.advance(by: .seconds(10))
            }
            #expect(await correlator.heldUp()?.contains("does not answer") == true)
            log.fail(nil)
            while people.taken.isEmpty {
                await time.waitForSleepers()
                time.advance(by: .seconds(10))
            }
            while await correlator.heldUp() != nil { await Task.yield() }
        }
        #expect(people.taken.count == 1)
    }

    @Test func `a damaged state is set aside, and what is told next is not taken for a repeat`() async throws {
        let first = makeCorrelator()
        log.store([Scene.firing(since: -2)], sequence: 1, at: Scene.noon)
        try await whileRunning(first) { await people.wait(for: 1) }
        try TestFiles.write([UInt8](repeating: 0x5A, count: 8192), to: folder("correlation.db"))
        time.advance(by: .seconds(1))
        log.store([Scene.resolved(since: -2, ended: 0)], sequence: 2, at: time.now())
        log.store([Scene.firing("Other", since: 0)], sequence: 3, at: time.now())
        try await whileRunning(makeCorrelator()) {
            while !people.taken.contains(where: { $0.alert.name == "Other" }) { await Task.yield() }
        }
        #expect(people.taken.map(\.sequence) == people.taken.map(\.sequence).sorted())
    }

    @Test func `a state of a newer version is refused and left alone`() async throws {
        let first = makeCorrelator()
        try await first.open()
        try Connection(path: folder("correlation.db")).execute("PRAGMA user_version = 99")
        await #expect(throws: CorrelatingError.self) { try await makeCorrelator().open() }
    }

    @Test func `a log that was replaced is read from its beginning`() async throws {
        for number in 1...5 { log.store([Scene.firing("A\(number)", since: -2)], sequence: UInt64(number), at: Scene.noon) }
        try await whileRunning(makeCorrelator()) { await people.wait(for: 5) }
        log.forgetEverything()
        log.store([Scene.firing("New", since: -1)], sequence: 6, at: Scene.noon)
        try await whileRunning(makeCorrelator()) { await people.wait(for: 6) }
        #expect(people.taken.last?.alert.name == "New")
    }

    @Test func `what the aggregator says of itself is one event under a key of its own`() throws {
        let transition = AlertTransition(
            sequence: 77,
            alert: Scene.firing(since: 0),
            previous: nil,
            reason: "fired",
            incident: UUID(high: 1, low: 2),
            isHistoryOnly: false
        )
        let batch = OwnEvents.batch(for: transition, receivedAt: Scene.at(3))
        #expect(batch.origin == .client(name: "tocsin", key: "tocsin-transition-77"))
        let event = try #require(EventBlock(decoding: batch.blocks[0].bytes).events().first)
        #expect(event.message == "DiskFull fires on web-1: DiskFull of a test")
        #expect(event.timestamp == Scene.at(0))
        #expect(event.data.contains("\"severity\":\"warning\""))
    }

    @Test func `what retention deleted before it was read is recorded once, and reading goes on behind it`() async throws {
        for sequence in 1...3 as ClosedRange<UInt64> { log.store([Scene.firing("Alert\(sequence)", since: -2)], sequence: sequence, at: Scene.noon) }
        let gap = Gap(source: "log", reason: .retention, from: Scene.at(-100), to: Scene.at(-50), count: 7, detail: "retention was quicker")
        log.purge(through: 2, saying: gap)
        let correlator = makeCorrelator()
        try await whileRunning(correlator) {
            await people.wait(for: 1)
            while log.ownEvents.count < 2 { await Task.yield() }
        }
        #expect(people.taken.map(\.alert.name) == ["Alert3"])
        let recorded = log.ownEvents.filter { $0.type == Gap.eventType }
        #expect(recorded.map(\.message) == ["retention was quicker"])
        // Again from the same position, as after a crash before the cursor was written: nothing is told twice.
        let again = makeCorrelator()
        try await whileRunning(again) { while log.cursor == nil { await Task.yield() } }
        #expect(log.ownEvents.filter { $0.type == Gap.eventType }.count == 1)
    }

    @Test func `the log is given a copy of the cursor, never ahead of what is written`() async throws {
        log.store([Scene.firing(since: -2)], sequence: 1, at: Scene.noon)
        let correlator = makeCorrelator()
        try await whileRunning(correlator) {
            await people.wait(for: 1)
            while log.cursor == nil { await Task.yield() }
        }
        let cursor = try #require(log.cursor)
        let written = try CorrelationStore(path: folder("correlation.db"), now: Scene.noon).load().cursor
        #expect(cursor.name == "correlating" && cursor.position >= 1 && cursor.position <= written)
    }
}
