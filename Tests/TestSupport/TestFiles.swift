import Glibc

/// A folder of one test, removed with the value.
package final class TemporaryFolder: Sendable {
    package struct Failed: Error {}

    package let path: String

    package init() throws {
        let base = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/tocsin-test-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw Failed() }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { TestFiles.removeTree(path) }

    package func callAsFunction(_ name: String) -> String { path + "/" + name }
}

/// Files without Foundation, for tests.
package enum TestFiles {
    /// The whole file; nil when it cannot be read.
    package static func bytes(_ path: String) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var content = [UInt8]()
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
            if count <= 0 { return count == 0 ? content : nil }
            content += buffer[..<count]
        }
    }

    package static func read(_ path: String) -> String? { bytes(path).map { String(decoding: $0, as: UTF8.self) } }

    package static func write(_ text: String, to path: String, appending: Bool = false) throws {
        try write(Array(text.utf8), to: path, appending: appending)
    }

    package static func write(_ bytes: [UInt8], to path: String, appending: Bool = false) throws {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | (appending ? O_APPEND : O_TRUNC), 0o644)
        guard descriptor >= 0 else { throw TemporaryFolder.Failed() }
        defer { close(descriptor) }
        var offset = 0
        while offset < bytes.count {
            let written = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress! + offset, bytes.count - offset) }
            guard written > 0 else { throw TemporaryFolder.Failed() }
            offset += written
        }
    }

    package static func makeFolder(_ path: String) { _ = unsafe mkdir(path, 0o755) }

    package static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    /// Removes a file or a folder and all below it; does not follow links.
    package static func removeTree(_ path: String) {
        var information = stat()
        guard unsafe lstat(path, &information) == 0 else { return }
        if information.st_mode & S_IFMT == S_IFDIR, let folder = unsafe opendir(path) {
            while let entry = unsafe readdir(folder) {
                let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                    unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
                }
                if name != ".", name != ".." { removeTree(path + "/" + name) }
            }
            unsafe closedir(folder)
            unsafe rmdir(path)
        } else {
            unsafe unlink(path)
        }
    }
}
