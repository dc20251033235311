import JSON

/// Lays out `top` for a screen of some size. Pure: figures in, lines out, none longer than the screen is wide, not more than it is high.
struct TopScreen {
    let width: Int
    let height: Int

    private static let leftWidth = 38

    /// - Parameters:
    ///   - agent: `agentctl status --json`; nil where no agent answers.
    ///   - clock: the time of day.
    func lines(_ figures: TopFigures, agent: JSON?, host: String, clock: String) -> [String] {
        let head = header(figures, agent, host, clock) + meters(figures)
        let foot = agentLines(agent)
        let room = max(0, height - head.count - foot.count - 1)
        var lines = head
        if room > 1 { lines += [""] + tables(figures, agent, rows: room - 1) }
        lines += foot
        lines.append("q quits")
        return lines.prefix(height).map { fit(Terminal.printable($0), width) }
    }

    // MARK: Parts

    private func header(_ figures: TopFigures, _ agent: JSON?, _ host: String, _ clock: String) -> [String] {
        let loads = figures.loads.map { decimals($0) }.joined(separator: " ")
        let health = agent.map { $0["status"]?.string ?? "unknown" } ?? "no agent answers"
        let left = "\(host)  load \(loads.isEmpty ? "-" : loads)"
        return [left + String(repeating: " ", count: max(2, width - left.count - health.count - clock.count - 2)) + health + "  " + clock]
    }

    private func meters(_ figures: TopFigures) -> [String] {
        let modes = ["user", "system", "iowait", "steal"].map { "\($0) \(percent(figures.modes[$0] ?? 0))" }.joined(separator: "  ")
        let used = figures.memoryBytes - figures.memoryAvailableBytes
        let swap =
            figures.swapBytes > 0
            ? "\(bytes(figures.swapUsedBytes)) of \(bytes(figures.swapBytes))" : "none"
        return [
            meter("CPU", figures.cpuBusyShare) + "  \(modes)  \(figures.cpus) CPUs",
            meter("Memory", figures.memoryUsedShare)
                + "  \(bytes(used)) of \(bytes(figures.memoryBytes))  cache \(bytes(figures.memoryCachedBytes))",
            meter("Swap", figures.swapBytes > 0 ? figures.swapUsedBytes / figures.swapBytes : 0) + "  \(swap)",
        ]
    }

    private func meter(_ name: String, _ share: Double) -> String {
        let full = Int((min(1, max(0, share)) * 20).rounded())
        let bar = String(repeating: "|", count: full) + String(repeating: ".", count: 20 - full)
        return pad(name, 7) + "[" + bar + "] " + padLeft(percent(share), 4)
    }

    /// Disks and network on the left, filesystems and alerts on the right.
    private func tables(_ figures: TopFigures, _ agent: JSON?, rows: Int) -> [String] {
        let half = max(1, (rows - 2) / 2)
        var left = [pad("DISK", 12) + padLeft("READ/s", 9) + padLeft("WRITE/s", 9) + padLeft("BUSY", 6)]
        left += figures.disks.prefix(half).map {
            pad($0.name, 12) + padLeft(bytes($0.readBytes), 9) + padLeft(bytes($0.writtenBytes), 9) + padLeft(percent($0.busyShare), 6)
        }
        left.append(pad("NETWORK", 12) + padLeft("IN/s", 9) + padLeft("OUT/s", 9))
        left += figures.interfaces.prefix(max(0, rows - left.count)).map {
            pad($0.name, 12) + padLeft(bytes($0.receivedBytes), 9) + padLeft(bytes($0.sentBytes), 9)
        }
        let mountWidth = max(8, width - Self.leftWidth - 2 - 22)
        var right = [pad("FILESYSTEM", mountWidth) + padLeft("SIZE", 8) + padLeft("FREE", 8) + padLeft("USED", 6)]
        right += figures.filesystems.prefix(half).map {
            pad($0.mount, mountWidth) + padLeft(bytes($0.sizeBytes), 8) + padLeft(bytes($0.availableBytes), 8) + padLeft(percent($0.usedShare), 6)
        }
        right += alerts(agent, rows: rows - right.count)
        return (0..<min(rows, max(left.count, right.count))).map { row in
            let first = row < left.count ? left[row] : ""
            return row < right.count ? pad(first, Self.leftWidth) + "  " + right[row] : first
        }
    }

    private func alerts(_ agent: JSON?, rows: Int) -> [String] {
        guard rows > 1, let rules = agent?["rules"]?.array else { return [] }
        let live = rules.filter { $0["state"]?.string == "firing" || $0["state"]?.string == "pending" }
            .sorted { ($0["state"]?.string ?? "") < ($1["state"]?.string ?? "") }
        let title = "ALERTS  \(live.count { $0["state"]?.string == "firing" }) of \(rules.count) rules fire"
        return [title] + live.prefix(rows - 1).map { "\(pad($0["state"]?.string ?? "", 8)) \($0["name"]?.string ?? "?")" }
    }

    private func agentLines(_ agent: JSON?) -> [String] {
        guard let agent else { return ["AGENT   not running: systemctl start tocsin-agent"] }
        let (spool, shipping) = (agent["spool"], agent["aggregator"])
        var text = "AGENT   "
        if let url = shipping?["url"]?.string {
            let lag = shipping?["lag_seconds"]?.double ?? 0
            text += "\(url) \(shipping?["reachable"]?.bool == true ? "reachable" : "not reachable")" + (lag >= 1 ? ", \(Int(lag)) s behind" : "")
        } else {
            text += "no aggregator"
        }
        let used = spool?["bytes"]?.double ?? 0
        text += "  spool \(bytes(used)) of \(bytes(spool?["max_bytes"]?.double ?? 0)), \(spool?["batches"]?.integer ?? 0) batches"
        let behind = (agent["tails"]?.array ?? []).reduce(0) { $0 + ($1["lag_bytes"]?.double ?? 0) }
        text += "  \(agent["tails"]?.array?.count ?? 0) files" + (behind > 0 ? ", \(bytes(behind)) to read" : "")
        let problem = agent["problems"]?[0]?.string
        return [text] + (problem.map { ["! \($0)"] } ?? [])
    }

    // MARK: Words

    private func percent(_ share: Double) -> String { "\(Int((share * 100).rounded()))%" }

    private func decimals(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }

    /// `512`, `3.1K`, `40M`: five characters at most.
    private func bytes(_ count: Double) -> String {
        var (rest, unit) = (max(0, count), "")
        for next in ["K", "M", "G", "T", "P"] where rest >= 1000 { (rest, unit) = (rest / 1024, next) }
        if unit.isEmpty || rest >= 9.95 { return "\(Int(rest.rounded()))\(unit)" }
        let tenths = Int((rest * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)\(unit)"
    }

    private func pad(_ text: String, _ width: Int) -> String {
        text.count >= width
            ? String(text.prefix(max(0, width - 1))) + (width > 0 ? " " : "") : text + String(repeating: " ", count: width - text.count)
    }

    private func padLeft(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }

    private func fit(_ text: String, _ width: Int) -> String { text.count > width ? String(text.prefix(width)) : text }
}
