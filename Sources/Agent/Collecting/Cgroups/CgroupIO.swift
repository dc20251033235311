/// A group's traffic with disks, added up over devices that come, go and begin again: it never goes back.
struct CgroupIO: Sendable {
    /// Bytes read and written, requests of both.
    struct Counts: Sendable, Hashable {
        var (readBytes, writtenBytes, reads, writes): (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

        static func + (a: Counts, b: Counts) -> Counts {
            var sum = Counts()
            (sum.readBytes, sum.writtenBytes) = (a.readBytes &+ b.readBytes, a.writtenBytes &+ b.writtenBytes)
            (sum.reads, sum.writes) = (a.reads &+ b.reads, a.writes &+ b.writes)
            return sum
        }

        fileprivate func hasRestarted(since before: Counts) -> Bool {
            readBytes < before.readBytes || writtenBytes < before.writtenBytes || reads < before.reads || writes < before.writes
        }
    }

    struct Device: Sendable, Hashable {
        /// Its number, as `8:0`.
        let name: [UInt8]
        let counts: Counts
    }

    struct BadLine: Error { let number: Int }

    /// What devices had that are gone or began again at 0.
    private var past = Counts()
    private var devices: [Device] = []

    var total: Counts { devices.reduce(past) { $0 + $1.counts } }

    /// One reading's devices.
    mutating func take(_ now: [Device]) {
        for device in devices {
            let same = now.first { $0.name == device.name }
            if same == nil || same?.counts.hasRestarted(since: device.counts) == true { past = past + device.counts }
        }
        devices = now
    }

    /// The devices of io.stat: `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`.
    /// - Throws: the number of a line that is not understood, from 1.
    static func parse(_ text: Span<UInt8>) throws(BadLine) -> [Device] {
        var now: [Device] = []
        var lines = LineCursor()
        while let line = lines.next(in: text) {
            var fields = FieldCursor(line)
            guard let name = fields.next(in: text) else { continue }
            let device = name.map { text[$0] }
            guard device.contains(UInt8(ascii: ":")) else { throw BadLine(number: lines.number) }
            var (counts, seen) = (Counts(), 0)
            while let field = fields.next(in: text) {
                guard let equals = field.first(where: { text[$0] == UInt8(ascii: "=") }) else { throw BadLine(number: lines.number) }
                guard let value = text.unsigned(in: equals + 1..<field.upperBound) else {
                    // Devices with a cost model have words and fractions besides.
                    if text.starts(with: "r", at: field) || text.starts(with: "w", at: field) { throw BadLine(number: lines.number) }
                    continue
                }
                let key = field.lowerBound..<equals
                if text.holds("rbytes", at: key) { (counts.readBytes, seen) = (value, seen + 1) }
                if text.holds("wbytes", at: key) { (counts.writtenBytes, seen) = (value, seen + 1) }
                if text.holds("rios", at: key) { (counts.reads, seen) = (value, seen + 1) }
                if text.holds("wios", at: key) { (counts.writes, seen) = (value, seen + 1) }
            }
            // A device without traffic of this group has its name alone.
            guard seen == 4 || seen == 0 else { throw BadLine(number: lines.number) }
            if seen == 4 { now.append(Device(name: device, counts: counts)) }
        }
        guard lines.isComplete(in: text) else { throw BadLine(number: lines.number + 1) }
        return now
    }
}
