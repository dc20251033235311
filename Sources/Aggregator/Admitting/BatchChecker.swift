import Blocks
import Telemetry

/// Looks into a batch before it is stored: its blocks are whole, and speak for nobody but their sender.
struct BatchChecker: Sendable {
    private let principal: Principal
    private let futureMax: Duration

    init(principal: Principal, futureMax: Duration) { (self.principal, self.futureMax) = (principal, futureMax) }

    /// What may be stored, and the series in it that were not known.
    struct Checked {
        var batch: AdmittedBatch
        /// Fingerprints of label sets.
        var series: Set<UInt64>
        /// Lists whose series are all among them, or known.
        var lists: Set<SeriesList>
    }

    /// - Parameter isKnown: whether a list of series was looked into before, for the same token.
    func check(_ received: ReceivedBatch, receivedAt: Timestamp, isKnown: (SeriesList) -> Bool) throws(Refusal) -> Checked {
        let batch = received.batch
        if let host = principal.host, batch.identity.host != host {
            throw .forbidden(
                "the token \"\(principal.name)\" speaks for the host \(host), not for \(batch.identity.host): give the agent its own token"
            )
        }
        guard !batch.identity.host.isEmpty else { throw .unacceptable("the batch names no host") }
        guard batch.sequence > 0 else { throw .unacceptable("the sequence is 0; sequences begin with 1") }
        var blocks: [AdmittedBlock] = []
        var series: Set<UInt64> = []
        var lists: Set<SeriesList> = []
        for (index, bytes) in batch.blocks.enumerated() {
            do {
                var block = try self.block(bytes, batch.identity.host, &series, &lists, isKnown)
                try require(block, isBefore: receivedAt.advanced(by: futureMax))
                // Blocks are the end of a batch.
                if batch.blocks.count == 1 { block.packed = received.packed }
                blocks.append(block)
            } catch let error as BlockError {
                throw .unacceptable("block \(index) of sequence \(batch.sequence), lane \(batch.lane): \(error)")
            } catch let error as StrangeHost {
                throw .unacceptable("block \(index) of sequence \(batch.sequence), lane \(batch.lane) speaks for the host \(error.host)")
            } catch let error as StrangeTime {
                throw .unacceptable(
                    "block \(index) of sequence \(batch.sequence), lane \(batch.lane) of \(batch.identity.host) holds a row of \(error.moment), and the aggregator "
                        + "has \(receivedAt): rows from 1970 to \(futureMax) ahead are taken (limits.future); set the host's clock right"
                )
            } catch {
                throw .unacceptable("block \(index) of sequence \(batch.sequence), lane \(batch.lane) cannot be read")
            }
        }
        let admitted = AdmittedBatch(
            origin: .agent(batch.identity, lane: batch.lane, sequence: batch.sequence, checksum: received.checksum),
            receivedAt: receivedAt,
            blocks: blocks,
            reads: batch.reads
        )
        return Checked(batch: admitted, series: series, lists: lists)
    }

    private struct StrangeHost: Error { var host: String }
    private struct StrangeTime: Error { var moment: Timestamp }

    /// The rule for events of JSON clients. The header's range is that of the rows: decoding has compared them.
    private func require(_ block: AdmittedBlock, isBefore latest: Timestamp) throws(StrangeTime) {
        guard block.count > 0 else { return }
        if block.to > latest { throw StrangeTime(moment: block.to) }
        if block.from < Timestamp(nanoseconds: 0) { throw StrangeTime(moment: block.from) }
    }

    /// Decodes the block whole: a reader behind the log must never meet one that it cannot read.
    private func block(
        _ bytes: [UInt8],
        _ host: String,
        _ series: inout Set<UInt64>,
        _ lists: inout Set<SeriesList>,
        _ isKnown: (SeriesList) -> Bool
    ) throws -> AdmittedBlock {
        let header = try BlockHeader(decoding: bytes)
        var ids: [UInt32: UUID] = [:]
        switch header.kind {
        case .events:
            let block = try EventBlock(decoding: bytes, header: header)
            for name in block.hosts.values { try require(name, is: host) }
            ids = block.ids
        case .samples:
            let block = try SampleColumns(decoding: bytes)
            let list = SeriesList(block.bytes.span.extracting(block.layout), host: principal.host)
            if !lists.contains(list), !isKnown(list) {
                try look(into: block, host, &series)
                lists.insert(list)
            }
        case .alerts:
            for alert in try AlertBlock(decoding: bytes).alerts { try require(alert.labels["host"] ?? "", is: host) }
        }
        return AdmittedBlock(kind: header.kind, bytes: bytes, count: header.count, from: header.from, to: header.to, ids: ids)
    }

    private func look(into block: SampleColumns, _ host: String, _ series: inout Set<UInt64>) throws {
        var strange: String?
        try block.visitSeries { _, pairs in
            let labels = SampleColumns.labels(pairs, in: block.bytes)
            series.insert(labels.fingerprint)
            if let name = labels["host"], principal.host != nil, name != host { strange = name }
        }
        if let strange { throw StrangeHost(host: strange) }
    }

    /// A token bound to a host keeps its agent from speaking for others; without tokens anybody on loopback may say anything.
    private func require(_ name: String, is host: String) throws(StrangeHost) {
        guard principal.host != nil, !name.isEmpty, name != host else { return }
        throw StrangeHost(host: name)
    }
}
