import Glibc

/// Finds the control groups of services and containers below `/sys/fs/cgroup`.
struct CgroupTree {
    /// A group that is shown.
    struct Found: Sendable, Hashable {
        /// From the hierarchy's root, as `/system.slice/nginx.service`; `/` is this process's own in a container.
        let path: String
        let name: CgroupName
    }

    static let root = "sys/fs/cgroup"
    /// Folders looked into: a host with a thousand containers has some 3 000.
    static let foldersMax = 8192
    /// Kubernetes on a systemd user instance is eight deep.
    static let depthMax = 12

    private let files: KernelFiles
    private var visited = 0
    private(set) var found: [Found] = []

    /// - Throws: `.noData` where the second version's hierarchy is not at its place.
    init(scanning files: KernelFiles) throws(CollectError) {
        self.files = files
        guard files.exists(Self.root + "/cgroup.controllers") else {
            throw .noData("there is no cgroup v2 hierarchy at /sys/fs/cgroup (a first version's, or a hybrid one, is not read)")
        }
        // Only the host's own root has no type: this is the inside of a container.
        if files.exists(Self.root + "/cgroup.type") { found.append(Found(path: "/", name: CgroupName(kind: .container, name: "self"))) }
        try visit("", parent: "", depth: 0, inService: false)
        found.sort { $0.path < $1.path }
    }

    private mutating func visit(_ path: String, parent: String, depth: Int, inService: Bool) throws(CollectError) {
        let names: [String]
        do throws(CollectError) { names = try files.folders(in: Self.root + path) } catch {
            // It went away while we looked, or is not ours to see.
            guard path.isEmpty else { return }
            throw error
        }
        for name in names {
            visited += 1
            guard visited <= Self.foldersMax else { throw .tooManyRows(path: files.root + "/" + Self.root) }
            let below = "\(path)/\(name)"
            guard let known = CgroupName(name, in: parent) else {
                if depth < Self.depthMax { try visit(below, parent: name, depth: depth + 1, inService: inService) }
                continue
            }
            // A user's instance holds services of its own; what else a service has in it is a part of it, but for containers.
            let holdsUnits = name.hasPrefix("user@")
            if known.kind == .container || !inService { found.append(Found(path: below, name: known)) }
            if known.kind == .service, depth < Self.depthMax { try visit(below, parent: name, depth: depth + 1, inService: !holdsUnits) }
        }
    }
}

extension KernelFiles {
    func exists(_ path: String) -> Bool { unsafe access(root + "/" + path, F_OK) == 0 }

    /// Names of the folders in a folder, unsorted.
    func folders(in path: String) throws(CollectError) -> [String] {
        let absolute = root + "/" + path
        guard let folder = unsafe opendir(absolute) else { throw .unreadable(path: absolute, errno: errno) }
        defer { unsafe closedir(folder) }
        var names = [String]()
        while let entry = unsafe readdir(folder) {
            // What a file system does not tell is found out by the one that opens it.
            let type = unsafe Int(entry.pointee.d_type)
            guard type == DT_DIR || type == DT_UNKNOWN else { continue }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                unsafe tuple.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
