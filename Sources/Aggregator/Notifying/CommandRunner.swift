import Operating
import Telemetry

/// Runs a receiver's command with the notification on its standard input, on a thread of its own, which may block.
actor CommandRunner {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// - Parameter key: the delivery's; the command finds it as `TOCSIN_IDEMPOTENCY_KEY`.
    func run(_ config: CommandConfig, input: [UInt8], key: UUID) -> DeliveryOutcome {
        var command = ChildCommand(config.command, timeout: config.timeout, outputBytesMax: NotifyingLimits.commandOutputBytesMax)
        command.environment.append("TOCSIN_IDEMPOTENCY_KEY=\(key)")
        return CommandRunner.meaning(of: command.run(input: input), config)
    }

    /// 0: it took it. 64 and 65 (EX_USAGE, EX_DATAERR): it never will. Anything else: try again.
    static func meaning(of result: ChildCommand.Result, _ config: CommandConfig) -> DeliveryOutcome {
        let program = config.command.first ?? ""
        let said =
            result.errorOutput.isEmpty ? String(decoding: result.output.prefix(NotifyingLimits.replyBytesMax), as: UTF8.self) : result.errorOutput
        let words = said.split(separator: "\n").first.map { ": \($0)" } ?? ""
        return switch result.ending {
        case .exited(0): .delivered("\(program) ended with 0\(words)")
        case .exited(let code) where NotifyingLimits.commandRefusals.contains(code): .failed("\(program) ended with \(code)\(words)")
        case .exited(let code): .retry("\(program) ended with \(code)\(words)")
        case .signalled(let number): .retry("\(program) was ended by signal \(number)", isInDoubt: true)
        case .timedOut: .retry("\(program) did not end within \(config.timeout) and was killed", isInDoubt: true)
        case .outputTooLong: .retry("\(program) wrote more than \(NotifyingLimits.commandOutputBytesMax) bytes and was killed", isInDoubt: true)
        case .notStarted:
            .retry("\(program) cannot be started: see that it is there and executable by the aggregator's user", isUnreachable: true)
        }
    }
}
