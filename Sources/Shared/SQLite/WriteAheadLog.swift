import Glibc

/// A look into a write-ahead log before SQLite takes it back (sqlite.org/fileformat2.html §4). SQLite reads it up to the first frame that is not as it was
/// written, and throws away what lies behind: right after a crash, where that was never acknowledged, and a silent loss where a frame was damaged later.
package struct WriteAheadLog: Sendable, Hashable {
    /// Frames that SQLite will take back, all of them followed by a commit.
    package var committedFrames = 0
    /// Whether something was committed behind the place where SQLite will stop.
    package var hidesCommits = false
    /// Bytes from the place where SQLite will stop; 0: nothing is left over.
    package var bytesBehind = 0

    private static let headerBytes = 32
    private static let frameHeaderBytes = 24

    /// - Parameter path: of the `-wal` file. One that is not there or cannot be read holds nothing: whoever opens the database hears why.
    /// - Parameter pageBytes: of the database, for a log whose header is damaged.
    package init(path: String, pageBytes: Int) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let file = File(descriptor: descriptor)
        let header = file.read(Self.headerBytes, at: 0)
        guard header.count == Self.headerBytes else { return }
        if let layout = Layout(header) {
            let sums = Sums().adding(header[0..<24], bigEndian: layout.isBigEndian)
            guard sums != Sums(header[24..<32]) else {
                read(file, layout, from: sums)
                return
            }
        }
        // A damaged header: the salts of the first frame are those that it had. Which way round the sums were made is one of its bits.
        let first = file.read(Self.frameHeaderBytes, at: Self.headerBytes)
        guard first.count == Self.frameHeaderBytes else { return }
        for isBigEndian in [false, true] where !hidesCommits {
            let pageSize = Layout(header)?.pageSize ?? pageBytes
            read(file, Layout(pageSize: pageSize, isBigEndian: isBigEndian, salts: Array(first[8..<16])), from: nil)
        }
    }

    /// - Parameter sums: of the header; nil: it is damaged, and SQLite takes back nothing.
    private mutating func read(_ file: File, _ layout: Layout, from sums: Sums?) {
        var expected = sums
        var previous: Link?
        /// The largest that the database can be by now: each page that it gained is a frame. Nil: not known.
        var pagesMax: Int?
        var offset = Self.headerBytes
        var index = 0
        while true {
            let bytes = file.read(Self.frameHeaderBytes + layout.pageSize, at: offset)
            guard bytes.count == Self.frameHeaderBytes + layout.pageSize else { break }
            let frame = Frame(bytes: bytes, layout: layout)
            pagesMax = pagesMax.map { $0 + 1 }
            if let before = expected, frame.follows(before) {
                expected = frame.stored
                if frame.isCommit { (committedFrames, pagesMax) = (index + 1, frame.pages + 1) }
                previous = Link(stored: frame.stored, computed: nil, isCommit: frame.isCommit)
            } else {
                expected = nil
                // A frame is only written behind a commit that is on disk: had the power gone before, it would not be here. Frames of transactions that
                // failed lie behind the end too, and each of those begins where the others began.
                if let previous, previous.isCommit, previous.leads(to: frame) { hidesCommits = true }
                previous = Link(
                    stored: frame.stored,
                    computed: previous.map { frame.sums(after: $0.stored) },
                    isCommit: previous.map { frame.wasCommit(after: $0.stored, pagesMax: pagesMax) } ?? frame.isCommit
                )
            }
            offset += bytes.count
            index += 1
        }
        bytesBehind = max(0, file.count - Self.headerBytes - committedFrames * (Self.frameHeaderBytes + layout.pageSize))
    }
}

extension WriteAheadLog {
    /// What the next frame continues. The bit that turned may be one of the stored sums: the frame then says by itself what they were.
    private struct Link {
        var stored: Sums
        var computed: Sums?
        var isCommit: Bool

        func leads(to frame: Frame) -> Bool { frame.follows(stored) || computed.map(frame.follows) == true }
    }

    private struct Frame {
        let bytes: [UInt8]
        let layout: Layout

