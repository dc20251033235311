import Glibc
import JSON
import TestSupport
import Testing

/// From the line that matches to the alert that the aggregator shows.
@Suite(.serialized) struct AlertLatencyTests {
    @Test func `a matching line is a firing alert at the aggregator within 200 ms`() throws {
        let house = try Installation()
        try house.startAggregator()
        try house.startAgent()
        try eventually("the pattern's counter is stored") {
            try house.get("/api/v1/query?query=log_pattern_matches_total")["data"]?["result"]?.array?.isEmpty == false
        }
        func fires() throws -> Bool { try house.get("/api/v1/alerts")["alerts"]?.array?.contains { $0["state"]?.string == "firing" } == true }
        let clock = ContinuousClock()
        var took: [Duration] = []
        for round in 0..<5 {
            try eventually("the alert of the round before is over") { try !fires() }
            let written = clock.now
            try house.appendLog("ALARM \(round)\n")
            try eventually("the alert fires") { try fires() }
            took.append(clock.now - written)
        }
        took.sort()
        print("line written to alert firing at the aggregator, asking included: median \(took[2]), slowest \(took[4])")
        #expect(took[2] < .milliseconds(200))
    }
}
