import CSQLite

/// A prepared statement. Connections keep and reuse them by their SQL (``Connection/statement(_:)``).
@safe package final class Statement {
    package let sql: String
    private let path: String
    private let database: OpaquePointer
    private let handle: OpaquePointer
    /// True while rows are being read: a nested use of the same SQL gets a statement of its own.
    var isBusy = false

    init(_ sql: String, database: OpaquePointer, path: String, isKept: Bool) throws(SQLiteError) {
        var handle: OpaquePointer?
        let flags = isKept ? UInt32(SQLITE_PREPARE_PERSISTENT) : 0
        let code = unsafe sqlite3_prepare_v3(database, sql, -1, flags, &handle, nil)
        guard code == SQLITE_OK, let handle = unsafe handle else {
            let message = code == SQLITE_OK ? "there is no statement in it" : unsafe String(cString: sqlite3_errmsg(database))
            throw SQLiteError(code: .sqlite(code == SQLITE_OK ? SQLITE_MISUSE : code), message: message, sql: sql, path: path)
        }
        (self.sql, self.path) = (sql, path)
        unsafe (self.database, self.handle) = (database, handle)
    }

    deinit { unsafe sqlite3_finalize(handle) }

    /// Binds all parameters, in order. The count must fit.
    package func bind(_ values: [Value]) throws(SQLiteError) {
        let expected = unsafe sqlite3_bind_parameter_count(handle)
        precondition(values.count == Int(expected), "\(values.count) values for \(expected) parameters in \(sql)")
        for (index, value) in values.enumerated() { try bind(value, at: Int32(index + 1)) }
    }

    private func bind(_ value: Value, at index: Int32) throws(SQLiteError) {
        // SQLITE_TRANSIENT: SQLite makes its own copy before the call returns.
        let transient = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        let code: Int32
        switch value {
        case .null: code = unsafe sqlite3_bind_null(handle, index)
        case .integer(let number): code = unsafe sqlite3_bind_int64(handle, index, number)
        case .real(let number): code = unsafe sqlite3_bind_double(handle, index, number)
        case .text(var text):
            code = text.withUTF8 { bytes in
                // An empty string has no address, and SQLite takes a null address for NULL.
                guard let base = bytes.baseAddress else { return unsafe sqlite3_bind_text(handle, index, "", 0, transient) }
                return unsafe base.withMemoryRebound(to: CChar.self, capacity: bytes.count) { base in
                    unsafe sqlite3_bind_text64(handle, index, base, UInt64(bytes.count), transient, UInt8(SQLITE_UTF8))
                }
            }
        case .blob(let bytes):
            code = unsafe bytes.withUnsafeBytes { bytes in
                guard let base = bytes.baseAddress, bytes.count > 0 else { return unsafe sqlite3_bind_zeroblob(handle, index, 0) }
                return unsafe sqlite3_bind_blob64(handle, index, base, UInt64(bytes.count), transient)
            }
        }
        if code != SQLITE_OK { throw error(code) }
    }

    /// Goes to the next row; false at the end.
    package func step() throws(SQLiteError) -> Bool {
        let code = unsafe sqlite3_step(handle)
        switch code {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw error(code)
        }
    }

    /// Back to the start, parameters forgotten (large blobs are not kept in memory).
    package func reset() {
        // What it returns is the error that `step` has already thrown.
        _ = unsafe sqlite3_reset(handle)
        _ = unsafe sqlite3_clear_bindings(handle)
    }

    /// The columns of the row that `step` came to; valid until the next `step` or `reset`.
    package var row: Row { unsafe Row(handle) }

    private func error(_ code: Int32) -> SQLiteError {
        SQLiteError(code: .sqlite(code), message: unsafe String(cString: sqlite3_errmsg(database)), sql: sql, path: path)
    }
}

/// The columns of the row at hand, counted from 0. Valid only inside the closure that it was given to.
@safe package struct Row {
    private let handle: OpaquePointer

    init(_ handle: OpaquePointer) { unsafe self.handle = handle }

    package var columnCount: Int { Int(unsafe sqlite3_column_count(handle)) }

    package func isNull(_ column: Int) -> Bool { unsafe sqlite3_column_type(handle, Int32(column)) == SQLITE_NULL }

    /// 0 for NULL, as SQLite converts.
    package func integer(_ column: Int) -> Int64 { unsafe sqlite3_column_int64(handle, Int32(column)) }

    /// What ``Value/unsigned(_:)`` stored.
    package func unsigned(_ column: Int) -> UInt64 { UInt64(bitPattern: integer(column)) }

    package func double(_ column: Int) -> Double { unsafe sqlite3_column_double(handle, Int32(column)) }

    /// Empty for NULL.
    package func text(_ column: Int) -> String {
        guard let text = unsafe sqlite3_column_text(handle, Int32(column)) else { return "" }
        let count = Int(unsafe sqlite3_column_bytes(handle, Int32(column)))
        return unsafe String(decoding: UnsafeBufferPointer(start: text, count: count), as: UTF8.self)
    }

    package func optionalText(_ column: Int) -> String? { isNull(column) ? nil : text(column) }
    package func optionalInteger(_ column: Int) -> Int64? { isNull(column) ? nil : integer(column) }

    /// A copy of the bytes; empty for NULL.
    package func blob(_ column: Int) -> [UInt8] {
        guard let bytes = unsafe sqlite3_column_blob(handle, Int32(column)) else { return [] }
        let count = Int(unsafe sqlite3_column_bytes(handle, Int32(column)))
        return unsafe Array(UnsafeRawBufferPointer(start: bytes, count: count))
    }

    /// Bytes of a text or blob, without reading them.
    package func byteCount(_ column: Int) -> Int { Int(unsafe sqlite3_column_bytes(handle, Int32(column))) }

    /// Reads a blob or text where it lies, without a copy.
    package func withBytes<Result>(_ column: Int, _ body: (Span<UInt8>) -> Result) -> Result {
        guard let bytes = unsafe sqlite3_column_blob(handle, Int32(column)) else { return body([UInt8]().span) }
        let count = Int(unsafe sqlite3_column_bytes(handle, Int32(column)))
        let buffer = unsafe UnsafeBufferPointer(start: bytes.assumingMemoryBound(to: UInt8.self), count: count)
        return unsafe body(buffer.span)
    }

    package subscript(column: Int) -> Value {
        switch unsafe sqlite3_column_type(handle, Int32(column)) {
        case SQLITE_INTEGER: .integer(integer(column))
        case SQLITE_FLOAT: .real(double(column))
        case SQLITE_TEXT: .text(text(column))
        case SQLITE_BLOB: .blob(blob(column))
        default: .null
        }
    }
}
