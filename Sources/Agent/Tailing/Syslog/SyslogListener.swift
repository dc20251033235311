package import Logging
package import Operating
import ServiceLifecycle
import Synchronization
package import Telemetry

/// Takes syslog's messages from sockets. What was read is handed on before more is read: while the next room is full a stream's sender waits in its
/// `write`, and what the kernel then has no room for of datagrams is told as a gap.
package actor SyslogListener: Service {
    /// One connection of a stream.
    private struct Stream {
        let peer: String
        var framing: SyslogFraming
        var readAt: Duration
    }

    private struct Input {
        let config: SyslogConfig
        var events: SyslogEvents
        var socket: SyslogSocket?
        var streams: [Int32: Stream] = [:]
        var peers: Set<String> = []
        var status: InputStatus
        var dropsTold: UInt64 = 0
    }

    private struct Batch {
        var events: [Event] = []
        var gaps: [Gap] = []
        var bytes = 0
        /// Something was read, though it may all have been dropped.
        var isFull: Bool { events.count >= SyslogLimits.batchMessagesMax || bytes >= SyslogLimits.batchBytesMax }
    }

    private let handover: Handover
    private let time: any TimeSource
    private let logger: Logger
    private let counters: SyslogCounters
    private let thread = InputThread()
    private let executor = BlockingExecutor()
    private let shown = Mutex<[InputStatus]>([])
    private let bell = Bell()
    private var inputs: [Input]
    private var buffer = [UInt8](repeating: 0, count: SyslogLimits.readBytes)
    private var lastOpen: Duration?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    package init(
        _ configs: [SyslogConfig],
        host: String,
        tags: [String] = [],
        into sink: any Sink<Intake>,
        time: any TimeSource,
        metrics: MetricsRegistry,
        logger: Logger
    ) {
        handover = Handover(sink: sink, time: time, logger: logger)
        (self.time, self.logger, counters) = (time, logger, SyslogCounters(metrics))
        inputs = configs.map { config in
            Input(config: config, events: SyslogEvents(config, host: host, tags: tags), status: InputStatus(name: config.address.description))
        }
        shown.withLock { [inputs] in $0 = inputs.map(\.status) }
    }

    /// Each address, as of a moment ago; the name holds the real port where 0 was asked for.
    package nonisolated func status() -> [InputStatus] { shown.withLock { $0 } }

    /// Returns when the status holds this; for tests.
    package nonisolated func wait(until holds: @Sendable ([InputStatus]) -> Bool) async {
        while !Task.isCancelled {
            let seen = bell.rings
            if holds(status()) { return }
            await bell.wait(after: seen)
        }
    }

    package func run() async throws {
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await listen()
            } onGracefulShutdown: {
                self.thread.stop()
            }
        } onCancel: {
            self.thread.stop()
        }
        // The next room closed before us: a service that returned early would end the whole program.
        if !Task.isShuttingDownGracefully, !Task.isCancelled { try await gracefulShutdown() }
    }

    // MARK: The loop

    private func listen() async {
        defer { closeAll() }
        while !thread.isStopping {
            openIfDue()
            let ready = thread.wait(for: descriptors, atMost: waitLimit)
            if thread.isStopping { break }
            var batch = Batch()
            read(ready, into: &batch)
            // What else is there goes along, up to the limits of a batch.
            while !batch.isFull, !batch.events.isEmpty {
                let more = thread.wait(for: descriptors, atMost: .zero)
                if more.isEmpty || thread.isStopping { break }
                read(more, into: &batch)
            }
            closeIdle(into: &batch)
            noteDrops(into: &batch)
            show()
            guard !batch.events.isEmpty || !batch.gaps.isEmpty else { continue }
            guard await deliver(batch) else { break }
            if !batch.isFull { _ = thread.wait(for: [], atMost: SyslogLimits.settle) }
        }
        // What the kernel holds already was sent before we stopped.
        var rest = Batch()
        for _ in 0..<64 where !rest.isFull {
            let ready = thread.poll(descriptors)
            if ready.isEmpty { break }
            read(ready, into: &rest)
        }
        for index in inputs.indices {
            for descriptor in inputs[index].streams.keys.sorted() { finish(descriptor, of: index, into: &rest) }
        }
        noteDrops(into: &rest)
        if !rest.events.isEmpty || !rest.gaps.isEmpty { _ = await deliver(rest) }
    }

    private var descriptors: [Int32] {
        inputs.flatMap { input -> [Int32] in
            guard let socket = input.socket else { return [] }
            // No more connections than are allowed: the others wait in the kernel's queue.
            let takes = !input.config.address.isStream || input.streams.count < input.config.connectionsMax
            return (takes ? [socket.descriptor] : []) + input.streams.keys
        }
    }

    private var waitLimit: Duration { inputs.contains { $0.socket == nil } ? SyslogLimits.openInterval : .seconds(30) }

    private func deliver(_ batch: Batch) async -> Bool {
        let thread = thread
        switch await handover.deliver(Intake(events: batch.events, gaps: batch.gaps), from: "syslog", unless: { thread.isStopping }) {
        case .taken:
            counters.messages.increment(by: batch.events.count)
            counters.bytes.increment(by: batch.bytes)
            return true
        case .stopped:
            return false
        }
    }

    // MARK: Reading

    private func read(_ ready: [Int32], into batch: inout Batch) {
        for descriptor in ready {
            guard let index = inputs.firstIndex(where: { $0.socket?.descriptor == descriptor || $0.streams[descriptor] != nil }) else { continue }
            if inputs[index].streams[descriptor] != nil {
                readStream(descriptor, of: index, into: &batch)
            } else if inputs[index].config.address.isStream {
                accept(descriptor, for: index)
            } else {
                readDatagrams(descriptor, of: index, into: &batch)
            }
        }
    }

    private func readDatagrams(_ descriptor: Int32, of index: Int, into batch: inout Batch) {
        while !batch.isFull {
            guard case .bytes(let count, let peer) = SyslogSocket.read(descriptor, into: &buffer) else { return }
            notePeer(peer, of: index)
            let limit = inputs[index].config.messageBytesMax
            take(buffer[..<min(count, limit)], cut: max(0, count - limit), from: peer, of: index, into: &batch)
        }
    }

    private func accept(_ descriptor: Int32, for index: Int) {
        while inputs[index].streams.count < inputs[index].config.connectionsMax, let (connection, peer) = SyslogSocket.accept(descriptor) {
            notePeer(peer, of: index)
            let framing = SyslogFraming(bytesMax: inputs[index].config.messageBytesMax)
            inputs[index].streams[connection] = Stream(peer: peer, framing: framing, readAt: time.monotonic())
        }
    }

    private func readStream(_ descriptor: Int32, of index: Int, into batch: inout Batch) {
        switch SyslogSocket.read(descriptor, into: &buffer) {
        case .nothing: return
        case .bytes(let count, _) where count > 0:
            inputs[index].streams[descriptor]?.framing.append(buffer[..<count])
            inputs[index].streams[descriptor]?.readAt = time.monotonic()
            while let message = inputs[index].streams[descriptor]?.framing.next() {
                take(message.bytes, cut: message.cut, from: inputs[index].streams[descriptor]?.peer ?? "", of: index, into: &batch)
            }
        case .bytes, .ended:
            finish(descriptor, of: index, into: &batch)
        }
    }

    /// The stream has ended: half a message is one.
    private func finish(_ descriptor: Int32, of index: Int, into batch: inout Batch) {
        if let message = inputs[index].streams[descriptor]?.framing.last() {
            take(message.bytes, cut: message.cut, from: inputs[index].streams[descriptor]?.peer ?? "", of: index, into: &batch)
        }
        inputs[index].streams[descriptor] = nil
        SyslogSocket(descriptor: descriptor, address: .tcp(host: "", port: 0)).close()
    }

    private func take(_ bytes: ArraySlice<UInt8>, cut: Int, from peer: String, of index: Int, into batch: inout Batch) {
        let now = time.now()
        batch.bytes += bytes.count
        inputs[index].status.messages += 1
        inputs[index].status.bytes += UInt64(bytes.count + cut)
        if cut > 0 { noteCut(cut, of: index, at: now, into: &batch) }
        guard let event = inputs[index].events.event(of: bytes, from: peer, cut: cut, now: now) else {
            counters.dropped.increment()
            return
        }
        batch.events.append(event)
    }

    // MARK: What is lost

    private func noteCut(_ cut: Int, of index: Int, at now: Timestamp, into batch: inout Batch) {
        let source = inputs[index].status.name
        if let known = batch.gaps.firstIndex(where: { $0.reason == .lineCut && $0.source == source }) {
            batch.gaps[known].count += 1
            batch.gaps[known].bytes += UInt64(cut)
            return
        }
        let detail = "messages longer than \(inputs[index].config.messageBytesMax) bytes were cut: raise max_message, or write shorter ones"
        batch.gaps.append(Gap(source: source, reason: .lineCut, from: now, to: now, count: 1, bytes: UInt64(cut), detail: detail))
    }

    private func noteDrops(into batch: inout Batch) {
        for index in inputs.indices {
            guard let socket = inputs[index].socket, !inputs[index].config.address.isStream else { continue }
            let drops = socket.drops
            guard drops > inputs[index].dropsTold else { continue }
            let count = drops - inputs[index].dropsTold
            let now = time.now()
            inputs[index].dropsTold = drops
            inputs[index].status.dropped += count
            counters.lost.increment(by: Int(count))
            let detail =
                "datagrams came faster than they could be stored, and the kernel's buffer was full: use tcp, or raise net.core.rmem_max; look whether "
                + "the spool is full"
            batch.gaps.append(
                Gap(source: inputs[index].status.name, reason: .datagramsLost, from: now, to: now, count: count, detail: detail)
            )
        }
    }

    private func notePeer(_ peer: String, of index: Int) {
        guard !peer.isEmpty, inputs[index].peers.count < SyslogLimits.peersMax, inputs[index].peers.insert(peer).inserted else { return }
        inputs[index].status.peers = inputs[index].peers.count
    }

    // MARK: Sockets

    private func openIfDue() {
        let now = time.monotonic()
        guard inputs.contains(where: { $0.socket == nil }), lastOpen.map({ now - $0 >= SyslogLimits.openInterval }) ?? true else { return }
        lastOpen = now
        for index in inputs.indices where inputs[index].socket == nil {
            do throws(SyslogSocket.Failure) {
                let socket = try SyslogSocket.open(inputs[index].config.address)
                (inputs[index].socket, inputs[index].status.problem, inputs[index].dropsTold) = (socket, nil, 0)
                inputs[index].status.name = Self.name(inputs[index].config.address, socket)
            } catch {
                if inputs[index].status.problem != error.description {
                    logger.warning("syslog's messages are not taken; it is tried again", metadata: ["problem": "\(error)"])
                }
                inputs[index].status.problem = error.description
            }
        }
        show()
    }

    private static func name(_ address: SyslogConfig.Address, _ socket: SyslogSocket) -> String {
        switch address {
        case .udp(let host, 0): SyslogConfig.Address.udp(host: host, port: socket.port).description
        case .tcp(let host, 0): SyslogConfig.Address.tcp(host: host, port: socket.port).description
        default: address.description
        }
    }

    private func closeIdle(into batch: inout Batch) {
        let now = time.monotonic()
        for index in inputs.indices {
            for (descriptor, stream) in inputs[index].streams where now - stream.readAt >= SyslogLimits.idle {
                finish(descriptor, of: index, into: &batch)
            }
        }
    }

    private func closeAll() {
        for input in inputs { input.socket?.close() }
        for index in inputs.indices { inputs[index].socket = nil }
    }

    private func show() {
        for index in inputs.indices { inputs[index].status.connections = inputs[index].streams.count }
        let status = inputs.map(\.status)
        shown.withLock { $0 = status }
        bell.ring()
    }
}

/// What syslog's input counts about itself.
private struct SyslogCounters: Sendable {
    let messages: Counter
    let bytes: Counter
    let dropped: Counter
    let lost: Counter

    init(_ metrics: MetricsRegistry) {
        messages = metrics.counter("tocsin_syslog_messages_total", help: "Messages of syslog's sockets that were stored.")
        bytes = metrics.counter("tocsin_syslog_bytes_total", help: "Bytes of syslog's messages that were stored.")
        dropped = metrics.counter("tocsin_syslog_messages_dropped_total", help: "Messages that were empty or left out by drop.")
        lost = metrics.counter("tocsin_syslog_datagrams_lost_total", help: "Datagrams that the kernel had no room for.")
    }
}
