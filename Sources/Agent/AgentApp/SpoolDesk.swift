import Controlling
import JSON
import Operating
import Spooling
import Telemetry

/// Answers `agentctl spool`. Looks at the file beside the spool, on a thread of its own, so that nobody who stores or ships waits for it.
actor SpoolDesk {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private let spool: Spool
    private let inspector: SpoolInspector

    init(_ spool: Spool, folder: String) { (self.spool, inspector) = (spool, SpoolInspector(folder: folder)) }

    func answer(_ command: ControlCommand) async throws(ControlError) -> [UInt8] {
        var writer = JSONWriter()
        do throws(SpoolError) {
            switch command {
            case .spoolStat: try inspector.stat().write(to: &writer)
            case .spoolCheck: try inspector.check().write(to: &writer)
            default:
                let problems = try inspector.check().problems
                if let first = problems.first { try await repair(because: first) }
                writer.beginObject()
                writer.member("problems", problems)
                writer.member("repaired", !problems.isEmpty)
                writer.endObject()
            }
        } catch { throw .refused(error.description) }
        return writer.bytes
    }

    private func repair(because reason: String) async throws(SpoolError) {
        do throws(SinkError) { try await spool.repair(because: reason) } catch { throw .failed(error.description) }
    }
}
