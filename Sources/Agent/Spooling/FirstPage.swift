import Glibc
import SQLite
import Telemetry

/// The first page of a spool's file holds SQLite's header and the schema, or where its pages are. Both are the same in every spool of a schema version
/// but for a few numbers, so what is damaged or cut off of them can be made again: from a spool that is made anew for it.
enum FirstPage {
    private static let suffix = ".mended"
    private static let pageBytes = 4096

    /// A copy of the file, with its log, whose first page is made again, and what was cut off of the tables' roots; nil when that cannot be.
    /// - Parameter withSchema: the other pages of the schema, too.
    static func mendedCopy(of path: String, withSchema: Bool) -> String? {
        let (copy, pages) = (path + suffix, fileSize(path) / pageBytes)
        guard pages > 1, var fresh = freshFile(beside: path), duplicate(path, as: copy) else {
            removeCopy(copy)
            return nil
        }
        _ = duplicate(path + "-wal", as: copy + "-wal")
        let freshPages = fresh.count / pageBytes
        // Offset 28: how many pages there are. 32 and 36: the list of free ones, which a reader does not need. (SQLite file format, §1.3)
        put(UInt32(max(pages, freshPages)), at: 28, in: &fresh)
        put(0, at: 32, in: &fresh)
        put(0, at: 36, in: &fresh)
        let descriptor = unsafe open(copy, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var wanted = [0] + (withSchema ? schemaPages(fresh) : [])
        if pages < freshPages { wanted += pages..<freshPages }
        for page in wanted where (page + 1) * pageBytes <= fresh.count {
            let content = Array(fresh[page * pageBytes..<(page + 1) * pageBytes])
            guard unsafe pwrite(descriptor, content, pageBytes, page * pageBytes) == pageBytes else { return nil }
        }
        return copy
    }

    /// Whether a file is shorter than its own header says.
    static func isShort(_ path: String) -> Bool {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        var header = [UInt8](repeating: 0, count: 32)
        guard unsafe pread(descriptor, &header, 32, 0) == 32 else { return true }
        return header[28..<32].reduce(0) { $0 << 8 | Int($1) } > fileSize(path) / pageBytes
    }

    /// Pages below the first one in the tree of the schema, counted from 0. (SQLite file format, §1.6: an interior page of a table)
    private static func schemaPages(_ file: [UInt8]) -> [Int] {
        func number(_ offset: Int, _ width: Int) -> Int { (0..<width).reduce(0) { $0 << 8 | Int(file[offset + $1]) } }
        let header = 100
        guard file.count >= pageBytes, file[header] == 5 else { return [] }
        let cells = (0..<number(header + 3, 2)).map { number(header + 12 + 2 * $0, 2) }
        return ([number(header + 8, 4)] + cells.filter { $0 + 4 <= pageBytes }.map { number($0, 4) }).map { $0 - 1 }
    }

    static func removeCopy(_ path: String?) {
        guard let path, path.hasSuffix(suffix) else { return }
        remove(path)
    }

    private static func remove(_ path: String) { for end in ["", "-wal", "-shm"] { unsafe unlink(path + end) } }

    private static func freshFile(beside path: String) -> [UInt8]? {
        let fresh = path + ".fresh"
        remove(fresh)
        defer { remove(fresh) }
        let house = SpoolHouse(config: SpoolConfig(path: ""), host: "", tags: [], machine: 0)
        let now = Timestamp(nanoseconds: 0)
        guard let store = try? SpoolStore(path: fresh, house: house, newAgent: UUID(high: 0, low: 1), at: now) else { return nil }
        guard (try? store.connection.checkpoint(.truncate)) == true else { return nil }
        let descriptor = unsafe open(fresh, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var file = [UInt8](repeating: 0, count: fileSize(fresh))
        return unsafe pread(descriptor, &file, file.count, 0) == file.count && file.count >= pageBytes ? file : nil
    }

    private static func put(_ number: UInt32, at offset: Int, in page: inout [UInt8]) {
        for index in 0..<4 { page[offset + index] = UInt8(truncatingIfNeeded: number >> UInt32(24 - 8 * index)) }
    }

    private static func fileSize(_ path: String) -> Int {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    private static func duplicate(_ path: String, as copy: String) -> Bool {
        let source = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { return false }
        defer { close(source) }
        let target = unsafe open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard target >= 0 else { return false }
        defer { close(target) }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = unsafe read(source, &buffer, buffer.count)
            if count == 0 { return true }
            guard count > 0, unsafe write(target, buffer, count) == count else { return false }
        }
    }
}
