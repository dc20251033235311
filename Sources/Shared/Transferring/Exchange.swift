import Synchronization

/// What one transfer receives and sends. libcurl's callbacks run on the thread of the transfer; only the cancellation comes from elsewhere,
/// and it is behind a lock.
final class Exchange: @unchecked Sendable {
    private struct Control {
        var isCancelled = false
        /// Set while the transfer runs.
        var handle: CurlHandle?
    }

    private let control = Mutex(Control())
    private let responseBytesMax: Int
    private let upload: [UInt8]
    private var uploaded = 0
    private var headerBytes = 0
    /// The header lines of the last response (after a 100 Continue they begin anew), or all lines of an SMTP dialogue.
    private(set) var headerLines: [String] = []
    private(set) var body: [UInt8] = []
    /// True when the response was cut because it is larger than allowed.
    private(set) var isTooLarge = false
    /// Takes the body of a good answer piece by piece, instead of ``body``; false ends the transfer.
    private let sink: (([UInt8]) -> Bool)?
    private(set) var isEndedBySink = false

    init(responseBytesMax: Int, upload: [UInt8] = [], sink: (([UInt8]) -> Bool)? = nil) {
        (self.responseBytesMax, self.upload, self.sink) = (responseBytesMax, upload, sink)
    }

    // MARK: Cancellation

    var isCancelled: Bool { control.withLock { $0.isCancelled } }

    func cancel() {
        control.withLock { control in
            control.isCancelled = true
            // Inside the lock: the handle must not be freed between looking at it and waking it.
            control.handle?.wake()
        }
    }

    /// False when the transfer was cancelled before it began.
    func begin(waking handle: CurlHandle) -> Bool {
        control.withLock { control in
            if control.isCancelled { return false }
            control.handle = handle
            return true
        }
    }

    func end() { control.withLock { $0.handle = nil } }

    /// While true, the thread of the transfer will answer a cancellation.
    var hasBegun: Bool { control.withLock { $0.handle != nil } }

    // MARK: Content

    /// What is no good answer says why in its body, which is kept.
    private var isGood: Bool { headerLines.first.map { $0.split(separator: " ").dropFirst().first?.first == "2" } ?? false }

    func receive(body bytes: UnsafeRawBufferPointer) -> Bool {
        if let sink, isGood {
            guard unsafe !sink(Array(bytes)) else { return true }
            isEndedBySink = true
            return false
        }
        guard body.count + bytes.count <= responseBytesMax else {
            isTooLarge = true
            return false
        }
        unsafe body.append(contentsOf: bytes)
        return true
    }

    func receive(header line: String) -> Bool {
        headerBytes += line.utf8.count
        guard headerBytes <= TransferLimits.headerBytesMax else {
            isTooLarge = true
            return false
        }
        if line.hasPrefix("HTTP/") { headerLines.removeAll() }
        let trimmed = line.prefix { $0 != "\r\n" && $0 != "\r" && $0 != "\n" }
        if !trimmed.isEmpty { headerLines.append(String(trimmed)) }
        return true
    }

    func give(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(buffer.count, upload.count - uploaded)
        unsafe upload.withUnsafeBytes { bytes in
            unsafe buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[uploaded..<uploaded + count]))
        }
        uploaded += count
        return count
    }

    func rewind(to offset: Int) -> Bool {
        guard offset >= 0, offset <= upload.count else { return false }
        uploaded = offset
        return true
    }
}
