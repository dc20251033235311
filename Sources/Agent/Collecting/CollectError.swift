import Glibc

/// Why a collector has no values this time. The others are not touched; this one is tried again at the next collection.
package enum CollectError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file cannot be opened or read.
    case unreadable(path: String, errno: Int32)
    /// The file's text is not what the kernel writes: cut short, or another layout.
    case malformed(path: String, line: Int, problem: String)
    /// The file is longer than ``CollectingLimits/fileBytesMax``.
    case tooLarge(path: String)
    /// More devices, mounts or processors than ``CollectingLimits/rowsMax``.
    case tooManyRows(path: String)
    /// A system call failed.
    case call(name: String, errno: Int32)
    /// This kernel or machine has nothing of the kind (PSI switched off, no disks): nobody has to act.
    case noData(String)

    package var description: String {
        switch self {
        case .unreadable(let path, let code):
            "cannot read \(path): \(CollectError.words(code)); its metrics are missing until it can be read"
        case .malformed(let path, let line, let problem):
            "\(path):\(line): \(problem); its metrics are left out rather than guessed, tried again at the next collection"
        case .tooLarge(let path):
            "\(path) is longer than \(CollectingLimits.fileBytesMax) bytes; its metrics are left out: disable this collector on such a host"
        case .tooManyRows(let path):
            "\(path) has more than \(CollectingLimits.rowsMax) rows; its metrics are left out: disable this collector on such a host"
        case .call(let name, let code): "\(name) failed: \(CollectError.words(code)); its metrics are missing until it succeeds"
        case .noData(let reason): reason
        }
    }

    /// A metric label; never holds a value.
    package var label: StaticString {
        switch self {
        case .unreadable: "unreadable"
        case .malformed: "malformed"
        case .tooLarge: "too_large"
        case .tooManyRows: "too_many_rows"
        case .call: "call"
        case .noData: "no_data"
        }
    }

    var isNoData: Bool {
        if case .noData = self { true } else { false }
    }

    private static func words(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }
}
