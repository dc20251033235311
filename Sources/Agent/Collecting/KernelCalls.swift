import CKernel
import Glibc

/// System calls that collectors make; tests put other answers in.
package struct KernelCalls: Sendable {
    /// statvfs(2) of a path. May never return: called on threads that can be given up.
    package var filesystemUsage: @Sendable (String) throws(CollectError) -> FilesystemUsage
    /// adjtimex(2), reading only.
    package var clockState: @Sendable () throws(CollectError) -> ClockState
    /// uname(2).
    package var systemName: @Sendable () throws(CollectError) -> SystemName
    /// Offset from UTC in seconds and the zone's short name.
    package var timeZone: @Sendable () -> (offset: Int, name: String)
    /// Grows when a network device came, went or changed; nil: nobody tells.
    package var linkNews: @Sendable () -> UInt64?
    /// Number and address of each network device that this process sees, by name.
    package var links: @Sendable () -> [String: (number: Int64, address: [UInt8])]

    /// Bytes of a page of memory: 4096 on x86, 16 or 64 KiB on some arm64 kernels.
    package var pageBytes: UInt64

    package init(
        filesystemUsage: @escaping @Sendable (String) throws(CollectError) -> FilesystemUsage,
        clockState: @escaping @Sendable () throws(CollectError) -> ClockState,
        systemName: @escaping @Sendable () throws(CollectError) -> SystemName,
        timeZone: @escaping @Sendable () -> (offset: Int, name: String),
        linkNews: @escaping @Sendable () -> UInt64? = { nil },
        links: @escaping @Sendable () -> [String: (number: Int64, address: [UInt8])] = { [:] },
        pageBytes: UInt64 = 4096
    ) {
        (self.filesystemUsage, self.clockState, self.systemName, self.timeZone) = (filesystemUsage, clockState, systemName, timeZone)
        (self.linkNews, self.links, self.pageBytes) = (linkNews, links, pageBytes)
    }

    /// The running kernel's.
    package static let live = KernelCalls(
        filesystemUsage: { (path) throws(CollectError) in try FilesystemUsage(ofMountAt: path) },
        clockState: { () throws(CollectError) in try ClockState.current() },
        systemName: { () throws(CollectError) in try SystemName.current() },
        timeZone: {
            var moment = time(nil)
            var parts = unsafe tm()
            unsafe localtime_r(&moment, &parts)
            return unsafe (parts.tm_gmtoff, parts.tm_zone.map { unsafe String(cString: $0) } ?? "UTC")
        },
        linkNews: { LinkNews.live.count },
        links: { LinkNews.devices() },
        pageBytes: UInt64(max(getpagesize(), 4096))
    )
}

/// What a filesystem says about its space, in bytes and inodes. Source: statvfs(3).
package struct FilesystemUsage: Sendable, Hashable {
    package var size: UInt64
    package var free: UInt64
    /// Free for users other than root.
    package var available: UInt64
    package var files: UInt64
    package var filesFree: UInt64

    package init(size: UInt64, free: UInt64, available: UInt64, files: UInt64, filesFree: UInt64) {
        (self.size, self.free, self.available, self.files, self.filesFree) = (size, free, available, files, filesFree)
    }

    init(ofMountAt path: String) throws(CollectError) {
        var answer = statvfs()
        guard unsafe statvfs(path, &answer) == 0 else { throw .call(name: "statvfs(\(path))", errno: errno) }
        let block = UInt64(answer.f_frsize == 0 ? answer.f_bsize : answer.f_frsize)
        self.init(
            size: UInt64(answer.f_blocks) &* block,
            free: UInt64(answer.f_bfree) &* block,
            available: UInt64(answer.f_bavail) &* block,
            files: UInt64(answer.f_files),
            filesFree: UInt64(answer.f_ffree)
        )
    }
}

/// The kernel's clock discipline, in the units of adjtimex(2).
package struct ClockState: Sendable, Hashable {
    /// The call's return value; 5 (TIME_ERROR): not synchronised.
    package var state: Int
    package var status: Int
    package var isInNanoseconds: Bool
    package var offset: Int
    package var frequency: Int
    package var maxError: Int
    package var estimatedError: Int
    package var constant: Int
    package var tick: Int
    package var ppsFrequency: Int
    package var ppsJitter: Int
    package var ppsShift: Int
    package var ppsStability: Int
    package var ppsJitterCount: Int
    package var ppsCalibrationCount: Int
    package var ppsErrorCount: Int
    package var ppsStabilityCount: Int
    package var tai: Int

    package var isSynchronized: Bool { state != Int(ckernel_time_error) }

    package init(
        state: Int,
        status: Int,
        offset: Int = 0,
        frequency: Int = 0,
        maxError: Int = 0,
        estimatedError: Int = 0,
        constant: Int = 0,
        tick: Int = 10_000,
        tai: Int = 0
    ) {
        (self.state, self.status, self.offset, self.frequency) = (state, status, offset, frequency)
        (self.maxError, self.estimatedError, self.constant, self.tick, self.tai) = (maxError, estimatedError, constant, tick, tai)
        isInNanoseconds = status & Int(ckernel_sta_nano) != 0
        (ppsFrequency, ppsJitter, ppsShift, ppsStability) = (0, 0, 0, 0)
        (ppsJitterCount, ppsCalibrationCount, ppsErrorCount, ppsStabilityCount) = (0, 0, 0, 0)
    }

    static func current() throws(CollectError) -> ClockState {
        var answer = timex()
        let state = unsafe adjtimex(&answer)
        guard state >= 0 else {
            if errno == EPERM { throw .noData("the kernel does not let this process read its clock discipline") }
            throw .call(name: "adjtimex", errno: errno)
        }
        var clock = ClockState(
            state: Int(state),
            status: Int(answer.status),
            offset: answer.offset,
            frequency: answer.freq,
            maxError: answer.maxerror,
            estimatedError: answer.esterror,
            constant: answer.constant,
            tick: answer.tick,
            tai: Int(answer.tai)
        )
        (clock.ppsFrequency, clock.ppsJitter, clock.ppsShift, clock.ppsStability) = (answer.ppsfreq, answer.jitter, Int(answer.shift), answer.stabil)
        (clock.ppsJitterCount, clock.ppsCalibrationCount) = (answer.jitcnt, answer.calcnt)
        (clock.ppsErrorCount, clock.ppsStabilityCount) = (answer.errcnt, answer.stbcnt)
        return clock
    }
}

/// The six words of uname(2).
package struct SystemName: Sendable, Hashable {
    package var system: String
    package var node: String
    package var release: String
    package var version: String
    package var machine: String
    package var domain: String

    package init(system: String, node: String, release: String, version: String, machine: String, domain: String) {
        (self.system, self.node, self.release, self.version, self.machine, self.domain) = (system, node, release, version, machine, domain)
    }

    static func current() throws(CollectError) -> SystemName {
        var answer = utsname()
        guard unsafe uname(&answer) == 0 else { throw .call(name: "uname", errno: errno) }
        func text<Field>(_ field: Field) -> String {
            unsafe withUnsafeBytes(of: field) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        return SystemName(
            system: text(answer.sysname),
            node: text(answer.nodename),
            release: text(answer.release),
            version: text(answer.version),
            machine: text(answer.machine),
            domain: text(answer.__domainname)
        )
    }
}
