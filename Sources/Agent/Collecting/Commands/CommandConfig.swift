import Operating

/// One entry of `collect.exec`: a program that prints metrics.
package struct CommandConfig: Sendable, Hashable {
    /// The label `command`.
    package var name: String
    /// The program's absolute path and its arguments; there is no shell.
    package var command: [String]
    /// From one start to the next; a run that takes longer is not started a second time.
    package var interval: Duration
    package var timeout: Duration
    /// Bytes of standard output; more and the run is worth nothing.
    package var outputBytesMax: Int

    package init(
        name: String,
        command: [String],
        interval: Duration = .seconds(60),
        timeout: Duration = .seconds(10),
        outputBytesMax: Int = 1024 * 1024
    ) {
        (self.name, self.command, self.interval, self.timeout, self.outputBytesMax) = (name, command, interval, timeout, outputBytesMax)
    }

    package static let intervalRange = Duration.seconds(1)...Duration.seconds(86_400)
    package static let timeoutRange = Duration.milliseconds(100)...Duration.seconds(600)
    package static let outputBytesRange: ClosedRange<UInt64> = 1024...(16 << 20)
    /// Each may have a process running.
    package static let commandsMax = 32

    var child: ChildCommand { ChildCommand(command, timeout: timeout, outputBytesMax: outputBytesMax) }

    /// What is wrong with the values beyond their ranges: the key below the entry, what stands there, what to write.
    package func problems() -> [(key: String, problem: String, remedy: String)] {
        var problems: [(key: String, problem: String, remedy: String)] = []
        if command.first?.hasPrefix("/") != true {
            let remedy = "write a list, the program's absolute path first: [/usr/local/bin/program, argument]"
            problems.append(("command", command.first.map { "\"\($0)\" is not an absolute path" } ?? "there is no program", remedy))
        }
        if command.contains(where: { $0.utf8.contains(0) }) { problems.append(("command", "an argument has a NUL byte", "leave it out")) }
        return problems
    }
}
