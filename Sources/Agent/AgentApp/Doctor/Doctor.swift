import Collecting
import Configuring
import Controlling
import Glibc
import JSON
import Judging
package import Operating
import Rules
import Shipping
import Spooling
import Tailing
import Telemetry
import Transferring

/// Examines an installation from outside: what the agent needs, one thing after the other, each fine or with what to do. It changes nothing.
package struct Doctor: Sendable {
    package struct Finding: Sendable, Hashable {
        package enum Verdict: String, Sendable, Hashable { case ok, warning, failure }

        /// What was looked at: `config`, `token`, `dns`.
        package let name: String
        package let verdict: Verdict
        /// What was found.
        package let sentence: String
        /// What to do; empty when all is well.
        package let remedy: String

        package init(_ name: String, _ verdict: Verdict, _ sentence: String, remedy: String = "") {
            (self.name, self.verdict, self.sentence, self.remedy) = (name, verdict, sentence, remedy)
        }
    }

    private let path: String?
    private let socket: String?
    private let time: any TimeSource
    private let reader: FileRights

    /// The user that the packaged unit runs as.
    static let userDefault = "tocsin-agent"

    /// - Parameters:
    ///   - path: of the configuration; nil: the usual one, or the defaults.
    ///   - socket: of the agent; nil: as configured.
    ///   - user: whose rights count; nil: the agent's own if there is such a user and we are root, else ours.
    package init(path: String?, socket: String? = nil, user: String? = nil, time: any TimeSource = SystemTime()) {
        (self.path, self.socket, self.time) = (Daemon.configuration(named: path, usual: AgentConfig.pathDefault), socket, time)
        reader = FileRights(user: user ?? (geteuid() == 0 ? Self.userDefault : nil))
    }

    /// In the order in which a person would look: what stands first may be the cause of what follows.
    package func examine() async -> [Finding] {
        let problems = ConfigProblems()
        let config = AgentConfig.read(path: path, environment: { Environment[$0] }, problems: problems)
        var findings = configuration(config, problems.all)
        findings += files(config)
        findings.append(await clock())
        findings += spool(config)
        if let shipping = config.shipping {
            findings += await NetworkDoctor(shipping: shipping, time: time).examine()
        } else {
            findings.append(
                Finding(
                    "aggregator",
                    .warning,
                    "no aggregator is configured: this host judges and buffers alone",
                    remedy: "write aggregator: https://…"
                )
            )
        }
        findings.append(contentsOf: agent(config))
        return findings
    }

    // MARK: Parts

    private func configuration(_ config: AgentConfig, _ problems: [ConfigProblem]) -> [Finding] {
        guard problems.isEmpty else { return problems.map { Finding("config", .failure, Self.withoutRemedy($0), remedy: $0.remedy) } }
        guard let path else {
            return [
                Finding(
                    "config",
                    .warning,
                    "there is no \(AgentConfig.pathDefault): the built-in defaults are in force",
                    remedy: "write one, or name it with --config"
                )
            ]
        }
        return [Finding("config", .ok, "\(path): \(config.tails.count) tails, \(config.patternsCount) patterns, \(config.rulesCount) rules")]
    }

    private static func withoutRemedy(_ problem: ConfigProblem) -> String {
        var bare = problem
        bare.remedy = ""
        return bare.description
    }

    private func files(_ config: AgentConfig) -> [Finding] {
        var findings: [Finding] = []
        if let path { findings.append(reader.readable(path, as: "config file", mayBeRead: true)) }
        if let token = config.shipping?.tokenFile { findings.append(reader.readable(token, as: "token file", mayBeRead: false)) }
        if let authority = config.shipping?.tls.caFile { findings.append(reader.readable(authority, as: "CA file", mayBeRead: true)) }
        for group in Set(config.judge.groups.map(\.file)).sorted() where !group.isEmpty {
            findings.append(reader.readable(group, as: "rule file", mayBeRead: true))
        }
        findings.append(reader.writable(config.spool.path, as: "spool folder"))
        for tail in config.tails {
            for path in tail.paths { findings.append(tailed(path)) }
        }
        return findings
    }

    private func tailed(_ path: String) -> Finding {
        let found = ConfigFile.matches(of: path).filter { unsafe access($0, F_OK) == 0 }
        guard !found.isEmpty else {
            return Finding("log file", .warning, "\(path): no file matches", remedy: "it is followed as soon as there is one; check the path")
        }
        let unreadable = found.filter { !reader.may(R_OK, $0) }
        guard let first = unreadable.first else { return Finding("log file", .ok, "\(path): \(found.count) to follow") }
        return Finding(
            "log file",
            .warning,
            "\(path): \(unreadable.count) of \(found.count) cannot be read by \(reader.name), as \(first)",
            remedy: "the packaged unit's CAP_DAC_READ_SEARCH suffices; else put \(reader.name) into the file's group (adm)"
        )
    }

    private func clock() async -> Finding {
        let collectors = Collectors(CollectConfig(disable: Set(CollectConfig.collectorNames).subtracting(["timex"])), time: time)
        let samples = await collectors.scrape().samples
        func value(_ name: String) -> Double? { samples.first { $0.series.name == name }?.value }
        guard let isSynchronised = value("node_timex_sync_status") else {
            return Finding("clock", .warning, "the kernel does not tell whether it is set")
        }
        guard isSynchronised == 1 else {
            return Finding(
                "clock",
                .warning,
                "no time server sets this host's clock",
                remedy: "apt-get install chrony (or systemd-timesyncd): times of alerts depend on it"
            )
        }
        let offset = ((value("node_timex_offset_seconds") ?? 0) * 1000).rounded()
        return Finding("clock", .ok, "set by a time server, off by \(Int(offset)) ms")
    }

    private func spool(_ config: AgentConfig) -> [Finding] {
        let inspector = SpoolInspector(folder: config.spool.path)
        var findings: [Finding] = []
        do throws(SpoolError) {
            let check = try inspector.check()
            if check.problems.isEmpty {
                findings.append(Finding("spool", .ok, "\(config.spool.path): sound"))
            } else {
                findings += check.problems.prefix(5).map { Finding("spool", .failure, $0, remedy: "agentctl spool repair") }
            }
        } catch .missing {
            findings.append(Finding("spool", .warning, "\(config.spool.path): there is none yet", remedy: "it is made when the agent starts"))
        } catch {
            findings.append(Finding("spool", .failure, "\(error)", remedy: "agentctl spool check"))
        }
        var status = statvfs()
        if unsafe statvfs(config.spool.path, &status) == 0 {
            let free = UInt64(status.f_bavail) * UInt64(status.f_frsize)
            let sizes = "\(free >> 20) MiB free where the spool lies, it may take \(config.spool.maxBytes >> 20) MiB"
            findings.append(
                free >= config.spool.maxBytes
                    ? Finding("disk", .ok, sizes)
                    : Finding("disk", .warning, sizes, remedy: "lower spool.max_size, or make room: the spool never takes more than there is")
            )
        }
        return findings
    }

    private func agent(_ config: AgentConfig) -> [Finding] {
        let path = socket ?? config.controlSocket
        do throws(ControlError) {
            let status = try ControlClient(path: path).ask(.status, within: .seconds(5))
            let problems = (status["problems"]?.array ?? []).compactMap(\.string)
            let version = status["version"]?.string ?? "?"
            guard !problems.isEmpty else { return [Finding("agent", .ok, "version \(version) runs and is healthy")] }
            return problems.map { Finding("agent", .warning, $0, remedy: "agentctl status shows all of it") }
        } catch {
            let remedy = if case .notRunning = error { "systemctl start tocsin-agent; journalctl -u tocsin-agent says why it ended" } else { "" }
            return [Finding("agent", .failure, "\(error)", remedy: remedy)]
        }
    }
}
