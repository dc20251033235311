import Glibc
import Testing

@testable import Storing

/// Traffic over a log on a disk that can fail, and what became of it.
protocol FaultTraffic: AnyObject {
    init(seed: UInt64) throws
    var disk: FaultDisk { get }
    /// Goes on after a refusal, as senders do; throws when the log cannot be opened.
    func run() async throws
    func close() async
    /// Opens again, counts, sends what was not acknowledged once more, and counts again.
    func check(after what: String) async throws -> FaultTally
}

/// What a restart found of what was acknowledged.
struct FaultTally: Sendable {
    var acknowledged = 0
    var found = 0
    var lost = 0
    var duplicated = 0
    /// Given up, and told: of damaged blocks.
    var told = 0

    static func += (total: inout FaultTally, more: FaultTally) {
        total.acknowledged += more.acknowledged
        total.found += more.found
        total.lost += more.lost
        total.duplicated += more.duplicated
        total.told += more.told
    }
}

enum FaultStrike {
    /// The traffic once for each step that it takes; all steps take some minutes (`make test-faults`), each ordinary run takes other ones.
    static func run<Traffic: FaultTraffic>(
        _ traffic: Traffic.Type,
        _ name: String,
        with fault: FaultDisk.Fault,
        keeping kept: FaultDisk.Kept,
        stride ordinary: UInt64
    ) async throws {
        let quiet = try Traffic(seed: 1)
        try await quiet.run()
        _ = try await quiet.check(after: "nothing")
        let steps = quiet.disk.steps
        #expect(steps > 100, "only \(steps) steps: the traffic is too small to show anything")
        var (total, struck) = (FaultTally(), 0)
        let stride = unsafe getenv("TOCSIN_EVERY_STEP") != nil ? 1 : ordinary
        for step in Swift.stride(from: UInt64.random(in: 1...stride), through: steps, by: Int(stride)) {
            let scene = try Traffic(seed: step)
            scene.disk.plan(fault, atStep: step)
            try? await scene.run()
            struck += scene.disk.hasFailed ? 1 : 0
            await scene.close()
            scene.disk.restart(keeping: kept)
            let what = "\(fault) at step \(step) of \(steps), \(kept) kept"
            do { total += try await scene.check(after: what) } catch { Issue.record("after \(what): \(error); the disk has \(scene.disk.names)") }
            await scene.close()
        }
        print(
            "\(name), \(fault), \(kept) kept: struck at \(struck) of \(steps) steps, acknowledged \(total.acknowledged), found \(total.found), "
                + "lost \(total.lost), duplicated \(total.duplicated), of damaged blocks and told \(total.told)"
        )
        #expect(struck > Int(steps / stride) / 2)
        #expect(total.lost == 0 && total.duplicated == 0)
    }
}
