import Configuring
import Operating
import Telemetry
import TestSupport
import Testing

@testable import Notifying

@Suite struct OnCallTests {
    private func moment(_ text: String) throws -> Timestamp { try #require(Timestamp(rfc3339: text)) }

    private func rota(days: Int64 = 7, zone: String = "Europe/Berlin", overrides: [OnCallSchedule.Override] = []) throws -> OnCallSchedule {
        OnCallSchedule(
            name: "primary",
            zone: try ZoneRules.named(zone),
            days: days,
            firstDay: CivilDate(year: 2026, month: 1, day: 5),
            handover: 9 * 60,
            people: ["ann", "bob", "cid"],
            overrides: overrides
        )
    }

    @Test(arguments: [
        // Monday 09:00 in Berlin is 08:00 UTC in winter and 07:00 in summer.
        ("2026-01-05T07:59:59Z", "cid"), ("2026-01-05T08:00:00Z", "ann"), ("2026-01-12T07:59:59Z", "ann"), ("2026-01-12T08:00:00Z", "bob"),
        ("2026-01-19T08:00:00Z", "cid"), ("2026-01-26T08:00:00Z", "ann"),
        // The week in which summer time begins: twelve turns later, an hour less.
        ("2026-03-30T06:59:59Z", "cid"), ("2026-03-30T07:00:00Z", "ann"), ("2026-10-26T07:59:59Z", "cid"), ("2026-10-26T08:00:00Z", "ann"),
        // Before its start it is taken as having run.
        ("2025-12-29T08:00:00Z", "cid"), ("2025-12-22T08:00:00Z", "bob"),
    ])
    func `the turn changes at the handover by the clock of the place`(text: String, person: String) throws {
        #expect(try rota().person(at: moment(text)) == person)
    }

    @Test func `an override has the duty from its first moment to its last, and cuts the turns around it`() throws {
        let override = OnCallSchedule.Override(start: try moment("2026-01-07T00:00:00Z"), end: try moment("2026-01-08T00:00:00Z"), person: "eve")
        let rota = try self.rota(overrides: [override])
        #expect(try rota.person(at: moment("2026-01-06T23:59:59Z")) == "ann")
        #expect(try rota.person(at: moment("2026-01-07T00:00:00Z")) == "eve")
        #expect(try rota.person(at: moment("2026-01-08T00:00:00Z")) == "ann")
        let turns = rota.turns(from: try moment("2026-01-06T00:00:00Z"), count: 4)
        #expect(turns.map(\.person) == ["ann", "eve", "ann", "bob"])
        #expect(turns.map(\.isOverride) == [false, true, false, false])
        #expect(
            turns.map(\.start.rfc3339) == ["2026-01-05T08:00:00Z", "2026-01-07T00:00:00Z", "2026-01-08T00:00:00Z", "2026-01-12T08:00:00Z"]
        )
        for (turn, next) in zip(turns, turns.dropFirst()) { #expect(turn.end == next.start) }
    }

    @Test func `every moment of a year lies in the turn that it is said to lie in, and turns follow without a gap`() throws {
        for days in [Int64(1), 7] {
            let rota = try self.rota(days: days, zone: "America/New_York")
            var moment = try self.moment("2026-01-01T00:00:00Z")
            let end = try self.moment("2027-01-01T00:00:00Z")
            while moment < end {
                let turn = rota.turn(at: moment)
                try #require(turn.start <= moment && moment < turn.end)
                #expect(rota.turn(at: turn.end).start == turn.end)
                moment = moment.advanced(by: .seconds(1801))
            }
        }
    }

    private func read(_ text: String) throws -> (rotas: [OnCallSchedule], problems: [String]) {
        let folder = try TemporaryFolder()
        try TestFiles.write(text, to: folder("c.yaml"))
        let problems = ConfigProblems()
        let reader = ConfigReader(ConfigFile.load(folder("c.yaml"), problems: problems), file: "c.yaml", problems: problems) { _ in nil }
        let rotas = OnCallSchedule.readAll(reader, receivers: ["ann", "bob"])
        reader.finish()
        return (rotas, problems.all.map(\.description))
    }

    @Test func `a rota is read from the configuration`() throws {
        let (rotas, problems) = try read(
            """
            oncall:
              - name: primary
                time_zone: Europe/Berlin
                rotation: weekly
                handover: "Tuesday 09:30"
                start: 2026-01-05
                people: [ann, bob]
                overrides:
                  - {start: "2026-12-24 18:00", end: 2026-12-27, person: bob}
            """
        )
        #expect(problems == [])
        let rota = try #require(rotas.first)
        // The first Tuesday from its start on.
        #expect(rota.firstDay == CivilDate(year: 2026, month: 1, day: 6))
        #expect(rota.handover == 570)
        #expect(rota.overrides.map(\.start.rfc3339) == ["2026-12-24T17:00:00Z"])
        #expect(rota.overrides.map(\.end.rfc3339) == ["2026-12-26T23:00:00Z"])
    }

    @Test(arguments: [
        ("{name: a, start: 2026-01-05, people: [eve]}", "there is no receiver \"eve\""),
        ("{name: a, start: 2026-01-05}", "people: missing"), ("{name: a, people: [ann]}", "start: missing"),
        ("{name: a, start: 2026-02-30, people: [ann]}", "start"),
        ("{name: a, start: 2026-01-05, people: [ann], handover: \"Someday 09:00\"}", "handover"),
        ("{name: a, start: 2026-01-05, people: [ann], handover: \"Monday 9:00\"}", "handover"),
        ("{name: a, start: 2026-01-05, people: [ann], time_zone: Europe/Atlantis}", "Europe/Atlantis"),
        ("{name: a, start: 2026-01-05, people: [ann], overrides: [{start: 2026-01-07, end: 2026-01-06, person: ann}]}", "not after start"),
        ("{name: a, start: 2026-01-05, people: [ann], rotation: yearly}", "rotation"),
    ])
    func `a mistake in a rota is told`(entry: String, part: String) throws {
        let (_, problems) = try read("oncall:\n  - \(entry)\n")
        #expect(problems.contains { $0.contains(part) }, "\(problems)")
    }
}
