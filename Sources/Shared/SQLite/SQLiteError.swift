import CSQLite

/// What SQLite, or the check of a file's schema, refused. The description says what failed, and what to do about it.
package struct SQLiteError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Code: Sendable, Hashable {
        /// SQLite's extended result code.
        case sqlite(Int32)
        /// The file was written by a newer version of the program: it is left alone.
        case newerSchema
        /// The file was written by an older version, and whoever opened it may only read.
        case olderSchema
        /// The file is a SQLite database of another program's.
        case foreignFile
    }

    package let code: Code
    /// SQLite's words.
    package let message: String
    /// The statement, cut after 200 characters; nil where there is none. Bound values are never in it.
    package let sql: String?
    /// The file.
    package let path: String

    package init(code: Code, message: String, sql: String?, path: String) {
        (self.code, self.message, self.sql, self.path) = (code, message, sql.map { String($0.prefix(200)) }, path)
    }

    /// The primary result code, without its extension; 0 for our own codes.
    package var primaryCode: Int32 {
        guard case .sqlite(let code) = code else { return 0 }
        return code & 0xFF
    }

    private var extendedCode: Int32 {
        guard case .sqlite(let code) = code else { return 0 }
        return code
    }

    /// The disk, or the file's own page limit, is full.
    package var isFull: Bool { primaryCode == SQLITE_FULL }
    /// The file's content is damaged, or it is no database.
    package var isCorrupt: Bool { primaryCode == SQLITE_CORRUPT || primaryCode == SQLITE_NOTADB }
    /// Another connection holds the lock, and the busy time-out is over.
    package var isBusy: Bool { primaryCode == SQLITE_BUSY || primaryCode == SQLITE_LOCKED }
    /// The operating system refused a read, a write or a sync. After a failed sync the connection must not be used again: what the kernel
    /// dropped is not written by trying again.
    package var isInputOutput: Bool { primaryCode == SQLITE_IOERR }
    /// For damage that a layer above finds.
    package static let corruptCode = SQLITE_CORRUPT
    /// For what a layer above finds against its own rules.
    package static let constraintCode = SQLITE_CONSTRAINT
    package var isConstraint: Bool { primaryCode == SQLITE_CONSTRAINT }
    /// A UNIQUE or PRIMARY KEY constraint: the row is there already.
    package var isUniqueViolation: Bool {
        // SQLITE_CONSTRAINT_UNIQUE and SQLITE_CONSTRAINT_PRIMARYKEY; the C macros are expressions that Swift does not import.
        extendedCode == SQLITE_CONSTRAINT | (8 << 8) || extendedCode == SQLITE_CONSTRAINT | (6 << 8)
    }

    /// A metric label; never holds a value.
    package var label: StaticString {
        switch code {
        case .newerSchema: "newer_schema"
        case .olderSchema: "older_schema"
        case .foreignFile: "foreign_file"
        case .sqlite:
            if isFull { "full" } else if isCorrupt { "corrupt" } else if isBusy { "busy" } else if isInputOutput { "io" } else { "other" }
        }
    }

    /// What to do, as the end of a sentence.
    package var remedy: String {
        switch code {
        case .newerSchema: "install the version that wrote it, or a newer one; nothing was changed"
        case .olderSchema: "start its program once, then try again; nothing was changed"
        case .foreignFile: "give this program a path of its own; nothing was changed"
        case .sqlite:
            switch primaryCode {
            case SQLITE_FULL: "free some space on the file system of \(path)"
            case SQLITE_CORRUPT, SQLITE_NOTADB: "the file is damaged: check the disk and the kernel's log"
            case SQLITE_BUSY, SQLITE_LOCKED: "another process holds the database: look who has it open (fuser \(path))"
            case SQLITE_IOERR: "check the disk and the kernel's log"
            case SQLITE_CANTOPEN: "check that the folder exists and that this user may write in it"
            case SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH: "check the owner and the permissions of the file and of its folder"
            default: "this is a mistake in the program: report it with this line"
            }
        }
    }

    package var description: String {
        var text = "\(path): \(message)"
        if case .sqlite(let code) = code { text += " (SQLite code \(code))" }
        if let sql { text += " in `\(sql)`" }
        return text + "; " + remedy
    }
}
