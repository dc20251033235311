import Telemetry
import TestSupport
import Testing

@testable import Ruling

@Suite struct GroupScheduleTests {
    static let noon = Timestamp(milliseconds: 1_767_268_800_000)
    static func at(_ seconds: Double) -> Timestamp { noon.advanced(by: .seconds(seconds)) }

    @Test func `the first turn is due at once, the next ones on the group's own grid`() throws {
        var schedule = GroupSchedule(interval: .seconds(15), name: "rules.yaml;disks")
        #expect(schedule.next(at: Self.at(0)) == Self.at(0))
        #expect(schedule.begin(at: Self.at(0)) == GroupSchedule.Turn(moment: Self.at(0), missed: 0))
        #expect(schedule.begin(at: Self.at(0.001)) == nil)
        let second = schedule.next(at: Self.at(0.001))
        #expect(second > Self.at(0.001) && second <= Self.at(15))
        #expect(schedule.begin(at: second.advanced(by: .milliseconds(3))) == GroupSchedule.Turn(moment: second, missed: 0))
        #expect(schedule.next(at: second) == second.advanced(by: .seconds(15)))
    }

    @Test func `the grid does not move with restarts`() {
        var before = GroupSchedule(interval: .seconds(15), name: "g")
        _ = before.begin(at: Self.at(0))
        var after = GroupSchedule(interval: .seconds(15), name: "g")
        _ = after.begin(at: Self.at(1.7))
        let step = Int64(15_000_000_000)
        #expect((before.next(at: Self.at(2)).nanoseconds - after.next(at: Self.at(2)).nanoseconds) % step == 0)
    }

    @Test func `what was left out is counted`() {
        var schedule = GroupSchedule(interval: .seconds(15), name: "g")
        _ = schedule.begin(at: Self.at(0))
        let first = schedule.next(at: Self.at(0.1))
        let turn = schedule.begin(at: first.advanced(by: .seconds(47)))
        #expect(turn == GroupSchedule.Turn(moment: first.advanced(by: .seconds(45)), missed: 3))
    }

    @Test func `a clock that was set back stops nothing`() {
        var schedule = GroupSchedule(interval: .seconds(15), name: "g")
        _ = schedule.begin(at: Self.at(3600))
        #expect(schedule.next(at: Self.at(0)) == Self.at(0))
        #expect(schedule.begin(at: Self.at(0)) != nil)
        #expect(schedule.begin(at: Self.at(0.1)) == nil)
    }

    @Test(arguments: 0..<50)
    func `whenever it is asked, each moment of the grid is evaluated or missed, once`(_ seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let interval = Duration.milliseconds(Int.random(in: 100...60_000, using: &random))
        var schedule = GroupSchedule(interval: interval, name: "group \(seed)")
        var now = Self.noon
        _ = schedule.begin(at: now)
        var (last, turns, missed) = (schedule.moment(at: now), 0, UInt64(0))
        let first = last
        for _ in 0..<500 {
            now = now.advanced(by: .milliseconds(Int.random(in: 1...90_000, using: &random)))
            let expected = schedule.next(at: now)
            guard let turn = schedule.begin(at: now) else {
                #expect(expected > now)
                continue
            }
            #expect(expected == now)
            #expect(turn.moment > last && turn.moment <= now)
            (last, turns, missed) = (turn.moment, turns + 1, missed + turn.missed)
        }
        let moments = last.duration(since: first).wholeNanoseconds / interval.wholeNanoseconds
        #expect(UInt64(turns) + missed == UInt64(moments))
    }
}
