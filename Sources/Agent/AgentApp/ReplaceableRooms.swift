import Alarming
import Collecting
import Controlling
import Judging
import Operating
import Shipping
import Synchronization
import Tailing

/// The rooms that a reload may change: the judge takes other rules and keeps its alerts; the others are stopped and made anew, and go on from what the
/// spool holds.
struct ReplaceableRooms: Sendable {
    let judge: Judge
    let shipping: Replaceable<ShippingConfig?, Shipper>
    let alarm: Alarm
    let tailing: Replaceable<[TailConfig], Tailer>
    let syslog: Replaceable<[SyslogConfig], SyslogListener>
    let journal: Replaceable<JournalConfig?, JournalReader>
    let collecting: Replaceable<CollectConfig, CollectLoop>

    /// Puts each part in force by itself: what one of them refuses stays as it was, the others change. `inForce` becomes what then holds.
    func put(_ fresh: AgentConfig, inForce: borrowing Mutex<AgentConfig>) async -> ReloadReport {
        let before = inForce.withLock { $0 }
        var report = ReloadReport(needsRestart: before.keysThatNeedARestart(against: fresh))
        var held = before
        let (patterns, rules) = (before.judge.patterns != fresh.judge.patterns, before.judge.groups != fresh.judge.groups)
        if patterns || rules {
            await judge.reload(fresh.judge)
            report.changed += (patterns ? ["patterns"] : []) + (rules ? ["rule_files"] : [])
            held.judge = fresh.judge
        }
        if await replace(collecting, by: fresh.collect, key: "collect", &report) { held.collect = fresh.collect }
        if before.alarm != fresh.alarm {
            alarm.reload(fresh.alarm)
            report.changed.append("local_receivers")
            held.alarm = fresh.alarm
        }
        if await replace(syslog, by: fresh.syslog, key: "syslog", &report) { held.syslog = fresh.syslog }
        if await replace(journal, by: fresh.journal, key: "journald", &report) { held.journal = fresh.journal }
        if await replace(tailing, by: fresh.tails, key: "tail", &report) { held.tails = fresh.tails }
        if await replace(shipping, by: fresh.shipping, key: "aggregator", &report) { held.shipping = fresh.shipping }
        inForce.withLock { $0 = held }
        return report
    }

    private func replace<Settings, Room>(
        _ room: Replaceable<Settings, Room>,
        by settings: Settings,
        key: String,
        _ report: inout ReloadReport
    ) async -> Bool {
        do {
            guard try await room.replace(with: settings) else { return false }
            report.changed.append(key)
            return true
        } catch {
            report.problems.append("\(key): \(error)")
            return false
        }
    }
}
