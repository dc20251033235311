import Glibc

/// A tmpfs of some megabytes below a test's folder: a disk that can be filled. Only root may make one.
package final class SmallFileSystem: Sendable {
    package let path: String

    /// - Throws: ``TemporaryFolder/Failed`` where this user may not mount.
    package init(at path: String, bytes: Int) throws {
        TestFiles.makeFolder(path)
        let code = unsafe "size=\(bytes)".withCString { unsafe mount("tmpfs", path, "tmpfs", 0, $0) }
        guard code == 0 else { throw TemporaryFolder.Failed() }
        self.path = path
    }

    deinit {
        // MNT_DETACH, an anonymous enumeration in C: whoever has a file open keeps it until then.
        _ = unsafe umount2(path, 2)
    }

    /// Why a test of this kind did not run; nil: it can.
    package static var obstacle: String? {
        geteuid() == 0 ? nil : "a small file system can only be mounted by root"
    }

    package func callAsFunction(_ name: String) -> String { path + "/" + name }

    /// Fills the file system to its last byte, as somebody else's program would. Gives the file's name.
    package func fill() -> String {
        let name = self("ballast")
        let descriptor = unsafe open(name, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        defer { close(descriptor) }
        for size in [65_536, 4096, 1] {
            let bytes = [UInt8](repeating: 1, count: size)
            while unsafe write(descriptor, bytes, size) == size {}
        }
        return name
    }
}
