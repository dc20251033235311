import Collecting
import Glibc
import Telemetry
import TestSupport

/// Copied /proc trees: `Tests/Fixtures/proc/<kernel>`.
enum Fixture {
    /// The kernel that this was written on, copied; and two more layouts, written after real ones: RHEL 8 (no PSI, fifteen disk columns, NFS)
    /// and Debian 11 (seventeen columns, a processor off line, no IPv6, no /proc/1/mounts); a container of a 6.1 host; an arm64 board (SD card,
    /// frequencies, thermal zones); a server with everything (RAID, bonding, sensors, EDAC, RAPL, processors with numbers left out).
    static let kernels = ["6.18-vm", "4.18-el8", "5.10-debian11", "6.1-container", "6.6-arm64", "6.12-server"]

    static let folder: String = {
        let file = #filePath
        return file.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Fixtures/proc"
    }()

    static func files(_ kernel: String) -> KernelFiles { KernelFiles(root: folder + "/" + kernel, calls: calls) }

    /// Answers that are the same on each machine.
    static let calls = KernelCalls(
        filesystemUsage: { (path) throws(CollectError) in
            if path == "/srv/dead" { throw .call(name: "statvfs(/srv/dead)", errno: EIO) }
            return FilesystemUsage(size: 1_000_000, free: 400_000, available: 350_000, files: 1000, filesFree: 900)
        },
        clockState: {
            ClockState(state: 0, status: 0x2001, offset: -1500, frequency: 65_536, maxError: 2500, estimatedError: 120, constant: 7, tai: 37)
        },
        systemName: {
            SystemName(system: "Linux", node: "web-1", release: "5.10", version: "#1 SMP", machine: "x86_64", domain: "(none)")
        },
        timeZone: { (3600, "CET") }
    )

    static func text(_ path: String) -> String? { TestFiles.read(path) }

    static func collectors(_ files: KernelFiles, _ config: CollectConfig = CollectConfig(), deadline: Duration = .seconds(5)) -> Collectors {
        Collectors(config, files: files, time: ManualTime(), deadline: deadline)
    }

    /// The folders that a file needs.
    static func makeFolders(for file: String) {
        var path = ""
        for folder in file.split(separator: "/").dropLast() {
            path += "/" + folder
            TestFiles.makeFolder(path)
        }
    }

    /// `name{labels}` → value, as the text format writes them.
    static func series(in text: String) -> [String: String] {
        var series: [String: String] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let blank = line.lastIndex(of: " ") else { continue }
            series[String(line[..<blank])] = String(line[line.index(after: blank)...])
        }
        return series
    }
}

extension Scrape {
    func value(_ name: String, _ labels: [Label] = []) -> Double? {
        let series = Labels(name: name, labels)
        return samples.first { $0.series == series }?.value
    }

    func status(_ name: String) -> CollectorStatus? { collectors.first { $0.name == name } }
}
