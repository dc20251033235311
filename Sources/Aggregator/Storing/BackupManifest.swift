import Blocks
import Glibc
import JSON
package import Telemetry

// backup.json, version 1: written last, so that a backup without it is not complete.
//
//   {"tocsin_backup": 1, "taken_at": RFC 3339, "end": last position, "rows": N,
//    "files": [{"name": below the folder, "bytes": N, "checksum": 16 hexadecimal digits (FileCopy.swift)}, …]}

/// What a backup consists of.
package struct BackupManifest: Sendable, Hashable {
    package struct File: Sendable, Hashable {
        package var name: String
        package var bytes: Int
        package var checksum: UInt64
    }

    package static let name = "backup.json"
    private static let version = 1

    package var takenAt: Timestamp
    package var end: LogPosition
    package var rows: Int
    package var files: [File]

    package var bytes: Int { files.reduce(0) { $0 + $1.bytes } }

    init(takenAt: Timestamp, end: LogPosition, rows: Int, files: [File]) {
        (self.takenAt, self.end, self.rows, self.files) = (takenAt, end, rows, files)
    }

    var json: String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("tocsin_backup", Self.version)
        writer.member("taken_at", takenAt.rfc3339)
        writer.member("end", end)
        writer.member("rows", rows)
        writer.key("files")
        writer.beginArray()
        for file in files {
            writer.beginObject()
            writer.member("name", file.name)
            writer.member("bytes", file.bytes)
            let digits = String(file.checksum, radix: 16)
            writer.member("checksum", String(repeating: "0", count: 16 - digits.count) + digits)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        writer.endLine()
        return writer.text
    }

    /// - Throws: when the folder holds no complete backup, or one of a newer version.
    package init(readingFrom folder: String) throws(LogError) {
        let path = "\(folder)/\(Self.name)"
        let bytes: [UInt8]
        do throws(LogError) {
            let file = try DiskFile(path, flags: O_RDONLY)
            bytes = try file.read(0..<file.count)
        } catch {
            throw .failed("\(folder) holds no complete backup (\(error)): a backup that was broken off has no \(Self.name), take another one")
        }
        guard let json = try? JSON.parse(String(decoding: bytes, as: UTF8.self)), let version = json["tocsin_backup"]?.integer else {
            throw .failed("\(path) is no list of a backup's files: it is damaged, take another backup")
        }
        guard version == Int64(Self.version) else {
            throw .failed("\(path) was written by a newer version (\(version); this one knows \(Self.version)): restore it with that version")
        }
        guard let taken = json["taken_at"]?.string.flatMap({ Timestamp(rfc3339: $0) }), let end = json["end"]?.integer,
            let rows = json["rows"]?.integer,
            let list = json["files"]?.array
        else { throw .failed("\(path) is damaged: take another backup") }
        var files: [File] = []
        for entry in list {
            guard let name = entry["name"]?.string, let bytes = entry["bytes"]?.integer, bytes >= 0,
                let sum = entry["checksum"]?.string.flatMap({ UInt64($0, radix: 16) }), Self.isSafe(name)
            else { throw .failed("\(path) is damaged: take another backup") }
            files.append(File(name: name, bytes: Int(bytes), checksum: sum))
        }
        self.init(takenAt: taken, end: UInt64(clamping: end), rows: Int(clamping: rows), files: files)
    }

    /// A name from a file never leads out of the folder.
    private static func isSafe(_ name: String) -> Bool {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count <= 2 && parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." } && (parts.count == 1 || parts[0] == "segments")
    }
}
