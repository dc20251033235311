import Telemetry

/// Where the series of a label set stands: texts have numbers, and the numbers of a label set are one word.
struct SeriesIndex: Sendable {
    /// Bits of a text's number; of more texts than that the rest is not found, and counted as `other`.
    private static let bits = 20

    private var numbers: [String: UInt64] = [EventCounts.other: 0]
    private var places = PlaceTable()

    /// Nil: no label set has this text.
    func number(of text: String) -> UInt64? { numbers[text] }

    /// Nil: a text has no number.
    static func packed(_ source: UInt64?, _ type: UInt64?, _ host: UInt64?, _ severity: Severity, _ isLate: Bool) -> UInt64? {
        guard let source, let type, let host else { return nil }
        return source << 44 | type << 24 | host << 4 | UInt64(severity.rawValue) << 1 | (isLate ? 1 : 0)
    }

    /// One more event of a label set; false: it is not here.
    mutating func count(_ packed: UInt64) -> Bool { places.count(packed) }

    var hasCounted: Bool { places.hasCounted }

    /// What was counted since the last time: the place of each label set, and its events.
    mutating func takeCounted() -> [(place: Int, events: Int)] { places.takeCounted() }

    func number(of key: EventCounts.Key) -> Int? {
        Self.packed(numbers[key.source], numbers[key.type], numbers[key.host], key.severity, key.isLate).flatMap { places[$0] }
    }

    /// - Returns: false when there is no number left for one of its texts, or the label set is here already.
    mutating func insert(_ key: EventCounts.Key, as place: Int) -> Bool {
        for text in [key.source, key.type, key.host] where numbers[text] == nil {
            guard numbers.count < 1 << Self.bits else { return false }
            numbers[text] = UInt64(numbers.count)
        }
        guard let packed = Self.packed(numbers[key.source], numbers[key.type], numbers[key.host], key.severity, key.isLate), places[packed] == nil
        else {
            return false
        }
        places[packed] = place
        return true
    }
}

/// Places by packed label sets. It is asked once for each event that is stored, and a Dictionary's hash costs more than all the rest of counting; the words
/// are made of our own small numbers, so nobody outside can choose them to collide. Events are counted beside the place: with some hundred thousand label sets
/// each further look is one into memory that no cache holds.
private struct PlaceTable: Sendable {
    private struct Slot: Sendable {
        var packed: UInt64 = 0
        /// Negative: empty.
        var place: Int32 = -1
        /// Since the last ``takeCounted()``.
        var events: UInt32 = 0
    }

    private var slots = [Slot](repeating: Slot(), count: 1 << 8)
    private var count = 0
    /// Slots with events.
    private var counted: [Int32] = []
    /// Where the last event was counted: neighbours are often of the same kind.
    private var last = 0

    var hasCounted: Bool { !counted.isEmpty }

    mutating func count(_ packed: UInt64) -> Bool {
        if slots[last].packed != packed || slots[last].place < 0 {
            let slot = slot(of: packed)
            guard slots[slot].place >= 0 else { return false }
            last = slot
        }
        if slots[last].events == 0 { counted.append(Int32(last)) }
        slots[last].events += 1
        return true
    }

    mutating func takeCounted() -> [(place: Int, events: Int)] {
        let taken = counted.map { (place: Int(slots[Int($0)].place), events: Int(slots[Int($0)].events)) }
        for slot in counted { slots[Int(slot)].events = 0 }
        counted.removeAll(keepingCapacity: true)
        return taken
    }

    /// Reads: nil when it is not there. Writes: only of what is not there yet.
    subscript(packed: UInt64) -> Int? {
        get {
            let slot = slots[slot(of: packed)]
            return slot.place < 0 ? nil : Int(slot.place)
        }
        set {
            guard let newValue else { return }
            if 2 * (count + 1) > slots.count { grow() }
            slots[slot(of: packed)] = Slot(packed: packed, place: Int32(newValue))
            count += 1
        }
    }

    /// Where it is, or the empty slot where it would be.
    private func slot(of packed: UInt64) -> Int {
        // Fibonacci hashing: the numbers' low bits lie apart in the word, the product's high bits have something of all of them.
        var slot = Int(truncatingIfNeeded: (packed &* 0x9E37_79B9_7F4A_7C15) >> 32) & (slots.count - 1)
        while slots[slot].place >= 0, slots[slot].packed != packed { slot = (slot + 1) & (slots.count - 1) }
        return slot
    }

    private mutating func grow() {
        let old = slots
        slots = [Slot](repeating: Slot(), count: old.count * 2)
        (counted, last) = ([], 0)
        for each in old where each.place >= 0 {
            let slot = slot(of: each.packed)
            slots[slot] = each
            if each.events > 0 { counted.append(Int32(slot)) }
        }
    }
}
