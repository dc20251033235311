import Blocks
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Sealing

/// Columns in pages: what is asked of a few rows is what a look at all of them gives.
@Suite struct ColumnPagesTests {
    private static let rows = 2 * SealedEventFormat.rowsPerPage + 1500

    private static func sealed(seed: UInt64) throws -> (expected: [Event], output: SealedOutput) {
        var fleet = Fleet(seed: seed)
        let arrivals = (1...5).map { fleet.arrival(position: LogPosition($0), rows: rows / 5) }
        var sealer = EventSealer()
        for arrival in arrivals { try sealer.append(arrival) }
        return (arrivals.flatMap { expectedEvents($0) }, try #require(sealer.finish()))
    }

    /// The same rows as version 1 wrote them: each column in one page, and no pages in the directory.
    private static func asVersion1(_ output: SealedOutput) throws -> [UInt8] {
        let sealed = try SealedEvents(SealedBlock(output))
        let stored = Array(output.bytes[SealedEventHeader.bytes..<SealedEventHeader.bytes + sealed.header.directoryBytes])
        let whole = try stored.count == sealed.header.inflatedBytes ? stored : #require(Zstd.decompress(stored, length: sealed.header.inflatedBytes))
        var (list, pages) = ([UInt8](), [UInt8]())
        list.appendVarint(UInt64(sealed.frames.count))
        var old = FrameWriter(level: 1)
        for entry in sealed.frames {
            let bytes = Array(output.bytes[entry.range])
            old.append(
                try entry.payload(bytes.span, ZstdUnpacker()),
                try #require(SealedEventFormat.Column(rawValue: entry.column)),
                page: entry.page
            )
        }
        list += old.list
        ColumnPages.encode(sealed.pages, earliest: output.from.nanoseconds, into: &pages)
        var directory = Array(whole.dropLast(list.count + pages.count))
        #expect(directory + pages + list == whole)

        var writer = FrameWriter(level: 1)
        writer.append(TimeColumn.encode(try sealed.timestamps()[...], earliest: output.from.nanoseconds), .timestamps)
        for (column, coded, distinct) in [
            (SealedEvents.CodedColumn.sources, SealedEventFormat.Column.sources, sealed.sources.texts.count),
            (.types, .types, sealed.types.texts.count),
            (.hosts, .hosts, sealed.hosts.texts.count), (.tags, .tags, sealed.tagLists.count),
        ] { writer.append(Payload(compressible: Codes16.encode(try sealed.codes(column)[...], distinct: distinct)), coded) }
        writer.append(Payload(compressible: try sealed.severities()), .severities)
        if let payload = try sealed.payload(.ids) { writer.append(payload, .ids) }
        var (texts, count, codes) = (Payload(), 0, [UInt8]())
        for page in sealed.pages.indices {
            let known = try CorrelationTexts(sealed.needed(.correlations, page: page))
            for index in 0..<known.count { texts.compressible.appendText(try known.text(index)) }
            count += known.count
            codes += try sealed.needed(.correlationCodes, page: page).compressible
        }
        var head = [UInt8]()
        head.appendVarint(UInt64(count))
        texts.compressible = head + [0] + texts.compressible
        writer.append(texts, .correlations)
        writer.append(Payload(compressible: codes), .correlationCodes)
        for entry in sealed.frames where entry.column >= SealedEventFormat.Column.messages.rawValue {
            let column = try #require(SealedEventFormat.Column(rawValue: entry.column))
            writer.append(try sealed.needed(column, page: entry.page), column, page: entry.page)
        }
        directory.appendVarint(UInt64(writer.count))
        directory += writer.list
        return SealedEventHeader.assemble(
            directory: directory,
            frames: writer.bytes,
            rows: output.count,
            from: output.from.nanoseconds,
            to: output.to.nanoseconds,
            first: output.first,
            last: output.last,
            version: 1
        )
    }

    @Test(arguments: [1, 2])
    func `rows anywhere are what all rows give, in each version`(version: Int) throws {
        let (expected, output) = try Self.sealed(seed: 61)
        let bytes = version == 1 ? try Self.asVersion1(output) : output.bytes
        let sealed = try SealedEvents(SealedBlock(output, bytes: MemoryBytes(bytes)))
        #expect(sealed.header.version == UInt8(version) && sealed.pages.count == (version == 1 ? 1 : 3))
        #expect(try sealed.events(at: Array(0..<sealed.count)) == expected)
        #expect(try sealed.timestamps() == expected.map(\.timestamp.nanoseconds))
        #expect(try sealed.severities() == expected.map(\.severity.rawValue))
        let edge = SealedEventFormat.rowsPerPage
        var generator = SeededGenerator(seed: 5)
        for wanted in [[0], [edge - 1], [edge], [edge - 1, edge], [2 * edge], [expected.count - 1], [3, 2 * edge + 7]] {
            #expect(try sealed.events(at: wanted) == wanted.map { expected[$0] })
            #expect(try sealed.codes(.sources, at: wanted).map { sealed.sources.texts[Int($0)] } == wanted.map { expected[$0].source })
        }
        for _ in 0..<10 {
            let id = try #require(expected.randomElement(using: &generator)?.correlationID ?? "Not hex 3")
            #expect(try sealed.rows(correlatedBy: id) == expected.indices.filter { expected[$0].correlationID == id })
            let from = try #require(expected.randomElement(using: &generator)).timestamp.nanoseconds
            let to = from + Int64.random(in: 0..<2_000_000_000, using: &generator)
            let rows = expected.indices.filter { expected[$0].timestamp.nanoseconds >= from && expected[$0].timestamp.nanoseconds < to }
            let found = try sealed.rows(from: from, to: to)
            #expect(found.rows == rows && found.times == rows.map { expected[$0].timestamp.nanoseconds })
        }
        #expect(try sealed.rows(correlatedBy: "nobody's").isEmpty)
    }

    /// Bytes that tell how many of them were read.
    private final class WeighedBytes: SealedBytes {
        private let bytes: MemoryBytes
        private let read = Mutex(0)

        init(_ bytes: [UInt8]) { self.bytes = MemoryBytes(bytes) }

        var count: Int { bytes.count }

        func read(_ range: Range<Int>) throws(LogError) -> [UInt8] {
            read.withLock { $0 += range.count }
            return try bytes.read(range)
        }

        /// Since the last call.
        func weight() -> Int {
            read.withLock { bytes in
                defer { bytes = 0 }
                return bytes
            }
        }
    }

    @Test func `one row reads its page of each column, and a moment reads its page of times`() throws {
        var mix = EventMix(seed: 9)
        let events = (0..<6 * SealedEventFormat.rowsPerPage).map { _ in mix.next() }
        var sealer = EventSealer()
        try sealer.append(arrival(of: events, position: 1))
        let output = try #require(sealer.finish())
        let bytes = WeighedBytes(output.bytes)
        let sealed = try SealedEvents(SealedBlock(output, bytes: bytes))
        _ = bytes.weight()
        let row = 3 * SealedEventFormat.rowsPerPage + 4000
        _ = try sealed.events(at: [row])
        #expect(bytes.weight() < output.bytes.count / 5)
        let time = events[row].timestamp.nanoseconds
        #expect(try sealed.rows(from: time, to: time + 1).rows.contains(row))
        #expect(bytes.weight() < (sealed.columnBytes[SealedEventFormat.Column.timestamps.rawValue] ?? 0) / 3)
    }
}
