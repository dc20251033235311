import Glibc

/// libsystemd's sd-journal, loaded while running: a host without it runs the same agent. Source: sd-journal(3).
///
/// Unchecked: functions of a library that is never unloaded.
@safe struct JournalLibrary: @unchecked Sendable {
    typealias Journal = OpaquePointer
    typealias Open = @convention(c) (UnsafeMutablePointer<Journal?>, Int32) -> Int32
    typealias OpenDirectory = @convention(c) (UnsafeMutablePointer<Journal?>, UnsafePointer<CChar>, Int32) -> Int32
    typealias Simple = @convention(c) (Journal) -> Int32
    typealias Close = @convention(c) (Journal) -> Void
    typealias AddMatch = @convention(c) (Journal, UnsafeRawPointer, Int) -> Int32
    typealias Text = @convention(c) (Journal, UnsafePointer<CChar>) -> Int32
    typealias Cursor = @convention(c) (Journal, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32
    typealias Microseconds = @convention(c) (Journal, UnsafeMutablePointer<UInt64>) -> Int32
    typealias Data =
        @convention(c) (
            Journal, UnsafePointer<CChar>, UnsafeMutablePointer<UnsafeRawPointer?>, UnsafeMutablePointer<Int>
        ) -> Int32
    typealias Threshold = @convention(c) (Journal, Int) -> Int32

    let open: Open
    let openDirectory: OpenDirectory
    let close: Close
    let addMatch: AddMatch
    let flushMatches: Close
    let seekHead: Simple
    let seekTail: Simple
    let seekCursor: Text
    let testCursor: Text
    let getCursor: Cursor
    let next: Simple
    let previous: Simple
    let getRealtime: Microseconds
    let getData: Data
    let setThreshold: Threshold
    let getDescriptor: Simple
    let process: Simple

    /// SD_JOURNAL_LOCAL_ONLY
    static let localOnly: Int32 = 1
    private static let names = ["libsystemd.so.0"]

    /// The library, once a process; or why there is none.
    static let shared: Result<JournalLibrary, JournalError> = {
        for name in names {
            if let handle = unsafe dlopen(name, RTLD_NOW | RTLD_LOCAL) {
                return unsafe JournalLibrary(handle).map { .success($0) } ?? .failure(.library("\(name) lacks a function of sd-journal"))
            }
        }
        return .failure(.library("libsystemd.so.0 is not there: apt-get install libsystemd0"))
    }()

    private init?(_ handle: UnsafeMutableRawPointer) {
        func find(_ name: String) -> UnsafeMutableRawPointer? { unsafe dlsym(handle, "sd_journal_" + name) }
        guard let open = unsafe find("open"), let openDirectory = unsafe find("open_directory"), let close = unsafe find("close"),
            let addMatch = unsafe find("add_match"), let flushMatches = unsafe find("flush_matches"), let seekHead = unsafe find("seek_head"),
            let seekTail = unsafe find("seek_tail"), let seekCursor = unsafe find("seek_cursor"), let testCursor = unsafe find("test_cursor"),
            let getCursor = unsafe find("get_cursor"), let next = unsafe find("next"), let previous = unsafe find("previous"),
            let getRealtime = unsafe find("get_realtime_usec"), let getData = unsafe find("get_data"),
            let setThreshold = unsafe find("set_data_threshold"), let getDescriptor = unsafe find("get_fd"), let process = unsafe find("process")
        else { return nil }
        unsafe self.open = unsafeBitCast(open, to: Open.self)
        unsafe self.openDirectory = unsafeBitCast(openDirectory, to: OpenDirectory.self)
        unsafe self.close = unsafeBitCast(close, to: Close.self)
        unsafe self.addMatch = unsafeBitCast(addMatch, to: AddMatch.self)
        unsafe self.flushMatches = unsafeBitCast(flushMatches, to: Close.self)
        unsafe self.seekHead = unsafeBitCast(seekHead, to: Simple.self)
        unsafe self.seekTail = unsafeBitCast(seekTail, to: Simple.self)
        unsafe self.seekCursor = unsafeBitCast(seekCursor, to: Text.self)
        unsafe self.testCursor = unsafeBitCast(testCursor, to: Text.self)
        unsafe self.getCursor = unsafeBitCast(getCursor, to: Cursor.self)
        unsafe self.next = unsafeBitCast(next, to: Simple.self)
        unsafe self.previous = unsafeBitCast(previous, to: Simple.self)
        unsafe self.getRealtime = unsafeBitCast(getRealtime, to: Microseconds.self)
        unsafe self.getData = unsafeBitCast(getData, to: Data.self)
        unsafe self.setThreshold = unsafeBitCast(setThreshold, to: Threshold.self)
        unsafe self.getDescriptor = unsafeBitCast(getDescriptor, to: Simple.self)
        unsafe self.process = unsafeBitCast(process, to: Simple.self)
    }
}

/// Why the journal cannot be read.
enum JournalError: Error, Sendable, Hashable, CustomStringConvertible {
    case library(String)
    case failed(String, code: Int32)

    var description: String {
        switch self {
        case .library(let sentence): "the journal cannot be read: \(sentence)"
        case .failed(let what, let code):
            "the journal cannot be \(what): \(unsafe String(cString: strerror(-code)))"
                + (code == -EACCES || code == -EPERM ? "; the agent's user must be in the group systemd-journal" : "")
        }
    }
}
