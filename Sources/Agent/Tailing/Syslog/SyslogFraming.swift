/// Cuts a stream into messages, RFC 6587: octet counting (`42 <13>…`) where a frame begins with a digit, else up to a line feed or a NUL. Each frame
/// is judged by itself, because relays mix them. Pure.
struct SyslogFraming {
    struct Message: Equatable {
        var bytes: ArraySlice<UInt8>
        /// Bytes of it that were left out.
        var cut: Int
    }

    private enum Skipping: Equatable {
        case none
        /// The rest of a counted frame.
        case bytes(Int)
        /// Until the end of a line.
        case line
    }

    private let bytesMax: Int
    private var buffer: [UInt8] = []
    private var start = 0
    private var skipping = Skipping.none
    /// What was cut of the message that is being skipped, and its kept beginning.
    private var pending: ArraySlice<UInt8>?
    private var pendingCut = 0

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Bytes that wait for their end.
    var waiting: Int { buffer.count - start + (pending?.count ?? 0) }

    mutating func append(_ bytes: some Collection<UInt8>) {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next whole message; nil: its end is not there yet.
    mutating func next() -> Message? {
        while start < buffer.count {
            switch skipping {
            case .bytes(let count):
                let available = min(count, buffer.count - start)
                (start, pendingCut) = (start + available, pendingCut + available)
                skipping = available == count ? .none : .bytes(count - available)
                if case .none = skipping { return takePending() }
                return nil
            case .line:
                guard let end = lineEnd() else {
                    (pendingCut, start) = (pendingCut + buffer.count - start, buffer.count)
                    return nil
                }
                (pendingCut, start, skipping) = (pendingCut + end - start, end + 1, .none)
                return takePending()
            case .none: break
            }
            if buffer[start] == 0x0A || buffer[start] == 0 || buffer[start] == 0x0D {
                // Empty lines, and the line feed that some put behind a counted frame.
                start += 1
                continue
            }
            if let count = counted() {
                switch count {
                case .unfinished: return nil
                case .frame(let length, let header):
                    let body = start + header
                    if length > bytesMax {
                        guard buffer.count - body >= bytesMax else { return nil }
                        pending = buffer[body..<body + bytesMax]
                        (start, skipping, pendingCut) = (body + bytesMax, .bytes(length - bytesMax), 0)
                        continue
                    }
                    guard buffer.count - body >= length else { return nil }
                    start = body + length
                    return Message(bytes: buffer[body..<body + length], cut: 0)
                }
            }
            if let end = lineEnd() {
                let line = buffer[start..<end]
                start = end + 1
                return Message(bytes: line.prefix(bytesMax), cut: max(0, line.count - bytesMax))
            }
            guard buffer.count - start > bytesMax else { return nil }
            pending = buffer[start..<start + bytesMax]
            (start, skipping, pendingCut) = (start + bytesMax, .line, 0)
        }
        return nil
    }

    /// What is left when the stream has ended.
    mutating func last() -> Message? {
        if pending != nil {
            skipping = .none
            return takePending()
        }
        guard start < buffer.count else { return nil }
        defer { start = buffer.count }
        if case .frame(_, let header)? = counted() { start += header }
        let rest = buffer[start...]
        return rest.isEmpty ? nil : Message(bytes: rest.prefix(bytesMax), cut: max(0, rest.count - bytesMax))
    }

    private mutating func takePending() -> Message? {
        defer { (pending, pendingCut) = (nil, 0) }
        return pending.map { Message(bytes: $0, cut: pendingCut) }
    }

    private func lineEnd() -> Int? { buffer[start...].firstIndex { $0 == 0x0A || $0 == 0 } }

    private enum Counted { case unfinished, frame(length: Int, header: Int) }

    /// `MSG-LEN SP`: a number without leading zero, of at most seven digits, before a `<`. Nil: it is none.
    private func counted() -> Counted? {
        guard (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(buffer[start]) else { return nil }
        var (index, length) = (start, 0)
        while index < buffer.count, buffer[index].isDigit, index - start < 7 {
            length = length * 10 + Int(buffer[index] - 48)
            index += 1
        }
        guard index < buffer.count else { return index - start < 7 ? .unfinished : nil }
        guard buffer[index] == UInt8(ascii: " ") else { return nil }
        guard index + 1 < buffer.count else { return .unfinished }
        // A line that begins with a number is no frame.
        return buffer[index + 1] == UInt8(ascii: "<") ? .frame(length: length, header: index + 1 - start) : nil
    }
}
