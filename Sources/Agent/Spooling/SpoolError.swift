/// Why a spool could not be opened. Nothing was changed.
package enum SpoolError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Another agent has it.
    case locked(path: String, owner: String)
    /// Written by a newer version.
    case newer(String)
    case failed(String)
    /// Nobody has made it.
    case missing(String)
    /// It is there and cannot be read.
    case damaged(String)

    package var description: String {
        switch self {
        case .locked(let path, let owner):
            "the spool \(path) is in use by another tocsin-agent\(owner): stop that one, or give this one its own spool.path"
        case .newer(let reason), .failed(let reason): "cannot open the spool: \(reason)"
        case .missing(let reason): reason
        case .damaged(let reason): "the spool is damaged: \(reason)"
        }
    }

    /// A metric label; never holds a value.
    package var label: StaticString {
        switch self {
        case .locked: "locked"
        case .newer: "newer_schema"
        case .failed: "failed"
        case .missing: "missing"
        case .damaged: "damaged"
        }
    }
}
