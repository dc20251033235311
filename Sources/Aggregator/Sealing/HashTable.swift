/// A set of hashes: open addressing, nothing but numbers.
struct HashSet {
    private var slots = [UInt64](repeating: 0, count: 1 << 12)
    private var hasZero = false
    private(set) var count = 0

    mutating func insert(_ hash: UInt64) {
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
        slots = [UInt64](repeating: 0, count: old.count * 2)
        for hash in old where hash != 0 {
            var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = hash
        }
    }

    var hashes: [UInt64] { (hasZero ? [0] : []) + slots.filter { $0 != 0 } }
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
