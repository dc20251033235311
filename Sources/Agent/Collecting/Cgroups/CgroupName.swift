/// What a control group is of, told by its path as systemd and the container engines make it.
struct CgroupName: Sendable, Hashable {
    enum Kind: String, Sendable, Hashable { case service, container }

    let kind: Kind
    /// A unit's name, a container's name, or the first twelve digits of its id as `docker ps` and `podman ps` show them.
    let name: String

    /// - Parameters:
    ///   - name: the folder's name.
    ///   - parent: the name of the folder that it is in.
    /// - Returns: nil for slices, sessions, and what holds others.
    init?(_ name: String, in parent: String) {
        if name.hasSuffix(".service") {
            if let machine = Self.middle(of: name, "systemd-nspawn@", ".service") {
                self.init(kind: .container, name: machine)
            } else {
                self.init(kind: .service, name: name)
            }
            return
        }
        if name.hasSuffix(".scope") {
            let scope = String(name.dropLast(".scope".count))
            for engine in ["docker-", "libpod-", "crio-", "cri-containerd-", "containerd-", "nerdctl-"] where scope.hasPrefix(engine) {
                // `libpod-conmon-…` and `crio-conmon-…` are the container's keeper, not the container.
                guard let id = Self.shortID(String(scope.dropFirst(engine.count))) else { return nil }
                self.init(kind: .container, name: id)
                return
            }
            guard let machine = Self.middle(of: name, "machine-", ".scope") else { return nil }
            self.init(kind: .container, name: machine)
            return
        }
        if let id = Self.shortID(name) {
            self.init(kind: .container, name: id)
        } else if name.hasPrefix("lxc.payload."), name.count > "lxc.payload.".count {
            self.init(kind: .container, name: String(name.dropFirst("lxc.payload.".count)))
        } else if parent == "lxc" {
            self.init(kind: .container, name: name)
        } else {
            return nil
        }
    }

    init(kind: Kind, name: String) { (self.kind, self.name) = (kind, name) }

    /// An id is 64 hexadecimal digits.
    private static func shortID(_ text: String) -> String? {
        let isID = text.utf8.count == 64 && text.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }
        return isID ? String(text.prefix(12)) : nil
    }

    private static func middle(of name: String, _ prefix: String, _ suffix: String) -> String? {
        guard name.hasPrefix(prefix), name.hasSuffix(suffix), name.utf8.count > prefix.utf8.count + suffix.utf8.count else { return nil }
        return unescaped(String(name.dropFirst(prefix.count).dropLast(suffix.count)))
    }

    /// systemd writes `-` in a name as `\x2d`: systemd.unit(5).
    private static func unescaped(_ text: String) -> String {
        var (bytes, rest) = ([UInt8](), Array(text.utf8)[...])
        while let byte = rest.first {
            if byte == UInt8(ascii: "\\"), rest.count >= 4, rest[rest.startIndex + 1] == UInt8(ascii: "x"),
                let code = UInt8(String(decoding: rest[(rest.startIndex + 2)..<(rest.startIndex + 4)], as: UTF8.self), radix: 16)
            {
                bytes.append(code)
                rest = rest.dropFirst(4)
            } else {
                bytes.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
