/// An entry of `command_configs`: a program that takes a notification on its standard input.
package struct CommandConfig: Sendable {
    /// The program's absolute path, and its arguments; no shell.
    package var command: [String]
    package var timeout: Duration
    package var sendResolved: Bool

    package init(command: [String], timeout: Duration = NotifyingLimits.commandTimeout, sendResolved: Bool = true) {
        (self.command, self.timeout, self.sendResolved) = (command, timeout, sendResolved)
    }
}

/// An entry of `file_configs`: a file that gets a line of JSON for each notification.
package struct FileConfig: Sendable {
    package var path: String
    package var sendResolved: Bool

    package init(path: String, sendResolved: Bool = true) { (self.path, self.sendResolved) = (path, sendResolved) }
}

/// A receiver's `fallback`: who is told when a channel of this receiver has not taken a notification for a while.
package struct Fallback: Sendable, Hashable {
    package var receiver: String
    package var after: Duration

    package init(receiver: String, after: Duration = NotifyingLimits.fallbackAfter) { (self.receiver, self.after) = (receiver, after) }
}
