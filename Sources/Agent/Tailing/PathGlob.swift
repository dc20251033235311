import Glibc

/// A path with wildcards. Source: glob(3), fnmatch(3).
struct PathGlob: Hashable, Sendable {
    let pattern: String

    /// About a file's name alone, wherever it is.
    var isName: Bool { !pattern.utf8.contains(UInt8(ascii: "/")) }

    /// Paths that match now, sorted.
    func paths() -> [String] { PathGlob.expand(pattern) }

    func matches(_ path: String) -> Bool { unsafe fnmatch(pattern, path, FNM_PATHNAME | FNM_PERIOD) == 0 }

    /// Folders in which a match can appear, as far as they exist: each folder on the way from the first wildcard to the file. Where one is
    /// missing, the nearest one above it, so that its coming is seen.
    func folders() -> [String] {
        let parts = pattern.split(separator: "/").map(String.init)
        guard !parts.isEmpty else { return [] }
        var folders: [String] = []
        let firstWild = parts.firstIndex { PathGlob.hasWildcards($0) } ?? parts.count - 1
        for depth in firstWild..<parts.count {
            let prefix = "/" + parts[..<depth].joined(separator: "/")
            folders += PathGlob.hasWildcards(prefix) ? PathGlob.expand(prefix) : [PathGlob.nearestFolder(prefix)]
        }
        return folders.filter { FileInformation(path: $0)?.isFolder == true }
    }

    private static func nearestFolder(_ path: String) -> String {
        var path = path
        while path.count > 1, FileInformation(path: path)?.isFolder != true { path = PathGlob.folder(of: path) }
        return path
    }

    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    static func name(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return path }
        return String(path[path.index(after: slash)...])
    }

    /// The path, and where it leads if links are on the way: a link's file is rotated in its own folder.
    static func resolved(_ path: String) -> [String] {
        guard let real = unsafe realpath(path, nil) else { return [path] }
        defer { unsafe free(real) }
        let target = unsafe String(cString: real)
        return target == path ? [path] : [path, target]
    }

    private static func hasWildcards(_ text: String) -> Bool {
        text.utf8.contains { [UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "[")].contains($0) }
    }

    private static func expand(_ pattern: String) -> [String] {
        var result = unsafe glob_t()
        defer { unsafe globfree(&result) }
        guard unsafe glob(pattern, 0, nil, &result) == 0 else { return [] }
        return unsafe (0..<Int(result.gl_pathc)).compactMap { index in
            unsafe result.gl_pathv[index].map { unsafe String(cString: $0) }
        }
    }

    /// Folders in a folder, sorted; links are not followed.
    static func subfolders(of folder: String) -> [String] {
        entries(of: folder).filter { $0.isFolder && $0.name != "." && $0.name != ".." }.map { folder + "/" + $0.name }.sorted()
    }

    /// Names of a folder with their inodes; empty when it cannot be read.
    static func entries(of folder: String) -> [(name: String, inode: UInt64, isFolder: Bool)] {
        guard let stream = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(stream) }
        var entries: [(name: String, inode: UInt64, isFolder: Bool)] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                unsafe tuple.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            unsafe entries.append((name, UInt64(entry.pointee.d_ino), Int32(entry.pointee.d_type) == Int32(DT_DIR)))
        }
        return entries
    }
}
