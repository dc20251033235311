import Glibc
import Operating
import Telemetry

/// Why the agent is being stopped, as far as the system tells: asked when it stops, within a short time, because the system is going down.
actor AbsenceAsker {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// Written by the package's maintainer scripts around the restart of an upgrade.
    static let upgradeMarker = "/run/tocsin-agent/upgrading"
    /// Of each of the two questions to systemd: it has more to do at that moment.
    static let answerTimeout = Duration.milliseconds(400)

    func kind() -> AgentNotice.Absence {
        guard unsafe access("/run/systemd/system", F_OK) == 0 else { return Self.kind(system: "", jobs: "", isUpgrading: isUpgrading) }
        let system = answer(["/usr/bin/systemctl", "is-system-running"])
        let jobs = system == "stopping" ? answer(["/usr/bin/systemctl", "list-jobs", "--no-legend", "--plain"]) : ""
        return Self.kind(system: system, jobs: jobs, isUpgrading: isUpgrading)
    }

    private var isUpgrading: Bool { unsafe access(Self.upgradeMarker, F_OK) == 0 }

    private func answer(_ command: [String]) -> String {
        let output = ChildCommand(command, timeout: Self.answerTimeout, outputBytesMax: 64 * 1024).run().output
        return String(decoding: output, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: true).joined(separator: "\n")
    }

    /// - Parameters:
    ///   - system: what `systemctl is-system-running` says; empty where systemd is not what started the host.
    ///   - jobs: what `systemctl list-jobs` says: `12 reboot.target start waiting`.
    static func kind(system: String, jobs: String, isUpgrading: Bool) -> AgentNotice.Absence {
        guard system == "stopping" else { return isUpgrading ? .upgrade : .stop }
        let targets = jobs.split(separator: "\n").compactMap { $0.split(separator: " ").dropFirst().first }
        let comesBack = targets.contains { ["reboot.target", "kexec.target", "soft-reboot.target"].contains($0) }
        return comesBack ? .reboot : .shutdown
    }
}
