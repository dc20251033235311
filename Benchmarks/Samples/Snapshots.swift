import Blocks
import Glibc
import Sealing
import Telemetry

/// Collections of a real host: files that `tocsin-agent --once --format prometheus` wrote, each named by its time in nanoseconds (`….txt`).
enum Snapshots {
    static let agent = UUID(high: 1, low: 2)

    static func read(_ folder: String) -> [Arrival] {
        var arrivals = [Arrival]()
        for name in names(in: folder).sorted() {
            guard let time = Int64(name.dropLast(4)) else { continue }
            let samples = text(of: folder + "/" + name).split(separator: "\n").compactMap { sample($0, at: Timestamp(nanoseconds: time)) }
            if !samples.isEmpty { arrivals.append(arrival(samples, LogPosition(arrivals.count + 1), agent: agent)) }
        }
        return arrivals
    }

    static func arrival(_ samples: [Sample], _ position: LogPosition, agent: UUID) -> Arrival {
        let time = samples[0].timestamp
        return Arrival(
            StoredBlock(
                position: position,
                kind: .samples,
                bytes: SampleBlock.encode(samples),
                count: samples.count,
                from: time,
                to: time,
                receivedAt: time,
                origin: RowOrigin(agent: agent, lane: .metrics, sequence: position, block: 0, row: 0),
                host: "web-1"
            )
        )
    }

    /// `name{label="value",…} value`.
    private static func sample(_ line: Substring, at time: Timestamp) -> Sample? {
        guard !line.hasPrefix("#"), let space = line.lastIndex(of: " "), let value = Double(String(line[line.index(after: space)...])) else {
            return nil
        }
        let series = line[..<space]
        var labels = [Label("host", "web-1"), Label("instance", "web-1"), Label("job", "tocsin")]
        guard let brace = series.firstIndex(of: "{") else {
            return Sample(series: Labels(name: String(series), labels), timestamp: time, value: value)
        }
        for pair in series[series.index(after: brace)...].dropLast().split(separator: ",") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { labels.append(Label(String(parts[0]), String(parts[1].dropFirst().dropLast()))) }
        }
        return Sample(series: Labels(name: String(series[..<brace]), labels), timestamp: time, value: value)
    }

    private static func names(in folder: String) -> [String] {
        var names = [String]()
        guard let directory = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(directory) }
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name.hasSuffix(".txt") { names.append(name) }
        }
        return names
    }

    private static func text(of path: String) -> String {
        guard let file = unsafe fopen(path, "r") else { return "" }
        defer { unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4 << 20)
        let count = unsafe fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
