package import Operating
package import Telemetry

/// One entry of `oncall`: who is called when a route's or an escalation's receiver is `oncall:NAME`. Pure: a moment goes in, a person comes out.
///
/// Turns are counted on the clock of the rota's place, so that a handover at 09:00 stays at 09:00 when summer time begins or ends. Before
/// `start` the rota is taken as having always run.
package struct OnCallSchedule: Sendable {
    /// A person has the duty between two moments, whatever the rota says.
    package struct Override: Sendable, Hashable {
        package var start: Timestamp
        package var end: Timestamp
        package var person: String

        package init(start: Timestamp, end: Timestamp, person: String) { (self.start, self.end, self.person) = (start, end, person) }
    }

    package let name: String
    package let zone: ZoneRules
    /// Days of one turn: 7 for a weekly rota, 1 for a daily one.
    package let days: Int64
    /// The day on which the first person's turn begins, in the rota's zone.
    package let firstDay: CivilDate
    /// Minute of the day.
    package let handover: Int
    /// Receivers' names, in turn; at least one.
    package let people: [String]
    /// A later one wins over an earlier one.
    package let overrides: [Override]

    package init(name: String, zone: ZoneRules, days: Int64, firstDay: CivilDate, handover: Int, people: [String], overrides: [Override] = []) {
        precondition(days > 0 && !people.isEmpty, "a rota has a length and people")
        (self.name, self.zone, self.days, self.firstDay) = (name, zone, days, firstDay)
        (self.handover, self.people, self.overrides) = (handover, people, overrides)
    }

    /// Who has the duty, since when and until when.
    package func turn(at moment: Timestamp) -> OnCallRecord.Turn {
        let rota = rotaTurn(at: moment)
        let active = overrides.last { $0.start <= moment && moment < $0.end }
        var (start, end) = active.map { ($0.start, $0.end) } ?? (rota.start, rota.end)
        // Other overrides cut into it: their edges are where it may begin or end.
        for edge in overrides.flatMap({ [$0.start, $0.end] }) {
            if edge > start, edge <= moment, person(at: before(edge)) != person(at: edge) { start = edge }
            if edge > moment, edge < end, person(at: before(edge)) != person(at: edge) { end = edge }
        }
        return OnCallRecord.Turn(person: active?.person ?? rota.person, start: start, end: end, isOverride: active != nil)
    }

    package func person(at moment: Timestamp) -> String {
        overrides.last { $0.start <= moment && moment < $0.end }?.person ?? rotaTurn(at: moment).person
    }

    /// The turn of a moment and those behind it.
    package func turns(from moment: Timestamp, count: Int) -> [OnCallRecord.Turn] {
        var (turns, moment) = ([OnCallRecord.Turn](), moment)
        for _ in 0..<max(0, count) {
            let turn = turn(at: moment)
            turns.append(turn)
            moment = turn.end
        }
        return turns
    }

    private func before(_ moment: Timestamp) -> Timestamp { Timestamp(nanoseconds: moment.nanoseconds - 1) }

    private func rotaTurn(at moment: Timestamp) -> (person: String, start: Timestamp, end: Timestamp) {
        let wall = zone.wallClock(at: moment)
        let minutes = (wall.date.daysSinceEpoch - firstDay.daysSinceEpoch) * 1440 + Int64(wall.minute - handover)
        let length = days * 1440
        var number = minutes >= 0 ? minutes / length : (minutes - length + 1) / length
        // An hour that the clock shows twice, or not at all, around a handover.
        if moment < beginning(ofTurn: number) { number -= 1 }
        if moment >= beginning(ofTurn: number + 1) { number += 1 }
        let count = Int64(people.count)
        let index = Int((number % count + count) % count)
        return (people[index], beginning(ofTurn: number), beginning(ofTurn: number + 1))
    }

    private func beginning(ofTurn number: Int64) -> Timestamp {
        zone.moment(day: firstDay.daysSinceEpoch + number * days, minute: handover)
    }
}

extension ZoneRules {
    /// When the clock on the wall shows this; of two such moments the first, and where there is none the moment of the change.
    func moment(day: Int64, minute: Int) -> Timestamp {
        let local = day * 86_400 + Int64(minute) * 60
        let moments = [-86_400, 86_400].map { local - offset(at: Timestamp(nanoseconds: (local + $0) * 1_000_000_000)) }
        let fitting = moments.filter { $0 + offset(at: Timestamp(nanoseconds: $0 * 1_000_000_000)) == local }
        return Timestamp(nanoseconds: (fitting.min() ?? moments.max() ?? local) * 1_000_000_000)
    }
}
