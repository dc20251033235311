import Blocks
import Telemetry
import TestSupport
import Testing

@testable import Sealing

/// Bytes that were changed by somebody who knows the checksums.
@Suite struct HostileEventsTests {
    private typealias Frame = (column: SealedEventFormat.Column, page: Int, payload: Payload)

    /// A sealed block that can be put together again with other contents.
    private struct Parts {
        let output: SealedOutput
        /// Without its list of frames.
        let directory: [UInt8]
        let frames: [Frame]

        init(seed: UInt64, rows: Int) throws {
            var fleet = Fleet(seed: seed)
            var sealer = EventSealer()
            for position in 1...3 { try sealer.append(fleet.arrival(position: LogPosition(position), rows: rows / 3)) }
            let output = try #require(sealer.finish())
            let header = try SealedEventHeader(output.bytes)
            let sealed = try SealedEvents(Self.block(output, output.bytes))
            var frames = [Frame]()
            for entry in sealed.frames {
                let column = try #require(SealedEventFormat.Column(rawValue: entry.column))
                let bytes = Array(output.bytes[entry.range])
                frames.append((column, entry.page, try entry.payload(bytes.span, ZstdUnpacker())))
            }
            let stored = Array(output.bytes[SealedEventHeader.bytes..<SealedEventHeader.bytes + header.directoryBytes])
            let whole = stored.count == header.inflatedBytes ? stored : try #require(Zstd.decompress(stored, length: header.inflatedBytes))
            var list = [UInt8]()
            list.appendVarint(UInt64(frames.count))
            list += Self.write(frames).list
            #expect(Array(whole.suffix(list.count)) == list)
            (self.output, self.frames, directory) = (output, frames, Array(whole.dropLast(list.count)))
        }

        static func write(_ frames: [Frame]) -> FrameWriter {
            var writer = FrameWriter(level: 1)
            for frame in frames { writer.append(frame.payload, frame.column, page: frame.page) }
            return writer
        }

        static func block(_ output: SealedOutput, _ bytes: [UInt8]) -> SealedBlock {
            SealedBlock(output, bytes: MemoryBytes(bytes))
        }

        /// With right checksums all over.
        func block(directory: [UInt8], frames: [Frame], rows: Int? = nil) -> SealedBlock {
            let writer = Self.write(frames)
            var whole = directory
            whole.appendVarint(UInt64(writer.count))
            whole += writer.list
            let bytes = SealedEventHeader.assemble(
                directory: whole,
                frames: writer.bytes,
                rows: rows ?? output.count,
                from: output.from.nanoseconds,
                to: output.to.nanoseconds,
                first: output.first,
                last: output.last
            )
            return Self.block(output, bytes)
        }
    }

    /// Everything that can be asked of a block. What is damaged throws; what is wrong but well-formed gives wrong answers; nothing traps.
    private func readAll(_ block: SealedBlock) {
        do throws(SealedError) {
            let sealed = try SealedEvents(block)
            try sealed.verify()
            _ = try sealed.arrivals()
            _ = try sealed.rows(from: sealed.header.from.nanoseconds, to: .max)
            _ = try sealed.rows(correlatedBy: "00ab")
            for wanted in [[0], [sealed.count - 1]] where sealed.count > 0 { _ = try sealed.events(at: wanted) }
            _ = try sealed.counts(where: [.severities: [true, true, false, false, false]], by: [.sources, .hosts])
            for page in 0...(sealed.count - 1) / SealedEvents.rowsPerPage {
                _ = try sealed.texts(.messages, page: page, wanted: [0, 3])
                _ = try sealed.texts(.data, page: page, wanted: [])
            }
        } catch {
            // Refused, as it should be.
        }
    }

    @Test func `a block is put together as the sealer does it`() throws {
        let parts = try Parts(seed: 21, rows: 900)
        let block = parts.block(directory: parts.directory, frames: parts.frames)
        #expect(try block.bytes.read(0..<block.bytes.count) == parts.output.bytes)
        try SealedEvents(block).verify()
    }

    @Test func `a directory with any byte changed is refused or read, and never a trap`() throws {
        let parts = try Parts(seed: 22, rows: 300)
        var generator = SeededGenerator(seed: 1)
        for place in parts.directory.indices {
            var directory = parts.directory
            directory[place] = UInt8.random(in: 0...255, using: &generator)
            readAll(parts.block(directory: directory, frames: parts.frames))
        }
        for place in parts.directory.indices where place.isMultiple(of: 3) {
            readAll(parts.block(directory: Array(parts.directory[..<place]), frames: parts.frames))
        }
    }

