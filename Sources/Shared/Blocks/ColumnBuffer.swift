import Glibc

/// Plain values of one column while a block is encoded: a growing buffer of its own memory, without reference counts and without copies on write.
/// An array pays for both at each of a million appends a second.
///
/// Every write goes through ``reserve(_:)``; reading is by `withSpan` or by checked index.
@safe
struct ColumnBuffer<Element: BitwiseCopyable>: ~Copyable, @unchecked Sendable {
    private var base: UnsafeMutablePointer<Element>?
    private(set) var count = 0
    private var capacity = 0

    init() { unsafe base = nil }

    deinit { unsafe free(base) }

    /// Room for `more` elements behind the last.
    @inline(__always)
    mutating func reserve(_ more: Int) {
        if count &+ more > capacity { grow(to: count + more) }
    }

    @inline(never)
    private mutating func grow(to needed: Int) {
        let wanted = max(needed, capacity * 2, 64)
        guard let memory = unsafe realloc(base, wanted * MemoryLayout<Element>.stride) else {
            preconditionFailure("no memory for a column of \(wanted) values")
        }
        unsafe base = memory.assumingMemoryBound(to: Element.self)
        capacity = wanted
    }

    @inline(__always)
    mutating func append(_ element: Element) {
        reserve(1)
        unsafe base.unsafelyUnwrapped[count] = element
        count &+= 1
    }

    @inline(__always)
    mutating func append(_ elements: UnsafeBufferPointer<Element>) {
        guard elements.count > 0, let source = elements.baseAddress else { return }
        reserve(elements.count)
        unsafe memcpy(base.unsafelyUnwrapped + count, source, elements.count * MemoryLayout<Element>.stride)
        count &+= elements.count
    }

    mutating func append(repeating element: Element, count more: Int) {
        reserve(more)
        for _ in 0..<more { append(element) }
    }

    mutating func removeAll() { count = 0 }

    @inline(__always)
    subscript(index: Int) -> Element {
        get {
            precondition(index >= 0 && index < count, "index beyond the column")
            return unsafe base.unsafelyUnwrapped[index]
        }
        set {
            precondition(index >= 0 && index < count, "index beyond the column")
            unsafe base.unsafelyUnwrapped[index] = newValue
        }
    }

    /// The elements where they lie; the pointer is good inside of `body`.
    @inline(__always)
    func withElements<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeBufferPointer<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe try body(UnsafeBufferPointer(start: base, count: count))
    }
}

extension ColumnBuffer where Element == UInt8 {
    /// LEB128, as ``Array/appendVarint(_:)``.
    @inline(__always)
    mutating func appendVarint(_ value: UInt64) {
        reserve(10)
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    @inline(__always)
    mutating func appendZigzag(_ value: Int64) { appendVarint(UInt64(bitPattern: value << 1 ^ value >> 63)) }

    mutating func append(_ other: borrowing ColumnBuffer<UInt8>) { unsafe other.withElements { unsafe append($0) } }
}
