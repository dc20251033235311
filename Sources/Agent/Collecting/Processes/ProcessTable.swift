import Glibc
import Telemetry

/// One process as `/proc/PID/stat` shows it.
struct ProcessReading {
    let pid: Int32
    /// When it started, in clock ticks since boot: with the pid it names a process for good.
    let start: UInt64
    let state: UInt8
    let threads: UInt64
    /// User and system time since it started, in clock ticks.
    let ticks: UInt64
    let residentPages: UInt64
    /// Where the command's name stands in the text.
    let command: Range<Int>

    /// Nil when the text is not whole.
    init?(pid: Int32, _ text: Span<UInt8>) {
        // The command stands in parentheses and may hold blanks and parentheses itself: the last ")" ends it.
        var (open, close) = (0, text.count - 1)
        while open < text.count, text[open] != UInt8(ascii: "(") { open += 1 }
        while close > open, text[close] != UInt8(ascii: ")") { close -= 1 }
        guard close > open else { return nil }
        var fields = FieldCursor(close + 1..<text.count)
        guard let state = fields.next(in: text), state.count == 1, text[state.lowerBound] < 0x80 else { return nil }
        // The state was field 3; utime and stime are 14 and 15, num_threads 20, starttime 22, rss 24.
        for _ in 4..<14 where fields.next(in: text) == nil { return nil }
        guard let user = fields.nextUInt64(in: text), let system = fields.nextUInt64(in: text) else { return nil }
        for _ in 16..<20 where fields.next(in: text) == nil { return nil }
        guard let threads = fields.nextUInt64(in: text), fields.next(in: text) != nil, let start = fields.nextUInt64(in: text) else { return nil }
        guard fields.next(in: text) != nil, let resident = fields.next(in: text) else { return nil }
        // The file goes on behind it: what is last may be half a number.
        guard fields.next(in: text) != nil else { return nil }
        (self.pid, self.start, self.state, self.threads) = (pid, start, text[state.lowerBound], threads)
        (ticks, command) = (user &+ system, open + 1..<close)
        // Negative for a moment while the kernel's counters of several processors are added up.
        residentPages = text.unsigned(in: resident) ?? 0
    }
}

/// The processes of the last collection and what they had used at the one before.
struct ProcessTable: Sendable {
    struct Entry: Sendable {
        let pid: Int32
        let start: UInt64
        var command: [UInt8]
        var state: UInt8 = 0
        var threads: UInt64 = 0
        var ticks: UInt64 = 0
        /// Used since the collection before; all of it for a process that was not there then.
        var ticksSince: UInt64 = 0
        var residentPages: UInt64 = 0
        /// Which named process it is; nil: not looked at yet, -1: none.
        var group: Int?
        var groupedAt: Timestamp?
        fileprivate var round = 0
    }

    /// By pid.
    private(set) var entries: [Entry] = []
    /// Of this round, not yet in their place.
    private var fresh: [Entry] = []
    private var (round, place) = (0, 0)

    /// Begins a round, in which each process comes once, by pid.
    mutating func begin() {
        round += 1
        place = 0
        // Of a round that was given up.
        fresh.removeAll(keepingCapacity: true)
    }

    /// - Parameter command: of the reading.
    mutating func add(_ process: ProcessReading, command: Span<UInt8>) {
        if !seek(process.pid) {
            fresh.append(Entry(pid: process.pid, start: process.start, command: command.bytes))
            fresh[fresh.count - 1].update(process, command, round)
        } else if entries[place].start == process.start {
            entries[place].update(process, command, round)
        } else {
            entries[place] = Entry(pid: process.pid, start: process.start, command: command.bytes)
            entries[place].update(process, command, round)
        }
    }

    /// A process of which nothing has changed since the round before; nil: it was not there then.
    mutating func keep(_ pid: Int32) -> (state: UInt8, threads: UInt64)? {
        guard seek(pid), entries[place].round == round - 1 else { return nil }
        entries[place].round = round
        entries[place].ticksSince = 0
        return (entries[place].state, entries[place].threads)
    }

    private mutating func seek(_ pid: Int32) -> Bool {
        while place < entries.count, entries[place].pid < pid { place += 1 }
        return place < entries.count && entries[place].pid == pid
    }

    /// Forgets the processes that ended.
    mutating func end() {
        let round = round
        if entries.contains(where: { $0.round != round }) { entries.removeAll { $0.round != round } }
        guard !fresh.isEmpty else { return }
        entries += fresh
        entries.sort { $0.pid < $1.pid }
    }

    func entry(_ pid: Int32) -> Entry? { index(of: pid).map { entries[$0] } }

    private func index(of pid: Int32) -> Int? {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].pid < pid { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && entries[low].pid == pid ? low : nil
    }

    mutating func assign(_ pid: Int32, to group: Int, at moment: Timestamp) {
        guard let index = index(of: pid) else { return }
        (entries[index].group, entries[index].groupedAt) = (group, moment)
    }

    /// Of sysconf(3): 100 a second on each Linux that there is.
    static let ticksPerSecond = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
    static let pageBytes = Double(getpagesize())
}

extension ProcessTable.Entry {
    fileprivate mutating func update(_ process: ProcessReading, _ command: Span<UInt8>, _ round: Int) {
        // exec(2) gives a process another name; what it is has to be found out again.
        if !command.equals(self.command, at: 0..<command.count) { (self.command, group) = (command.bytes, nil) }
        ticksSince = process.ticks >= ticks ? process.ticks - ticks : process.ticks
        (state, threads, ticks, residentPages, self.round) = (process.state, process.threads, process.ticks, process.residentPages, round)
    }
}

extension Span<UInt8> {
    fileprivate var bytes: [UInt8] { (0..<count).map { self[$0] } }
}

/// The limits of what is known about processes.
enum ProcessLimits {
    /// More processes than this and the collector gives up: the kernel's own default limit.
    static let processesMax: UInt64 = 32_768
    /// Processes of one name whose open files are counted; each costs a folder's reading.
    static let countedMax = 256
    /// Processes whose `stat` stays open (and an eighth of the descriptors that this process may have): 2.5 MB of the kernel's memory. Those over it are
    /// opened each time.
    static let keptFilesMax = 512
    /// How much of a command line is matched.
    static let commandLineBytesMax = 4096
    /// After so long a command line is read again: a program may give itself another.
    static let regroupAfter = Duration.seconds(60)
}
