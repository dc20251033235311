import CPCRE2
import Synchronization

/// A regular expression in RE2's language (as in Prometheus), run by PCRE2 with its JIT compiler.
///
/// Subjects are bytes; bytes that are no UTF-8 match nothing but do not disturb the rest. `\d`, `\w`, `\s` and `\b` mean ASCII, `$` means the very
/// end (with `(?m)` each line's). PCRE2 backtracks where RE2 does not, so the work of one search is limited (``matchLimit``): a search that
/// reaches the limit finds nothing and is counted in ``limitHits``.
@safe package final class Pattern: Sendable {
    package enum Anchoring: Sendable, Hashable {
        /// Found anywhere: log patterns, multiline starts, redaction.
        case unanchored
        /// The whole subject must match, `.` matches line feeds too: PromQL's and Alertmanager's `=~`.
        case full
    }

    /// Steps of backtracking in one search, some 10 ms of work: a line that needs more is an attack or a mistake in the pattern.
    package static let matchLimit: UInt32 = 1_000_000
    /// KiB of heap that the interpreter may use in one search.
    private static let heapLimitKiB: UInt32 = 8 * 1024
    /// Bytes of stack for the JIT's code when the 32 KiB on the thread's own do not suffice.
    private static let stackBytesMax = 512 * 1024

    package let source: String
    package let anchoring: Anchoring
    /// Number of groups, without the whole match.
    package let captureCount: Int
    /// Named groups: name and number (from 1), in the pattern's order.
    package let captureNames: [(name: String, index: Int)]

    /// Unchecked: compiled code is only read after `init`, and PCRE2 says that threads may share it (pcre2api(3), "MULTITHREADING").
    private nonisolated(unsafe) let code: OpaquePointer
    /// Match data at rest; as many as there ever were searches at the same time.
    private let idle = Mutex<[Scratch]>([])
    private let limitHitCount = Atomic<UInt64>(0)

    /// - Throws: for what PCRE2 refuses, and for what RE2 does not know (backreferences, look-around, …).
    package convenience init(_ source: String, anchoring: Anchoring = .unanchored) throws(PatternError) {
        try PatternSyntax.check(source)
        try self.init(unchecked: source, anchoring: anchoring, options: 0)
    }

    /// A pattern that is found wherever one of the others is. Nil: they do not fit into one, for what is not closed in one of them (`\Q`) would go on
    /// into the next, or because of their size.
    convenience init?(anyOf patterns: [Pattern]) {
        guard patterns.allSatisfy({ $0.anchoring == .unanchored && !$0.source.contains("\\Q") }) else { return nil }
        // Options that one sets, `(?i)`, end with its group; names may come twice.
        let source = patterns.map { "(?:\($0.source))" }.joined(separator: "|")
        do throws(PatternError) { try self.init(unchecked: source, anchoring: .unanchored, options: PCRE2_DUPNAMES) } catch { return nil }
    }

    private init(unchecked source: String, anchoring: Anchoring, options more: UInt32) throws(PatternError) {
        var options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UCP | more
        if anchoring == .full { options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOTALL }
        var (errorCode, errorOffset): (Int32, Int) = (0, 0)
        let bytes = Array(source.utf8)
        let code = unsafe bytes.withUnsafeBufferPointer { buffer in
            // An empty pattern has no address; PCRE2 wants one.
            var none: UInt8 = 0
            return unsafe withUnsafePointer(to: &none) { none in
                unsafe pcre2_compile_8(buffer.baseAddress ?? none, buffer.count, options, &errorCode, &errorOffset, nil)
            }
        }
        guard let code = unsafe code else {
            throw PatternError(pattern: source, offset: min(errorOffset, bytes.count), problem: Self.words(for: errorCode))
        }
        // Without leave to make code (systemd's MemoryDenyWriteExecute=) PCRE2 interprets: slower, the same answers.
        _ = unsafe pcre2_jit_compile_8(code, PCRE2_JIT_COMPLETE)

        var groups: UInt32 = 0
        unsafe pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_CAPTURECOUNT), &groups)
        unsafe (self.source, self.anchoring, self.code, captureCount) = (source, anchoring, code, Int(groups))
        captureNames = unsafe Self.names(in: code)
    }

    deinit {
        idle.withLock { $0.removeAll() }
        unsafe pcre2_code_free_8(code)
    }

    /// Searches that were given up at ``matchLimit`` since the pattern was made.
    package var limitHits: UInt64 { limitHitCount.load(ordering: .relaxed) }

    // MARK: Searching

    package func matches(_ text: String) -> Bool { search(text.utf8Span.span, from: 0) { _ in true } ?? false }

    package func matches(_ bytes: Span<UInt8>) -> Bool { search(bytes, from: 0) { _ in true } ?? false }

    /// Whether it is found, or the search was given up at ``matchLimit`` and nobody knows.
    func mayMatch(_ bytes: Span<UInt8>) -> Bool {
        let before = limitHits
        return matches(bytes) || limitHits != before
    }

    /// Where the first match at or after `start` lies, in bytes; nil when there is none.
    package func firstMatch(in bytes: Span<UInt8>, from start: Int = 0) -> Range<Int>? {
        search(bytes, from: start) { $0.range(0) ?? start..<start }
    }

    /// The groups of the first match at or after `start`, in bytes: the whole match first; nil for a group that took no part. Nil: no match.
    package func captures(in bytes: Span<UInt8>, from start: Int = 0) -> [Range<Int>?]? {
        search(bytes, from: start) { scratch in (0...captureCount).map { scratch.range($0) } }
    }

    /// The groups of the first match as text; nil for a group that took no part. Nil: no match.
    package func captures(in text: String) -> [String?]? {
        let bytes = text.utf8Span.span
        return captures(in: bytes)?.map { range in
            range.map { range in String(decoding: range.map { bytes[$0] }, as: UTF8.self) }
        }
    }

    /// Every match, from left to right, replaced by `replacement` as it stands; nil when nothing matched, so that the caller keeps what it has.
    package func replacingMatches(in bytes: [UInt8], with replacement: [UInt8]) -> [UInt8]? {
        let span = bytes.span
        guard var match = firstMatch(in: span, from: 0) else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var copied = 0
        while true {
            // An empty match right behind another match is none, as in RE2 and Go.
            if !match.isEmpty || copied == 0 || match.lowerBound > copied {
                result += bytes[copied..<match.lowerBound]
                result += replacement
                copied = match.upperBound
            }
            // After an empty match the search goes on behind the next character (all of its UTF-8), or it would find the same for ever.
            var start = match.upperBound
            if match.isEmpty {
                start += 1
                while start < bytes.count, bytes[start] & 0xC0 == 0x80 { start += 1 }
            }
            guard start <= bytes.count, let next = firstMatch(in: span, from: start) else { break }
            match = next
        }
        return result + bytes[copied...]
    }

    private func search<Result>(_ bytes: Span<UInt8>, from start: Int, _ found: (Scratch) -> Result) -> Result? {
        guard start <= bytes.count else { return nil }
        let scratch = take()
        defer { idle.withLock { $0.append(scratch) } }
        let count = unsafe bytes.withUnsafeBufferPointer { buffer in
            var none: UInt8 = 0
            return unsafe withUnsafePointer(to: &none) { none in
                let subject = unsafe buffer.baseAddress ?? none
                let count = unsafe pcre2_match_8(code, subject, buffer.count, start, 0, scratch.data, scratch.context)
                guard count == PCRE2_ERROR_JIT_STACKLIMIT else { return count }
                scratch.useOwnStack(bytesMax: Self.stackBytesMax)
                return unsafe pcre2_match_8(code, subject, buffer.count, start, 0, scratch.data, scratch.context)
            }
        }
        if count > 0 { return found(scratch) }
        if count != PCRE2_ERROR_NOMATCH { limitHitCount.wrappingAdd(1, ordering: .relaxed) }
        return nil
    }

    private func take() -> Scratch {
        if let scratch = idle.withLock({ $0.popLast() }) { return scratch }
        return unsafe Scratch(for: code)
    }

    // MARK: Inside

    /// What one search at a time writes into.
    @safe private final class Scratch: @unchecked Sendable {
        // Unchecked: a scratch is used by the one search that took it out of `idle`.
        let data: OpaquePointer
        let context: OpaquePointer
        private let offsets: UnsafeMutablePointer<Int>
        private let pairs: Int
        private var stack: OpaquePointer?

        init(for code: OpaquePointer) {
            // Both are nil only when memory is at its end, and then Swift's own allocations trap as well.
            guard let data = unsafe pcre2_match_data_create_from_pattern_8(code, nil), let context = unsafe pcre2_match_context_create_8(nil) else {
                preconditionFailure("out of memory for a pattern's match data")
            }
            unsafe pcre2_set_match_limit_8(context, Pattern.matchLimit)
            unsafe pcre2_set_heap_limit_8(context, Pattern.heapLimitKiB)
            unsafe (self.data, self.context) = (data, context)
            unsafe offsets = pcre2_get_ovector_pointer_8(data)
            pairs = Int(unsafe pcre2_get_ovector_count_8(data))
        }

        func useOwnStack(bytesMax: Int) {
            guard unsafe stack == nil else { return }
            unsafe stack = pcre2_jit_stack_create_8(32 * 1024, bytesMax, nil)
            unsafe pcre2_jit_stack_assign_8(context, nil, UnsafeMutableRawPointer(stack))
        }

        func range(_ group: Int) -> Range<Int>? {
            guard group < pairs else { return nil }
            let (start, end) = unsafe (offsets[2 * group], offsets[2 * group + 1])
            // PCRE2_UNSET is the largest size_t: -1 here.
            return start >= 0 && end >= start ? start..<end : nil
        }

        deinit {
            unsafe pcre2_match_data_free_8(data)
            unsafe pcre2_match_context_free_8(context)
            unsafe pcre2_jit_stack_free_8(stack)
        }
    }

    private static func words(for code: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = unsafe pcre2_get_error_message_8(code, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer.prefix(Int(count)), as: UTF8.self) : "PCRE2 error \(code)"
    }

    /// The name table: entries of `size` bytes, each a big-endian 16-bit number and a name that ends in zero.
    private static func names(in code: OpaquePointer) -> [(name: String, index: Int)] {
        var (count, size): (UInt32, UInt32) = (0, 0)
        var table: UnsafePointer<UInt8>?
        unsafe pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMECOUNT), &count)
        unsafe pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMEENTRYSIZE), &size)
        unsafe pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMETABLE), &table)
        guard let table = unsafe table else { return [] }
        let bytes = unsafe Array(UnsafeBufferPointer(start: table, count: Int(count * size)))
        let entries = (0..<Int(count)).map { entry in
            let start = entry * Int(size)
            let name = bytes[(start + 2)..<(start + Int(size))].prefix { $0 != 0 }
            return (name: String(decoding: name, as: UTF8.self), index: Int(bytes[start]) << 8 | Int(bytes[start + 1]))
        }
        return entries.sorted { $0.index < $1.index }
    }
}

extension Pattern: Hashable {
    package static func == (a: Pattern, b: Pattern) -> Bool { a.source == b.source && a.anchoring == b.anchoring }
    package func hash(into hasher: inout Hasher) {
        hasher.combine(source)
        hasher.combine(anchoring)
    }
}
