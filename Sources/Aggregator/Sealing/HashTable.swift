/// A set of hashes: open addressing, nothing but numbers.
struct HashSet {
    private static let recentCount = 1 << 10
    private var slots = [UInt64](repeating: 0, count: 1 << 12)
    /// What was inserted last, by low bits: most words of a log come again and again, and these 8 KB stay in the processor's first cache where the slots of a
    /// full block do not.
    private var recent = [UInt64](repeating: 0, count: recentCount)
    private var hasZero = false
    private(set) var count = 0

    mutating func insert(_ hash: UInt64) {
        let place = Int(truncatingIfNeeded: hash) & (Self.recentCount - 1)
        if recent[place] == hash, hash != 0 { return }
        recent[place] = hash
        guard hash != 0 else {
            if !hasZero { count += 1 }
            hasZero = true
            return
        }
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 {
            if slots[slot] == hash { return }
            slot = (slot + 1) & (slots.count - 1)
        }
        slots[slot] = hash
        count += 1
        if count * 2 > slots.count { grow() }
    }

    private mutating func grow() {
        let old = slots
        slots = [UInt64](repeating: 0, count: old.count * 4)
        for hash in old where hash != 0 {
            var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = hash
        }
    }

    var hashes: [UInt64] {
        var hashes: [UInt64] = []
        hashes.reserveCapacity(count)
        if hasZero { hashes.append(0) }
        for hash in slots where hash != 0 { hashes.append(hash) }
        return hashes
    }
}

/// Texts of a whole sealed block, numbered in the order in which they came, and how many rows have each.
struct CountedTexts {
    private var codes: [String: Int] = [:]
    private(set) var texts: [String] = []
    private(set) var counts: [Int] = []

    mutating func code(of text: String) -> Int {
        if let known = codes[text], texts[known].utf8.elementsEqual(text.utf8) { return known }
        codes[text] = texts.count
        texts.append(text)
        counts.append(0)
        return texts.count - 1
    }

    mutating func count(_ code: Int, _ rows: Int) { counts[code] += rows }
}
