package import Telemetry

/// Asked when the spool does not know where files stand.
package struct PositionQuestion: Sendable {
    /// Why it is not known.
    package var memory: FileMemory
    /// How long files wait for the answer; after it they are read, and asking goes on beside it.
    package var patience: Duration
    /// One attempt, within so long; throws a sentence when there is no answer yet. Nil: nobody can be asked.
    package var ask: (@Sendable (_ limit: Duration) async throws -> KnownFiles)?

    package init(memory: FileMemory, patience: Duration, ask: (@Sendable (_ limit: Duration) async throws -> KnownFiles)?) {
        (self.memory, self.patience, self.ask) = (memory, patience, ask)
    }
}
