import Glibc
import Telemetry

/// Metrics that others write into `*.prom` files, as node_exporter's textfile collector: the files of each folder, sorted by name. A file that is
/// wrong costs its own metrics and says where; one that did not change is not read again.
struct TextfileCollector: Collector {
    static let name = "textfile"
    private static let modified = MetricFamily("node_textfile_mtime_seconds", .gauge, "Unixtime mtime of textfiles successfully read.")
    private static let problem = MetricFamily(
        "node_textfile_scrape_error",
        .gauge,
        "1 if there was an error opening or reading a file, 0 otherwise"
    )

    let families = [modified, problem]
    private let folders: [String]
    private let problemSeries = problem.series()
    private var known: [String: Known] = [:]
    /// What all files together said when one of them changed last.
    private var merged = Merged()

    private struct Merged {
        var times: [(series: Labels, value: Double)] = []
        var values: [(series: Labels, value: Double)] = []
        var families: [MetricFamily] = []
        var problems: [String] = []
    }

    /// What a file said when it was read last.
    private struct Known {
        /// Nil when it could not be read: then it is tried again.
        let stamp: Stamp?
        let modified: Labels
        let outcome: Result<[ExposedFamily], TextfileError>
    }

    private struct Stamp: Equatable {
        let device: UInt64
        let inode: UInt64
        let size: Int
        let seconds: Int
        let nanoseconds: Int
        let changedSeconds: Int
        let changedNanoseconds: Int

        var modifiedAt: Double { Double(seconds) + Double(nanoseconds) / 1e9 }
    }

    /// - Parameter folders: absolute; one that is not there is empty, unless it was named by the configuration.
    init(_ config: CollectConfig) { folders = config.textfileFolders }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        var seen: [String: Known] = [:]
        var problems: [String] = []
        var changed = false
        for folder in folders {
            do throws(CollectError) {
                let names = try files.names(in: String(folder.drop { $0 == "/" })).filter { $0.hasSuffix(".prom") }.sorted()
                if names.count > TextfileLimits.filesMax {
                    problems.append("\(folder) has more than \(TextfileLimits.filesMax) files *.prom: the others are left out")
                }
                for name in names.prefix(TextfileLimits.filesMax) {
                    let path = "\(folder)/\(name)"
                    let file = read(path, files)
                    changed = changed || file.stamp == nil || known[path]?.stamp != file.stamp
                    seen[path] = file
                }
            } catch {
                // The folder that Debian's node-exporter brings need not be there.
                if case .unreadable(_, ENOENT) = error, folder == CollectConfig.textfileFolderDefault { continue }
                problems.append(error.description)
            }
        }
        if changed || seen.count != known.count { merge(seen) }
        known = seen
        for (series, value) in merged.times { readings.add(series, value) }
        for (series, value) in merged.values { readings.addForeign(series, value) }
        readings.foreignFamilies = merged.families
        readings.problems = problems + merged.problems
        readings.add(problemSeries, readings.problems.isEmpty ? 0.0 : 1.0)
    }

    private mutating func merge(_ files: [String: Known]) {
        var foreign = ForeignFamilies()
        merged = Merged()
        for (path, file) in files.sorted(by: { $0.key < $1.key }) {
            do throws(TextfileError) {
                let exposed = try file.outcome.get()
                do throws(ForeignFamilies.Conflict) { try foreign.add(exposed, from: path) } catch {
                    throw TextfileError("\(path):\(error.line): \(error.problem)")
                }
                if let stamp = file.stamp { merged.times.append((file.modified, stamp.modifiedAt)) }
            } catch {
                merged.problems.append("\(error.sentence); none of its metrics are used until it is mended")
            }
        }
        merged.values = foreign.values
        merged.families = foreign.families
    }

    private func read(_ path: String, _ files: KernelFiles) -> Known {
        let absolute = files.root + path
        let series = known[path]?.modified ?? Self.modified.series(Label("file", path))
        func failed(_ problem: String, _ stamp: Stamp? = nil) -> Known {
            Known(stamp: stamp, modified: series, outcome: .failure(TextfileError(problem)))
        }
        // Without O_NONBLOCK a FIFO would hold this collector for as long as nobody writes.
        let descriptor = unsafe open(absolute, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return failed(CollectError.unreadable(path: path, errno: errno).description) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { return failed(CollectError.unreadable(path: path, errno: errno).description) }
        guard status.st_mode & S_IFMT == S_IFREG else { return failed("\(path) is no regular file") }
        let stamp = Stamp(
            device: UInt64(status.st_dev),
            inode: UInt64(status.st_ino),
            size: status.st_size,
            seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec,
            changedSeconds: status.st_ctim.tv_sec,
            changedNanoseconds: status.st_ctim.tv_nsec
        )
        if let known = known[path], known.stamp == stamp { return known }
        guard stamp.size <= TextfileLimits.fileBytesMax else {
            return failed("\(path) is longer than \(TextfileLimits.fileBytesMax) bytes", stamp)
        }
        guard let bytes = contents(of: descriptor) else { return failed(CollectError.unreadable(path: path, errno: errno).description) }
        do throws(ExpositionError) {
            let exposed = try ExpositionParser.parse(bytes)
            if let sample = exposed.lazy.flatMap(\.samples).first(where: { $0.timestampMs != nil }) {
                throw ExpositionError(sample.line, "a timestamp: values are as of now, leave it out")
            }
            return Known(stamp: stamp, modified: series, outcome: .success(exposed))
        } catch {
            return failed("\(path):\(error.line): \(error.problem)", stamp)
        }
    }

    /// At most one byte more than the limit, also of a file that grows while it is read.
    private func contents(of descriptor: Int32) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while bytes.count <= TextfileLimits.fileBytesMax {
            let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count < 0 { return nil }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
        return bytes
    }
}

/// The limits of the textfile collector.
enum TextfileLimits {
    /// A script's output is some KiB; a MiB holds 10 000 series.
    static let fileBytesMax = 1024 * 1024
    /// Files of one folder.
    static let filesMax = 256
}

private struct TextfileError: Error {
    let sentence: String
    init(_ sentence: String) { self.sentence = sentence }
}
