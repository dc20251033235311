import Glibc
import Spooling
import Telemetry
import TestSupport
import Testing

/// Whether the spool knows where files stand, and what it tells the aggregator of them.
struct SpoolMemoryTests {
    private let fixture: SpoolFixture

    init() throws { fixture = try SpoolFixture() }

    private func position(_ offset: UInt64, inode: UInt64 = 7) -> ReadPosition {
        ReadPosition(path: "/a", device: 66, inode: inode, offset: offset, headHash: 5, headLength: 4, tailHash: 6, tailLength: 4)
    }

    @Test func `a new spool says that it knows nothing, until it is told that this is settled, through restarts`() async throws {
        do {
            let spool = try fixture.open()
            #expect(try await spool.fileMemory() == .new)
            #expect(try await spool.checkpoint() == Checkpoint())
            try await spool.accept(fixture.lines(["a"]))
            await spool.close()
        }
        do {
            let spool = try fixture.open()
            #expect(try await spool.fileMemory() == .new)
            try await spool.accept(Intake(positions: [position(9)], notes: [FileMemory.note: FileMemory.begun([]).text]))
            #expect(try await spool.fileMemory() == .begun([]))
            try await spool.accept(Intake(positions: [position(9)], notes: [FileMemory.note: ""]))
            await spool.close()
        }
        let spool = try fixture.open()
        #expect(try await spool.fileMemory() == nil)
        #expect(try await spool.checkpoint() == Checkpoint(positions: [position(9)]))
    }

    @Test func `where a file stands travels without a line, but lines that were left out make no batch`() async throws {
        let spool = try fixture.open()
        try await spool.accept(Intake(positions: [position(90)], reads: [ReadRange(from: 80, to: position(90))]))
        #expect(try await spool.peek().isEmpty)
        let standing = ReadRange(from: 90, to: position(90))
        try await spool.accept(Intake(positions: [position(90)], reads: [standing]))
        let told = try await spool.peek()
        #expect(told.map(\.lane) == [.logs])
        #expect(told.map(\.messages) == [[]])
        #expect(told.map(\.reads) == [[standing]])
        try await spool.acknowledge(Acknowledgement(lanes: [.logs: 1]))
        #expect(try await spool.peek().isEmpty)
    }

    @Test func `the lines of one file name it once a batch`() async throws {
        let spool = try fixture.open()
        var intake = fixture.lines(["a", "b", "c"])
        intake.reads = [ReadRange(from: 0, to: position(10)), ReadRange(from: 0, to: position(5, inode: 8)), ReadRange(from: 10, to: position(30))]
        try await spool.accept(intake)
        #expect(try await spool.peek().map(\.reads) == [[ReadRange(from: 0, to: position(30)), ReadRange(from: 0, to: position(5, inode: 8))]])
    }

    @Test func `a damaged spool whose positions are gone takes them from the batches it keeps, and asks for the others`() async throws {
        do {
            let spool = try fixture.open()
            try await spool.accept(Intake(notes: [FileMemory.note: ""]))
            for number in 1...200 as ClosedRange<UInt64> {
                var intake = fixture.lines([SpoolFixture.noise(2000, seed: number)])
                (intake.positions, intake.reads) = ([position(number * 10)], [ReadRange(from: number * 10 - 10, to: position(number * 10))])
                try await spool.accept(intake)
            }
            await spool.close()
        }
        // The pages of both copies of the positions, in the file and not in its log.
        let file = SpoolFile(fixture.path)
        let pages = try file.pages(of: ["position", "position_copy"])
        let path = fixture.path + "/spool.db"
        var bytes = try #require(TestFiles.bytes(path))
        for page in pages { for index in (page - 1) * 4096..<page * 4096 { bytes[index] = 0xFF } }
        try TestFiles.write(bytes, to: path)
        let spool = try fixture.open()
        #expect(try await spool.fileMemory() == .salvaged)
        #expect(try await spool.checkpoint().positions == [position(2000)])
    }
}
