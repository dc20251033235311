package import Telemetry

/// One implementation of the log, as the conformance suite drives it. Each promise of the suite gets an engine of its own, new and empty.
///
/// An engine does what it likes behind the log's two protocols; the suite asks for it here, so that its promises are tested before and after it.
package protocol LogEngine: Sendable {
    associatedtype Log: LogWriter & LogReader

    /// Whether the log is the same after ``close(_:)`` and ``open()``. One that lives in memory is not asked to be.
    var survivesClosing: Bool { get }
    /// Opens the log: the first time an empty one, later the same one again.
    func open() async throws -> Log
    func close(_ log: Log) async throws
    /// Does at once whatever the engine does with its data in the background: sealing, compaction, moving it to other machines. Readers may not notice.
    func settle(_ log: Log) async throws
    /// Lets all that is stored pass its retention, and deletes it.
    func expire(_ log: Log) async throws
    /// Lets the time of idempotency keys pass.
    func forgetKeys(_ log: Log) async throws
}

/// A promise that was broken.
package struct BrokenPromise: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// One promise of the log, and how it is tried.
package struct LogPromise<Engine: LogEngine>: Sendable, CustomStringConvertible {
    /// A sentence of Telemetry/Log.swift.
    package let description: String
    private let body: @Sendable (Engine) async throws -> Void

    init(_ description: String, _ body: @escaping @Sendable (Engine) async throws -> Void) { (self.description, self.body) = (description, body) }

    /// - Throws: ``BrokenPromise``, or what the engine threw where it should not.
    package func check(_ engine: Engine) async throws { try await body(engine) }
}

func expect(_ condition: Bool, _ otherwise: @autoclosure () -> String) throws {
    guard condition else { throw BrokenPromise(otherwise()) }
}

func expect<Value: Equatable>(_ found: Value, _ expected: Value, _ what: @autoclosure () -> String) throws {
    guard found == expected else { throw BrokenPromise("\(what()): found \(found), promised \(expected)") }
}
