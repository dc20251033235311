import Configuring
import Glibc
import JSON
import Operating
import Storing
import Telemetry

/// `tocsin-aggregator verify|backup|restore`: what people do with the log beside the aggregator.
package enum UpkeepProgram {
    /// The other databases in the log's folder.
    private static let companions = ["correlation.db", "notifications.db"]

    /// Exit codes of `verify`; the others return 0 or 1.
    package enum VerifyExit {
        package static let sound: Int32 = 0
        package static let damaged: Int32 = 1
        package static let notChecked: Int32 = 2
    }

    // MARK: The commands

    /// - Parameters:
    ///   - storage: `--storage`; nil: what the configuration says.
    ///   - config: `--config`.
    package static func verify(storage: String?, config: String?, json: Bool) async -> Int32 {
        guard let path = storagePath(storage, config) else { return VerifyExit.notChecked }
        let line = ProgressLine("verify")
        do {
            let report = try await Upkeep().verify(path, companions) { progress in
                line.show(progress.bytesDone, of: progress.bytesTotal, more: progress.findings == 0 ? "" : ", \(progress.findings) findings")
            }
            line.clear()
            if json {
                var writer = JSONWriter()
                report.write(to: &writer)
                print(writer.text)
            } else {
                print(text(of: report))
            }
            return report.isSound ? VerifyExit.sound : VerifyExit.damaged
        } catch {
            line.clear()
            return fail(error, json: json, code: VerifyExit.notChecked)
        }
    }

    package static func backup(to target: String, storage: String?, config: String?, json: Bool) async -> Int32 {
        guard let path = storagePath(storage, config) else { return ExitCode.failure }
        let line = ProgressLine("backup")
        do {
            let manifest = try await Upkeep().backup(path, to: target, companions) { line.show($0.bytesDone, of: $0.bytesTotal) }
            line.clear()
            tell(manifest, did: "copied to", target, json: json)
            return ExitCode.success
        } catch {
            line.clear()
            return fail(error, json: json, code: ExitCode.failure)
        }
    }

    package static func restore(from backup: String, storage: String?, config: String?, json: Bool) async -> Int32 {
        guard let path = storagePath(storage, config) else { return ExitCode.failure }
        let line = ProgressLine("restore")
        do {
            let manifest = try await Upkeep().restore(backup, to: path) { line.show($0.bytesDone, of: $0.bytesTotal) }
            line.clear()
            tell(manifest, did: "restored into", path, json: json)
            return ExitCode.success
        } catch {
            line.clear()
            return fail(error, json: json, code: ExitCode.failure)
        }
    }

    // MARK: Words

    static func text(of report: LogVerification) -> String {
        var lines = report.findings.map { finding in
            let place = finding.bytes.map { " at byte \($0.lowerBound) (\($0.count) bytes)" } ?? ""
            return "\(finding.file)\(place): \(finding.detail)\n    \(finding.meaning)"
        }
        for leftover in report.leftovers { lines.append("\(leftover): left by a crash, the next start removes it") }
        if report.setAside > 0 { lines.append("\(report.setAside) blocks were found damaged before and are recorded as gaps") }
        let checked =
            "\(report.rows) rows in \(report.sealedBlocks) sealed blocks (\(report.segments) segments, \(ProgressLine.bytes(report.segmentBytes))) and "
            + "\(report.arrivals) arrivals"
        if report.isSound {
            lines.append("\(report.path) is sound: \(checked)")
        } else {
            let lost = report.findings.filter(\.isLoss).reduce(0) { $0 + $1.rows }
            lines.append("\(report.path) is damaged: \(report.findings.count) findings, \(lost) rows concerned of \(checked)")
        }
        return lines.joined(separator: "\n")
    }

    private static func tell(_ manifest: BackupManifest, did: String, _ folder: String, json: Bool) {
        guard json else {
            print(
                "\(manifest.rows) rows up to position \(manifest.end), \(manifest.files.count) files, \(ProgressLine.bytes(manifest.bytes)) \(did) \(folder)"
            )
            return
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("folder", folder)
        writer.member("taken_at", manifest.takenAt.rfc3339)
        writer.member("end", manifest.end)
        writer.member("rows", manifest.rows)
        writer.member("files", manifest.files.count)
        writer.member("bytes", manifest.bytes)
        writer.endObject()
        print(writer.text)
    }

    private static func fail(_ error: any Error, json: Bool, code: Int32) -> Int32 {
        if json {
            var writer = JSONWriter()
            writer.beginObject()
            writer.member("error", "\(error)")
            writer.endObject()
            print(writer.text)
        } else {
            ProgressLine.write("\(error)\n")
        }
        return code
    }

    /// Nil when the configuration has mistakes, which were told, or the log is in memory.
    private static func storagePath(_ storage: String?, _ config: String?) -> String? {
        var path = storage
        if path == nil {
            let problems = ConfigProblems()
            let known = config ?? (unsafe access(AggregatorConfig.pathDefault, F_OK) == 0 ? AggregatorConfig.pathDefault : nil)
            path = AggregatorConfig.read(path: known, environment: { Environment[$0] }, problems: problems).storage.path
            for problem in problems.all { ProgressLine.write(problem.description + "\n") }
            guard problems.isEmpty else { return nil }
        }
        guard var path, !path.isEmpty, path != StorageConfig.memoryPath else {
            ProgressLine.write("the log is in memory (storage.path is \(StorageConfig.memoryPath)): there is nothing on disk\n")
            return nil
        }
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }
}

/// Blocking calls on a thread of their own.
private actor Upkeep {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    func verify(
        _ path: String,
        _ companions: [String],
        progress: @Sendable (LogInspector.Progress) -> Void
    ) throws(LogError) -> LogVerification {
        OpenFiles.raiseLimit()
        return try LogInspector.verify(path, companions: companions, progress: progress)
    }

    func backup(_ path: String, to target: String, _ companions: [String], progress: @Sendable (LogBackup.Progress) -> Void) throws(LogError)
        -> BackupManifest
    {
        OpenFiles.raiseLimit()
        return try LogBackup.take(of: path, to: target, companions: companions, now: SystemTime().now(), progress: progress)
    }

    func restore(_ backup: String, to path: String, progress: @Sendable (LogBackup.Progress) -> Void) throws(LogError) -> BackupManifest {
        try LogBackup.restore(backup, to: path, progress: progress)
    }
}