        var stored: Sums { Sums(bytes[16..<24]) }
        var isCommit: Bool { bytes[4..<8].contains { $0 != 0 } }
        private var isOfThisLog: Bool { bytes[8..<16].elementsEqual(layout.salts) }

        func follows(_ sums: Sums) -> Bool { isOfThisLog && self.sums(after: sums) == stored }

        func sums(after sums: Sums) -> Sums {
            sums.adding(bytes[0..<8], bigEndian: layout.isBigEndian).adding(bytes[24...], bigEndian: layout.isBigEndian)
        }

        /// Of a commit: how large the database is after it; 0 of other frames.
        var pages: Int { Int(Sums.word(bytes[4..<8], bigEndian: true)) }

        /// For a frame that does not follow: whether it was a commit before a bit of that word turned. The highest bit of any other word weighs as
        /// much in the sums as the highest of this one: a size that the database cannot have tells them apart.
        func wasCommit(after sums: Sums, pagesMax: Int?) -> Bool {
            func isPossible(_ frame: Frame) -> Bool { frame.pages <= pagesMax ?? .max }
            guard isOfThisLog else { return isCommit }
            for bit in 0..<32 {
                var copy = bytes
                copy[4 + bit / 8] ^= 1 << UInt8(bit % 8)
                let whole = Frame(bytes: copy, layout: layout)
                if isPossible(whole), whole.follows(sums) { return whole.isCommit }
            }
            return isCommit && isPossible(self)
        }
    }

    private struct Layout {
        var pageSize: Int
        var isBigEndian: Bool
        var salts: [UInt8]

        init(pageSize: Int, isBigEndian: Bool, salts: [UInt8]) { (self.pageSize, self.isBigEndian, self.salts) = (pageSize, isBigEndian, salts) }

        /// - Returns: nil for a header that no SQLite has written.
        init?(_ header: [UInt8]) {
            let (magic, size) = (Sums.word(header[0..<4], bigEndian: true), Int(Sums.word(header[8..<12], bigEndian: true)))
            guard magic & ~1 == 0x377f_0682, size >= 512, size <= 65_536, size & (size - 1) == 0 else { return nil }
            self.init(pageSize: size, isBigEndian: magic & 1 == 1, salts: Array(header[16..<24]))
        }
    }

    /// The running checksum of a write-ahead log: two words, over pairs of words.
    private struct Sums: Equatable {
        var first: UInt32 = 0
        var second: UInt32 = 0

        init() {}

        /// As it is stored: always big-endian.
        init(_ bytes: ArraySlice<UInt8>) {
            first = Self.word(bytes.prefix(4), bigEndian: true)
            second = Self.word(bytes.suffix(4), bigEndian: true)
        }

        func adding(_ bytes: ArraySlice<UInt8>, bigEndian: Bool) -> Sums {
            var sums = self
            unsafe bytes.withUnsafeBytes { raw in
                for offset in stride(from: 0, to: raw.count & ~7, by: 8) {
                    let one = unsafe raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
                    let two = unsafe raw.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
                    sums.first = sums.first &+ (bigEndian ? UInt32(bigEndian: one) : UInt32(littleEndian: one)) &+ sums.second
                    sums.second = sums.second &+ (bigEndian ? UInt32(bigEndian: two) : UInt32(littleEndian: two)) &+ sums.first
                }
            }
            return sums
        }

        static func word(_ bytes: ArraySlice<UInt8>, bigEndian: Bool) -> UInt32 {
            unsafe bytes.withUnsafeBytes { raw in
                let word = unsafe raw.loadUnaligned(as: UInt32.self)
                return bigEndian ? UInt32(bigEndian: word) : UInt32(littleEndian: word)
            }
        }
    }

    private struct File {
        let descriptor: Int32

        var count: Int {
            var status = stat()
            return unsafe fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
        }

        /// - Returns: fewer bytes at the end of the file.
        func read(_ count: Int, at offset: Int) -> [UInt8] {
            unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, length in
                while length < count {
                    let got = unsafe pread(descriptor, buffer.baseAddress! + length, count - length, off_t(offset + length))
                    if got < 0, errno == EINTR { continue }
                    guard got > 0 else { break }
                    length += got
                }
            }
        }
    }
}
