import Glibc

/// What a user may do with files, reckoned from owners, groups and modes: so that root can see what the agent's user will.
struct FileRights: Sendable {
    private struct Identity: Sendable {
        var name: String
        var user: uid_t
        var groups: Set<gid_t>
    }

    private let identity: Identity

    var name: String { identity.name }

    /// - Parameter user: nil, or nobody of this name: ourselves.
    init(user: String?) {
        if let user, let entry = unsafe getpwnam(user) {
            var count: Int32 = 64
            var groups = [gid_t](repeating: 0, count: 64)
            _ = unsafe getgrouplist(user, entry.pointee.pw_gid, &groups, &count)
            identity = Identity(name: user, user: unsafe entry.pointee.pw_uid, groups: Set(groups.prefix(Int(max(0, count)))))
            return
        }
        var groups = [gid_t](repeating: 0, count: 256)
        let count = unsafe getgroups(256, &groups)
        let name = unsafe getpwuid(geteuid()).map { unsafe String(cString: $0.pointee.pw_name) } ?? "user \(geteuid())"
        identity = Identity(name: name, user: geteuid(), groups: Set(groups.prefix(Int(max(0, count)))).union([getegid()]))
    }

    /// Whether the user may: its folders must let it through.
    func may(_ wanted: Int32, _ path: String) -> Bool {
        var (folder, rest) = ("/", path.split(separator: "/"))
        let last = rest.popLast()
        for part in rest {
            guard allows(X_OK, folder) else { return false }
            folder += (folder == "/" ? "" : "/") + part
        }
        return allows(X_OK, folder) && (last == nil || allows(wanted, path))
    }

    private func allows(_ wanted: Int32, _ path: String) -> Bool {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return false }
        if identity.user == 0 { return true }
        let shift: mode_t = status.st_uid == identity.user ? 6 : identity.groups.contains(status.st_gid) ? 3 : 0
        return Int32((status.st_mode >> shift) & 7) & wanted == wanted
    }

    // MARK: Findings

    /// - Parameter mayBeRead: by everybody; a secret may not.
    func readable(_ path: String, as name: String, mayBeRead: Bool) -> Doctor.Finding {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            return Doctor.Finding(name, .failure, "\(path): \(unsafe String(cString: strerror(errno)))", remedy: "create it, or name another file")
        }
        guard may(R_OK, path) else {
            return Doctor.Finding(
                name,
                .failure,
                "\(path) cannot be read by \(self.name)",
                remedy: "chgrp \(self.name) \(path) && chmod 0640 \(path)"
            )
        }
        if status.st_mode & 0o022 != 0, !(status.st_mode & 0o002 == 0 && identity.groups.contains(status.st_gid)) {
            return Doctor.Finding(name, .warning, "\(path) can be written by others than its owner", remedy: "chmod go-w \(path)")
        }
        if !mayBeRead, status.st_mode & 0o004 != 0 {
            return Doctor.Finding(name, .failure, "\(path) is a secret that everybody may read", remedy: "chmod 0640 \(path), and make a new token")
        }
        return Doctor.Finding(name, .ok, path)
    }

    func writable(_ path: String, as name: String) -> Doctor.Finding {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            return Doctor.Finding(
                name,
                .warning,
                "\(path) is not there yet",
                remedy: "install -d -o \(self.name) -m 0750 \(path), or let the unit make it"
            )
        }
        guard may(W_OK | X_OK, path) else {
            return Doctor.Finding(name, .failure, "\(path) cannot be written by \(self.name)", remedy: "chown -R \(self.name) \(path)")
        }
        if status.st_mode & 0o007 != 0 {
            return Doctor.Finding(name, .warning, "\(path) is open to everybody: log lines lie in it", remedy: "chmod 0750 \(path)")
        }
        return Doctor.Finding(name, .ok, path)
    }
}
