/// What our programs return to the shell.
package enum ExitCode {
    package static let success: Int32 = 0
    /// Something failed, or `agentctl status` found the agent degraded, or `--check` found a mistake.
    package static let failure: Int32 = 1
    /// `agentctl`: nobody answers on the control socket.
    package static let notRunning: Int32 = 2
    /// The command line makes no sense (sysexits.h `EX_USAGE`, as swift-argument-parser returns it).
    package static let usage: Int32 = 64
}
