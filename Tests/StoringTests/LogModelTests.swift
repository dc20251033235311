import Glibc
import Telemetry
import TestSupport
import Testing

@testable import Storing

/// The log against plain arrays: appends of all kinds, repeats, keys, sealing, merging, retention, restarts, and every way to read.
struct LogModelTests {
    /// More of them with `make test-faults`; one of them again with `TOCSIN_MODEL_SEED`.
    private static var seeds: [UInt64] {
        func number(_ name: String) -> UInt64? { unsafe getenv(name).flatMap { UInt64(unsafe String(cString: $0)) } }
        if let one = number("TOCSIN_MODEL_SEED") { return [one] }
        return Array(1...(number("TOCSIN_MODEL_SEEDS") ?? 12))
    }

    @Test(arguments: seeds)
    func `random operations leave what the model says`(seed: UInt64) async throws {
        let run = try await ModelRun(seed: seed)
        do {
            for _ in 0..<120 { try await run.step() }
            try await run.finish()
        } catch {
            let operations = run.model.operations.joined(separator: "\n")
            Issue.record("seed \(seed) (TOCSIN_MODEL_SEED=\(seed) runs it alone): \(error)\n\(operations)")
        }
    }
}
