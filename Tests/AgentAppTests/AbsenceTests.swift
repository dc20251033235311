import Telemetry
import Testing

@testable import AgentApp

struct AbsenceTests {
    @Test(arguments: [
        ("running", "", false, AgentNotice.Absence.stop), ("degraded", "", true, .upgrade), ("", "", false, .stop),
        ("stopping", "12 reboot.target start waiting\n14 shutdown.target start waiting", false, .reboot),
        ("stopping", "12 poweroff.target start waiting", false, .shutdown), ("stopping", "3 kexec.target start waiting", true, .reboot),
        ("stopping", "", true, .shutdown),
    ])
    func `why an agent is stopped is read from what systemd says`(system: String, jobs: String, isUpgrading: Bool, kind: AgentNotice.Absence) {
        #expect(AbsenceAsker.kind(system: system, jobs: jobs, isUpgrading: isUpgrading) == kind)
    }
}
