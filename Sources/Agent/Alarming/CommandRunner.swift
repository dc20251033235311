import Operating

/// Runs a receiver's command with the notification on its standard input, on a thread that may block.
actor CommandRunner {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// Nil: it ended with 0 in time, and so took it; else what happened.
    func run(_ arguments: [String], input: [UInt8], timeout: Duration) -> String? {
        let result = ChildCommand(arguments, timeout: timeout, outputBytesMax: AlarmLimits.commandOutputBytesMax).run(input: input)
        let program = arguments.first ?? ""
        let words = result.errorOutput.split(separator: "\n").first.map { ": \($0)" } ?? ""
        return switch result.ending {
        case .exited(0): nil
        case .exited(let code): "\(program) ended with \(code)\(words)"
        case .signalled(let number): "\(program) was ended by signal \(number)"
        case .timedOut: "\(program) did not end within \(timeout)"
        case .outputTooLong: "\(program) wrote more than \(AlarmLimits.commandOutputBytesMax) bytes"
        case .notStarted: "\(program) cannot be started: see that it is there and executable by the agent's user"
        }
    }
}
