/// The different ones of many hashes. They are kept as they come and told apart all at once, piece by piece: a table of all words of a block is larger than the
/// processor's caches, and looking into it word by word was a fifth of what sealing costs.
struct HashSet {
    private static let recentCount = 1 << 11
    /// Hashes of a piece, about: with its table it fits the first cache.
    private static let pieceCount = 512
    /// Chosen by the process: whoever writes words of one hash after the other does not know where they will lie.
    private static let seed = UInt64.random(in: 0...(.max)) | 1

    /// What was inserted last, by low bits: most words of a log come again and again. Nothing that lies in another place than its own is ever found, so zeros,
    /// and a one in the place of zero, are as good as empty.
    private var recent: [UInt64]
    /// Those that were told apart already, then the others as they came.
    private var gathered: [UInt64] = []
    /// How many are gathered before those that came again are thrown out.
    private var room: Int

    init(room: Int = 1 << 18) {
        self.room = room
        recent = [UInt64](repeating: 0, count: Self.recentCount)
        recent[0] = 1
    }

    @inline(__always)
    mutating func insert(_ hash: UInt64) {
        let place = Int(truncatingIfNeeded: hash) & (Self.recentCount - 1)
        if recent[place] == hash { return }
        recent[place] = hash
        gathered.append(hash)
        if gathered.count >= room { compact() }
    }

    private mutating func compact() {
        gathered = Self.distinct(gathered)
        // Half of it is free again, or as much as is there: each hash is looked at a few times at most.
        room = max(room, 2 * gathered.count)
    }

    /// Each once, in no order.
    mutating func hashes() -> [UInt64] {
        compact()
        return gathered
    }

    private static func distinct(_ hashes: [UInt64]) -> [UInt64] {
        guard hashes.count > 1 else { return hashes }
        // Pieces by the first bits of the product, places in a piece's table by the bits behind them.
        let pieceBits = max(0, Int.bitWidth - (hashes.count / pieceCount).leadingZeroBitCount)
        let (pieces, seed) = (1 << pieceBits, seed)
        func piece(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: ((hash &* seed) >> 1) >> UInt64(63 - pieceBits)) }
        var ends = [Int](repeating: 0, count: pieces + 1)
        for hash in hashes { ends[piece(hash) + 1] += 1 }
        let longest = ends.max() ?? 0
        for index in 1...pieces { ends[index] += ends[index - 1] }
        let tableBits = Int.bitWidth - (2 * longest).leadingZeroBitCount
        var table = [UInt64](repeating: 0, count: 1 << tableBits)
        let shift = UInt64(max(0, 64 - pieceBits - tableBits))
        return unsafe [UInt64](unsafeUninitializedCapacity: hashes.count) { output, count in
            var hasZero = false
            unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: hashes.count) { sorted in
                var next = ends
                for hash in hashes {
                    let place = piece(hash)
                    unsafe sorted[next[place]] = hash
                    next[place] += 1
                }
                unsafe table.withUnsafeMutableBufferPointer { table in
                    let mask = table.count - 1
                    for number in 0..<pieces {
                        let range = ends[number]..<ends[number + 1]
                        if number > 0 { unsafe table.update(repeating: 0) }
                        for index in range {
                            let hash = unsafe sorted[index]
                            if hash == 0 {
                                hasZero = true
                                continue
                            }
                            var slot = Int(truncatingIfNeeded: (hash &* seed) >> shift) & mask
                            while unsafe table[slot] != 0, unsafe table[slot] != hash { slot = (slot + 1) & mask }
                            if unsafe table[slot] == hash { continue }
                            unsafe table[slot] = hash
                            unsafe output[count] = hash
                            count += 1
                        }
                    }
                }
            }
            if hasZero {
                unsafe output[count] = 0
                count += 1
            }
        }
    }
}

extension HashSet {
    mutating func insert(_ text: Span<UInt8>, _ content: TextPage.Content) {
        var hashes: [UInt64] = []
        switch content {
        case .message: Words.visit(text: text) { hashes.append($0) }
        case .data: Words.visit(data: text) { hashes.append($0) }
        }
        for hash in hashes { insert(hash) }
    }
}
