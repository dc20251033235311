import LogConformance
import Operating
import Telemetry
import TestSupport
import Testing

@testable import Storing

/// The promises of Telemetry/Log.swift, kept by the log on disk and by the one in memory.
struct ConformanceTests {
    @Test(arguments: LogConformance<StoringEngine>.promises)
    func `the log on disk keeps its promises`(promise: LogPromise<StoringEngine>) async throws { try await promise.check(StoringEngine()) }

    @Test(arguments: LogConformance<StoringEngine>.promises)
    func `the log in memory keeps its promises`(promise: LogPromise<StoringEngine>) async throws {
        try await promise.check(StoringEngine(isInMemory: true))
    }
}

/// The real log, as the conformance suite drives it.
final class StoringEngine: LogEngine {
    private let fixture: LogFixture

    init(isInMemory: Bool = false) throws {
        var fixture = try LogFixture()
        if isInMemory { fixture.config.path = StorageConfig.memoryPath }
        self.fixture = fixture
    }

    var survivesClosing: Bool { !fixture.config.isInMemory }

    func open() async throws -> Log { try await fixture.open() }
    func close(_ log: Log) async throws { await log.close() }

    func settle(_ log: Log) async throws {
        try await log.sealAll()
        while try await log.mergeSamples() {}
    }

    func expire(_ log: Log) async throws {
        try await log.sealAll()
        // Raw samples become rows of minutes, then of hours, and then go.
        for _ in 0..<3 {
            fixture.time.advance(by: fixture.config.hourRetention)
            while try await log.retain() {}
        }
    }

    func forgetKeys(_ log: Log) async throws {
        fixture.time.advance(by: fixture.config.idRetention + .seconds(1))
        _ = try await log.retain()
    }
}
