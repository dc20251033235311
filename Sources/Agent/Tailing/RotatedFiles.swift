import Glibc

/// Where files go when a rotation moves them away.
enum RotatedFiles {
    struct Sibling {
        let path: String
        let information: FileInformation
        let isCompressed: Bool

        /// Whether it is what its name says.
        func isRead(_ content: FileContent) -> Bool { isCompressed ? content.isReadableCompressed : content.form == .plain }
    }

    /// The file with this identity, under whichever name it has in its folder now, or in a folder below it (`olddir`).
    static func renamed(_ identity: FileIdentity, from path: String) -> (content: FileContent, path: String)? {
        for folder in Set(PathGlob.resolved(path).map { PathGlob.folder(of: $0) }) {
            if let found = file(identity, in: folder) { return found }
            for below in PathGlob.subfolders(of: folder).prefix(TailingLimits.subfoldersMax) {
                if let found = file(identity, in: below) { return found }
            }
        }
        return nil
    }

    private static func file(_ identity: FileIdentity, in folder: String) -> (content: FileContent, path: String)? {
        for entry in PathGlob.entries(of: folder) where entry.inode == identity.inode {
            let path = folder + "/" + entry.name
            guard let content = FileContent(path: path), content.isReadable else { continue }
            if content.information()?.identity == identity { return (content, path) }
        }
        return nil
    }

    /// What programs that compress put behind a name, of those whose work is read back.
    private static let extensions = [".gz", ".zst", ".xz"]

    private static func compressedExtension(of name: some StringProtocol) -> String? { extensions.first { name.hasSuffix($0) } }

    /// Regular files named after a path by a rotation: `app.log.1`, `app.log-20261009`, `app-20261009.log`, and those with `.gz`, `.zst` or `.xz`
    /// behind it.
    /// - Parameter place: the folder to look into; nil: the path's own and those below it, where only what they hold can tell whose they are.
    static func siblings(of path: String, in place: String? = nil) -> [Sibling] {
        Set(PathGlob.resolved(path)).sorted().flatMap { path in
            let (name, folder) = (PathGlob.name(of: path), PathGlob.folder(of: path))
            let folders = place.map { [$0] } ?? [folder] + PathGlob.subfolders(of: folder).prefix(TailingLimits.subfoldersMax)
            return folders.flatMap { siblings(named: name, in: $0) }
        }
    }

    private static func siblings(named name: String, in folder: String) -> [Sibling] {
        let entries = PathGlob.entries(of: folder).filter { $0.name.hasPrefix(name.prefix(1)) }
        let names = Set(entries.map(\.name))
        return entries.compactMap { entry in
            guard let isCompressed = isRotated(entry.name, from: name) else { return nil }
            // While a file is being compressed both are there, and the new one is not whole.
            if let ending = compressedExtension(of: entry.name), isCompressed, names.contains(String(entry.name.dropLast(ending.count))) {
                return nil
            }
            let sibling = folder + "/" + entry.name
            guard let information = FileInformation(path: sibling), information.isRegular else { return nil }
            return Sibling(path: sibling, information: information, isCompressed: isCompressed)
        }
    }

    /// Whether one name is a rotation's of the other, and whether it is compressed; nil: it is not.
    static func isRotated(_ entry: String, from name: String) -> Bool? {
        var entry = entry[...]
        let ending = compressedExtension(of: entry)
        let isCompressed = ending != nil
        if let ending { entry = entry.dropLast(ending.count) }
        guard entry.utf8.count > name.utf8.count else { return nil }
        if entry.hasPrefix(name), isMark(entry.utf8.dropFirst(name.utf8.count)) { return isCompressed }
        // logrotate's `extension`: the mark stands before the last dot.
        guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return nil }
        let (stem, end) = (name[..<dot], name[dot...])
        guard entry.hasPrefix(stem), entry.hasSuffix(end), entry.utf8.count > stem.utf8.count + end.utf8.count else { return nil }
        return isMark(entry.utf8.dropFirst(stem.utf8.count).dropLast(end.utf8.count)) ? isCompressed : nil
    }

    /// `.1`, `-20261009`, `-2026-10-09_12`
    private static func isMark(_ mark: Substring.UTF8View.SubSequence) -> Bool {
        guard let first = mark.first, first == UInt8(ascii: ".") || first == UInt8(ascii: "-"), mark.contains(where: \.isDigit) else { return false }
        return mark.allSatisfy { $0.isDigit || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
    }
}
