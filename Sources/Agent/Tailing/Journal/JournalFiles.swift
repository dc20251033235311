import Glibc
import Telemetry

/// An open journal: the position in it, and the entry there. One thread at a time.
@safe final class JournalFiles {
    private let library: JournalLibrary
    private let journal: OpaquePointer

    /// - Parameter path: a folder of journal files; nil: this system's.
    init(path: String?) throws(JournalError) {
        library = try JournalLibrary.shared.get()
        var opened: OpaquePointer?
        let code =
            if let path { unsafe library.openDirectory(&opened, path, 0) } else { unsafe library.open(&opened, JournalLibrary.localOnly) }
        guard code >= 0, let opened = unsafe opened else { throw .failed("opened", code: code) }
        unsafe journal = opened
        _ = unsafe library.setThreshold(journal, TailingLimits.lineBytesMax + 64)
    }

    deinit { unsafe library.close(journal) }

    // MARK: Where

    /// `FIELD=VALUE`: the same field twice means either, different fields mean both.
    func filter(_ matches: [String]) throws(JournalError) {
        unsafe library.flushMatches(journal)
        for match in matches {
            let bytes = Array(match.utf8)
            try check(unsafe bytes.withUnsafeBytes { unsafe library.addMatch(journal, $0.baseAddress!, bytes.count) }, "filtered by \(match)")
        }
    }

    func seekHead() throws(JournalError) { try check(unsafe library.seekHead(journal), "read from its beginning") }

    /// At the last entry: the next one is one that is not written yet.
    func seekTail() throws(JournalError) {
        try check(unsafe library.seekTail(journal), "read from its end")
        try check(unsafe library.previous(journal), "read from its end")
    }

    /// At the entry of the cursor, or at the nearest one behind it.
    func seek(to cursor: String) throws(JournalError) { try check(unsafe library.seekCursor(journal, cursor), "read from where it was left") }

    /// The next entry. False: there is none yet.
    func next() throws(JournalError) -> Bool {
        let code = unsafe library.next(journal)
        try check(code, "read")
        return code > 0
    }

    /// Whether the entry is the one of this cursor.
    func isAt(_ cursor: String) -> Bool { unsafe library.testCursor(journal, cursor) > 0 }

    func cursor() throws(JournalError) -> String {
        var text: UnsafeMutablePointer<CChar>?
        try check(unsafe library.getCursor(journal, &text), "read")
        guard let text = unsafe text else { return "" }
        defer { unsafe free(text) }
        return unsafe String(cString: text)
    }

    // MARK: What

    /// When journald took the entry.
    func timestamp() -> Timestamp? {
        var microseconds: UInt64 = 0
        guard unsafe library.getRealtime(journal, &microseconds) >= 0, microseconds < 9_000_000_000_000_000 else { return nil }
        return Timestamp(nanoseconds: Int64(microseconds) * 1000)
    }

    /// A field's value; nil where the entry has none.
    func field(_ name: String) -> [UInt8]? {
        var data: UnsafeRawPointer?
        var count = 0
        guard unsafe library.getData(journal, name, &data, &count) >= 0, let data = unsafe data else { return nil }
        let prefix = name.utf8.count + 1
        guard count >= prefix else { return nil }
        return unsafe Array(UnsafeRawBufferPointer(start: data + prefix, count: count - prefix))
    }

    func text(_ name: String) -> String? { field(name).map { String(decoding: $0, as: UTF8.self) } }

    // MARK: News

    /// Can be read when something was written, or files came or went; -1 where there is none.
    var descriptor: Int32 { unsafe library.getDescriptor(journal) }

    /// Looks at what the descriptor told.
    func process() { _ = unsafe library.process(journal) }

    private func check(_ code: Int32, _ what: String) throws(JournalError) {
        guard code >= 0 else { throw .failed(what, code: code) }
    }
}