    @Test(arguments: 0..<8)
    func `a frame with bytes changed is refused or read, and never a trap`(seed: UInt64) throws {
        let parts = try Parts(seed: 23, rows: 300)
        var generator = SeededGenerator(seed: seed)
        for index in parts.frames.indices {
            for _ in 0..<25 {
                var frames = parts.frames
                var payload = frames[index].payload
                for _ in 0..<Int.random(in: 1...3, using: &generator) {
                    // Lengths and modes stand at the begin.
                    let depth = Bool.random(using: &generator) ? 24 : Int.max
                    if Bool.random(using: &generator), !payload.packed.isEmpty {
                        payload.packed[Int.random(in: 0..<min(depth, payload.packed.count), using: &generator)] = .random(
                            in: 0...255,
                            using: &generator
                        )
                    } else if !payload.compressible.isEmpty {
                        let place = Int.random(in: 0..<min(depth, payload.compressible.count), using: &generator)
                        payload.compressible[place] = .random(in: 0...255, using: &generator)
                    }
                }
                if Int.random(in: 0..<4, using: &generator) == 0 { payload.packed.removeLast(payload.packed.count / 2) }
                if Int.random(in: 0..<4, using: &generator) == 0 {
                    payload.compressible.removeLast(Int.random(in: 0...payload.compressible.count, using: &generator))
                }
                frames[index].payload = payload
                readAll(parts.block(directory: parts.directory, frames: frames))
            }
        }
    }

    @Test func `pages that do not belong together are refused or read, and never a trap`() throws {
        let parts = try Parts(seed: 26, rows: 2 * SealedEventFormat.rowsPerPage + 300)
        var generator = SeededGenerator(seed: 2)
        // Frames of other pages, frames that are not there, and pages in another order.
        for _ in 0..<12 {
            var frames = parts.frames
            let (one, other) = (Int.random(in: frames.indices, using: &generator), Int.random(in: frames.indices, using: &generator))
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: frames.swapAt(one, other)
            case 1: frames.remove(at: one)
            default: frames[one].payload = frames[other].payload
            }
            readAll(parts.block(directory: parts.directory, frames: frames))
        }
        // What the directory says of pages is its last part.
        for place in parts.directory.indices.suffix(20) {
            var directory = parts.directory
            directory[place] = UInt8.random(in: 0...255, using: &generator)
            readAll(parts.block(directory: directory, frames: parts.frames))
        }
    }

    @Test func `a block without a column, and one of other rows than it says, are refused`() throws {
        let parts = try Parts(seed: 24, rows: 300)
        for column in [SealedEventFormat.Column.timestamps, .severities, .sources, .hosts, .correlationCodes] {
            let block = parts.block(directory: parts.directory, frames: parts.frames.filter { $0.column != column })
            #expect(throws: SealedError.self, "\(column)") { try SealedEvents(block).verify() }
        }
        #expect(throws: SealedError.self) {
            _ = try SealedEvents(parts.block(directory: parts.directory, frames: parts.frames, rows: parts.output.count + 1))
        }
        // Counts that do not agree: statistics rest on them.
        var directory = parts.directory
        directory[0] ^= 1
        #expect(throws: SealedError.self) { try SealedEvents(parts.block(directory: directory, frames: parts.frames)) }
    }

    @Test func `pages of texts that promise more than they are do not take the memory`() throws {
        // 4096 rows of one template of a mebibyte, and one of 65 numbers.
        for template in [[UInt8](repeating: 0x61, count: 1 << 20), [UInt8](repeating: TextTemplates.number, count: TextPage.numbersMax + 1)] {
            var payload = Payload(compressible: [1, 1])
            payload.compressible.appendVarint(UInt64(template.count))
            payload.compressible += template + [UInt8](repeating: 1, count: 4096) + [UInt8](repeating: 0, count: 400)
            #expect(throws: SealedError.self) { try TextPageReader(payload, rows: 4096).texts() }
        }
    }

    @Test func `an arrival beyond the rows of a block is refused whole`() throws {
        let event = Event(timestamp: Timestamp(nanoseconds: 5), source: "s", type: "t", severity: .info)
        let half = arrival(of: Array(repeating: event, count: EventSealer.rowsMax / 2 + 1), position: 1)
        var sealer = EventSealer()
        try sealer.append(half)
        #expect(throws: SealedError.self) { try sealer.append(half) }
        #expect(sealer.count == EventSealer.rowsMax / 2 + 1)
    }

    @Test func `fuzz: directories and frames of anything, with right checksums, are refused or read`() throws {
        let parts = try Parts(seed: 24, rows: 300)
        var directories = Fuzzer([parts.directory], seed: 31)
        try directories.run(rounds: Fuzzer.rounds / 4) { readAll(parts.block(directory: $0, frames: parts.frames)) }
        for index in parts.frames.indices {
            var frames = parts.frames
            let payload = parts.frames[index].payload
            if !payload.compressible.isEmpty {
                var fuzzer = Fuzzer([payload.compressible], seed: 32)
                try fuzzer.run(rounds: Fuzzer.rounds / 40) {
                    frames[index].payload.compressible = $0
                    readAll(parts.block(directory: parts.directory, frames: frames))
                }
            }
            frames[index].payload = payload
            if !payload.packed.isEmpty {
                var fuzzer = Fuzzer([payload.packed], seed: 33)
                try fuzzer.run(rounds: Fuzzer.rounds / 40) {
                    frames[index].payload.packed = $0
                    readAll(parts.block(directory: parts.directory, frames: frames))
                }
            }
        }
    }

    @Test func `fuzz: whole sealed blocks of anything are refused or read`() throws {
        let parts = try Parts(seed: 25, rows: 300)
        var fuzzer = Fuzzer([parts.output.bytes], seed: 34)
        try fuzzer.run { readAll(Parts.block(parts.output, $0)) }
    }
}
