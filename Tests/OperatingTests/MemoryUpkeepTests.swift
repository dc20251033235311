import TestSupport
import Testing

@testable import Operating

struct MemoryUpkeepTests {
    /// kB of files that are mapped and in memory. Source: proc_pid_status(5), RssFile.
    private func mappedFiles() throws -> Int {
        let status = try #require(TestFiles.read("/proc/self/status"))
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("RssFile:") })
        return try #require(Int(line.split(whereSeparator: { $0 == " " || $0 == "\t" })[1]))
    }

    @Test func `code that is given back comes back when it is used`() throws {
        let text = (0..<1000).map { "line \($0)" }
        let before = try mappedFiles()
        MemoryUpkeep.giveBack()
        // Other tests run beside this one and take their code back at once.
        #expect(try mappedFiles() < before)
        for _ in 0..<20 {
            MemoryUpkeep.giveBack()
            #expect(text.sorted().joined(separator: ",").split(separator: ",").count == 1000)
        }
    }
}
