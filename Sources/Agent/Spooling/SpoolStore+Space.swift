import SQLite

/// Free pages, which a backlog leaves behind.
extension SpoolStore {
    /// Gives a step of free pages back to the file system when most of the file is free, and then on until little is. False when there is
    /// nothing to give.
    func giveSpaceBack() throws(SQLiteError) -> Bool {
        let (free, pages) = (try connection.pragma("freelist_count"), try connection.pragma("page_count"))
        isShrinking = isShrinking ? free > SpoolLimits.freePagesKept : free > 2 * SpoolLimits.freePagesKept && free > pages / 2
        guard isShrinking else { return false }
        try connection.execute("PRAGMA incremental_vacuum(\(min(SpoolLimits.vacuumPagesStep, free - SpoolLimits.freePagesKept)))")
        // The file becomes shorter only when the log is copied into it.
        if free - SpoolLimits.vacuumPagesStep <= SpoolLimits.freePagesKept { try connection.checkpoint(.passive) }
        return true
    }

    /// A file that was made without room for it to shrink is written anew, when that is little work.
    func enableShrinking() throws(SQLiteError) {
        guard try connection.pragma("auto_vacuum") != 2, try connection.pragma("page_count") <= SpoolLimits.rewritePagesMax else { return }
        try connection.execute("PRAGMA auto_vacuum = 2")
        try connection.execute("VACUUM")
    }
}
