import Blocks
import Telemetry

/// The good events of one request on their way into blocks: the fast scanner where it can, the exact reader where it must.
struct EventCollector: ~Copyable {
    private let text: BodyText
    private let reader: EventReader
    private let limits: ReceivingLimits
    private let hostOfNone: String
    private var scanner: EventScanner
    private var encoder: EventBlockEncoder
    private var blocks: [AdmittedBlock] = []
    private var sources: [String: Int] = [:]
    private var hosts: Set<String> = []
    private var finished = 0

    /// - Parameter hostOfNone: the host of events that name none: that of the token's agent.
    init(_ text: BodyText, limits: ReceivingLimits, receivedAt: Timestamp, hostOfNone: String) {
        (self.text, self.limits, self.hostOfNone) = (text, limits, hostOfNone)
        reader = EventReader(limits: limits, receivedAt: receivedAt)
        scanner = EventScanner(limits: limits, receivedAt: receivedAt)
        encoder = EventBlockEncoder(hostOfNone: hostOfNone)
    }

    /// Events taken so far.
    var count: Int { finished + encoder.count }

    /// Takes the event that begins at `start` when it is of the common shape. Returns the offset of what ends it; nil: nothing was taken.
    mutating func scan(at start: Int, ending: EventScanner.Ending) -> Int? {
        guard let end = scanner.append(text, at: start, ending: ending, to: &encoder) else { return nil }
        if encoder.count == ReceivingLimits.rowsPerBlockMax { closeBlock() }
        return end
    }

    /// Takes the only event of a request when it is of the common shape. False: nothing was taken.
    /// - Precondition: nothing was taken before.
    mutating func scanOnly(at start: Int) -> Bool {
        precondition(count == 0, "the only event comes first")
        guard let event = scanner.single(text, at: start, encoder) else { return false }
        blocks = [AdmittedBlock(event)]
        (finished, sources, hosts) = (1, [event.text(event.source): 1], [event.text(event.host)])
        return true
    }

    /// Reads one element whole.
    mutating func read(_ element: Range<Int>) throws(EventFaults) {
        encoder.append(try reader.event(in: text.padded.span.extracting(element)))
        if encoder.count == ReceivingLimits.rowsPerBlockMax { closeBlock() }
    }

    private mutating func closeBlock() {
        let (from, to) = encoder.bounds
        blocks.append(
            AdmittedBlock(
                kind: .events,
                bytes: encoder.finish(),
                count: encoder.count,
                from: from,
                to: to,
                ids: encoder.ownIDs,
                timestamps: encoder.timestamps
            )
        )
        finished += encoder.count
        if sources.isEmpty { sources = encoder.sourceCounts } else { sources.merge(encoder.sourceCounts, uniquingKeysWith: +) }
        hosts.formUnion(encoder.hostNames)
        encoder = EventBlockEncoder(hostOfNone: hostOfNone)
    }

    /// What was taken.
    consuming func finish(key: String?) -> ClientEvents {
        if encoder.count > 0 { closeBlock() }
        let checksum = key == nil ? nil : Checksum.xxh64(text.padded.span.extracting(0..<text.count))
        return ClientEvents(blocks: blocks, sources: sources, hosts: hosts, idempotencyKey: key, checksum: checksum)
    }
}
