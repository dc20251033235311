import Telemetry

/// The devices of a folder of /sys, each with what was made of it once, as long as its name stands for the same device: to list a folder costs less
/// than to look into each of them again.
struct DeviceTable<Device: Sendable>: Sendable {
    private struct Entry {
        let name: String
        let identity: UInt64?
        let device: Device?
    }

    private let folder: String
    private var entries: [Entry] = []
    private var described: [UInt8]??

    /// - Parameter folder: from the root, as `sys/class/hwmon`.
    init(_ folder: String) { self.folder = folder }

    /// The devices that are there now, by name; empty where the folder is not there. `make` is called for each one that was not there before with the
    /// path of its folder; nil: it is none of ours.
    mutating func devices(
        from files: KernelFiles,
        make: (_ name: String, _ path: String) throws(CollectError) -> Device?
    ) throws(CollectError) -> [Device] {
        let names = try files.namesIfPresent(in: folder)
        guard names.count <= CollectingLimits.rowsMax else { throw .tooManyRows(path: files.root + "/" + folder) }
        var fresh: [Entry] = []
        fresh.reserveCapacity(names.count)
        var next = 0
        for name in names {
            let identity = files.identity(of: "\(folder)/\(name)")
            // Both are sorted by name.
            while next < entries.count, entries[next].name < name { next += 1 }
            if next < entries.count, entries[next].name == name, entries[next].identity == identity {
                fresh.append(entries[next])
            } else {
                fresh.append(Entry(name: name, identity: identity, device: try make(name, "\(folder)/\(name)")))
            }
        }
        entries = fresh
        return fresh.compactMap(\.device)
    }

    /// The same for a folder that another file tells the changes of (the processors, which of them are on line): looked into anew, each of them, when
    /// that file's text changes, and left alone as long as it does not.
    mutating func devices(
        from files: KernelFiles,
        toldBy file: KeptFile,
        make: (_ name: String, _ path: String) throws(CollectError) -> Device?
    ) throws(CollectError) -> [Device] {
        let text = try file.readIfPresent(from: files)
        if let described, described == text { return entries.compactMap(\.device) }
        entries = []
        let fresh = try devices(from: files, make: make)
        described = .some(text)
        return fresh
    }
}

/// A file that holds one number, and the series that it is.
struct NumberFile: Sendable {
    let file: KeptFile
    let series: Labels
    /// What one of the file's units is in the series'.
    let unit: Double

    init(_ path: String, _ series: Labels, unit: Double = 1) { (file, self.series, self.unit) = (KeptFile(path), series, unit) }

    /// Nothing is added where the device does not give the number now, or gives something else.
    func add(to readings: inout Readings, from files: KernelFiles) throws(CollectError) {
        guard let bytes = try file.readIfPresent(from: files) else { return }
        let text = bytes.span
        if let value = text.decimal(in: text.trimmed()) { readings.add(series, value * unit) }
    }
}

extension KernelFiles {
    /// A file's text without blanks at its ends; nil where it is absent or empty.
    func word(_ path: String) throws(CollectError) -> String? {
        guard let bytes = try readIfPresent(path) else { return nil }
        let text = bytes.span
        let range = text.trimmed()
        return range.isEmpty ? nil : text.text(range)
    }
}
