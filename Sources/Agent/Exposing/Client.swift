import Glibc

/// One connection: what it has asked, what it is waiting for, and until when. Used by one thread.
final class Client {
    enum State: Equatable {
        /// Of a request's head.
        case reading
        /// For a collection.
        case waiting
        /// For the socket to take the answer.
        case writing
        /// For the other side to hang up, whose last bytes mean nothing any more.
        case draining
        case closed
    }

    /// What a request asks for.
    enum Wish: Equatable {
        case metrics
        /// Answered already.
        case nothing
    }

    let descriptor: Int32
    private(set) var state = State.reading
    /// When it is given up.
    private(set) var deadline: ContinuousClock.Instant
    /// Since when it does nothing; nil while it does something.
    private(set) var idleSince: ContinuousClock.Instant?
    private var input: [UInt8] = []
    private var output: [UInt8] = []
    private var sent = 0
    private var head: RequestHead?
    /// Of the answer that began last, until it is taken.
    private var status: Int?

    init(_ descriptor: Int32, at now: ContinuousClock.Instant) {
        (self.descriptor, deadline, idleSince) = (descriptor, now.advanced(by: ExposingLimits.headPatience), now)
    }

    deinit { close(descriptor) }

    /// What poll(2) is to look for; 0: only whether it hung up.
    var interest: Int16 {
        switch state {
        case .reading, .draining: Int16(POLLIN)
        case .writing: Int16(POLLOUT)
        case .waiting, .closed: 0
        }
    }

    func shut() { state = .closed }

    /// The status of an answer that began since this was asked last.
    func takeStatus() -> Int? {
        defer { status = nil }
        return status
    }

    // MARK: Reading

    /// The socket has something, or has ended.
    func read(into buffer: inout [UInt8], at now: ContinuousClock.Instant) -> Wish {
        let count = unsafe recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count < 0, errno == EAGAIN || errno == EINTR { return .nothing }
        guard count > 0 else {
            state = .closed
            return .nothing
        }
        return state == .reading ? received(buffer[..<count], at: now) : .nothing
    }

    func received(_ bytes: ArraySlice<UInt8>, at now: ContinuousClock.Instant) -> Wish {
        if idleSince != nil { (idleSince, deadline) = (nil, now.advanced(by: ExposingLimits.headPatience)) }
        input += bytes
        return next(at: now)
    }

    /// Looks whether a whole head is there.
    private func next(at now: ContinuousClock.Instant) -> Wish {
        switch RequestHead.parse(input) {
        case .incomplete: return .nothing
        case .refused(let status):
            answer(ResponseBytes.problem(status, Self.sentence(status)), status, isKept: false, at: now)
            return .nothing
        case .complete(let head, let length):
            input.removeFirst(length)
            self.head = head
            return wish(of: head, at: now)
        }
    }

    private func wish(of head: RequestHead, at now: ContinuousClock.Instant) -> Wish {
        let (isHead, isKept) = (head.method == .head, head.isKept)
        if head.method == .other {
            answer(ResponseBytes.problem(405, "there is only GET and HEAD here", isKept: isKept), 405, isKept: isKept, at: now)
        } else if head.path == "/" {
            let page = ResponseBytes.problem(200, "Tocsin agent. Metrics: /metrics", isHead: isHead, isKept: isKept)
            answer(page, 200, isKept: isKept, at: now)
        } else if head.path != "/metrics" {
            let page = ResponseBytes.problem(404, "there is nothing here but /metrics", isHead: isHead, isKept: isKept)
            answer(page, 404, isKept: isKept, at: now)
        } else {
            (state, deadline) = (.waiting, now.advanced(by: ExposingLimits.answerPatience))
            return .metrics
        }
        return .nothing
    }

    private static func sentence(_ status: Int) -> String {
        switch status {
        case 413: "a request has no body here"
        case 431: "the request's headers are longer than \(ExposingLimits.headBytesMax) bytes"
        case 505: "HTTP/1.1 is spoken here"
        default: "that is no HTTP request"
        }
    }

    // MARK: Answering

    /// A collection is there.
    func answer(_ page: inout MetricsPage, at now: ContinuousClock.Instant) {
        guard state == .waiting, let head else { return }
        let body = head.acceptsGzip ? page.gzipped : page.plain
        let bytes = ResponseBytes.make(
            200,
            contentType: MetricsPage.contentType,
            body: body,
            isGzipped: head.acceptsGzip,
            isHead: head.method == .head,
            isKept: head.isKept
        )
        answer(bytes, 200, isKept: head.isKept, at: now)
    }

    func refuse(_ status: Int, _ sentence: String, at now: ContinuousClock.Instant) {
        answer(ResponseBytes.problem(status, sentence), status, isKept: false, at: now)
    }

    private func answer(_ bytes: [UInt8], _ status: Int, isKept: Bool, at now: ContinuousClock.Instant) {
        (output, sent, self.status, state) = (bytes, 0, status, .writing)
        deadline = now.advanced(by: ExposingLimits.writePatience)
        if !isKept { head = nil }
    }

    /// The socket takes something.
    /// - Returns: what the next request wants, when it was sent behind this one.
    func write(at now: ContinuousClock.Instant) -> Wish {
        while sent < output.count {
            let count = unsafe output.withUnsafeBytes { bytes in
                unsafe send(descriptor, bytes.baseAddress! + sent, bytes.count - sent, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return .nothing }
            guard count > 0 else {
                state = .closed
                return .nothing
            }
            sent += count
        }
        (output, sent) = ([], 0)
        guard head != nil else {
            // To close while bytes of the other side lie unread would make the kernel take the answer back.
            shutdown(descriptor, Int32(SHUT_WR))
            (state, deadline) = (.draining, now.advanced(by: ExposingLimits.drainPatience))
            return .nothing
        }
        (head, state) = (nil, .reading)
        if input.isEmpty {
            (idleSince, deadline) = (now, now.advanced(by: ExposingLimits.idlePatience))
            return .nothing
        }
        deadline = now.advanced(by: ExposingLimits.headPatience)
        return next(at: now)
    }
}
