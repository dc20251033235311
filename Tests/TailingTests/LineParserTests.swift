import Glibc
import Matching
import Telemetry
import Testing

@testable import Tailing

@Suite struct LineParserTests {
    /// 2026-10-11T12:00:00Z
    private static let now = Timestamp(rfc3339: "2026-10-11T12:00:00Z") ?? .distantPast

    private static let table: [(TailConfig.Format, String, String?, Severity?)] = [
        (.plain, "2026-10-10T13:55:36Z ERROR x", nil, nil),
        (.auto, "2026-10-10T13:55:36Z ERROR x", "2026-10-10T13:55:36Z", .error),
        (.auto, "2026-10-10T13:55:36.123456+02:00 web-1 app[12]: hello", "2026-10-10T11:55:36.123456Z", nil),
        (.auto, "2026-10-10 13:55:36,250 +0000 WARN c.e.Main - slow", "2026-10-10T13:55:36.250Z", .warning),
        (.auto, "Oct 10 13:55:36 web-1 kernel: Out of memory: Killed process 12", "2026-10-10T13:55:36Z", nil),
        (.auto, "Oct  9 03:05:06 web-1 sshd[1]: error: no key", "2026-10-09T03:05:06Z", .error),
        // No year: December was last year.
        (.syslog, "Dec 31 23:59:59 web-1 cron[1]: x", "2025-12-31T23:59:59Z", nil),
        (.syslog, "<11>Oct 10 13:55:36 web-1 app: x", "2026-10-10T13:55:36Z", .error),
        (.syslog, "<34>1 2026-10-10T13:55:36.003Z host su - ID47 - x", "2026-10-10T13:55:36.003Z", .critical),
        (.syslog, "<999>Oct 10 13:55:36 x", nil, nil),
        (.json, #"{"time":"2026-10-10T13:55:36Z","level":"warn","msg":"x"}"#, "2026-10-10T13:55:36Z", .warning),
        (.json, #"{"nested":{"level":"error"},"ts":1791640536.5,"severity":"CRITICAL"}"#, "2026-10-10T13:55:36.500Z", .critical),
        (.json, #"{"level":50,"time":1791640536250}"#, "2026-10-10T13:55:36.250Z", .error),
        (.json, #"{"level":"error","#, nil, .error),
        (.json, "no json", nil, nil),
        (.auto, #"{"timestamp":"2026-10-10T13:55:36Z","level":"debug"}"#, "2026-10-10T13:55:36Z", .debug),
        (.logfmt, #"ts=2026-10-10T13:55:36Z level=error msg="it = broken""#, "2026-10-10T13:55:36Z", .error),
        (.logfmt, #"msg="a level=error in it" level=info"#, nil, .info),
        (.auto, #"time="2026-10-10T13:55:36Z" level=warning msg=x"#, "2026-10-10T13:55:36Z", .warning),
        (.nginx, #"10.0.0.1 - - [10/Oct/2026:13:55:36 +0200] "GET /a HTTP/1.1" 502 12 "-" "curl""#, "2026-10-10T11:55:36Z", .error),
        (.nginx, #"10.0.0.1 - - [10/Oct/2026:13:55:36 +0200] "GET /a HTTP/1.1" 404 12 "-" "curl""#, "2026-10-10T11:55:36Z", .info),
        (.auto, "2026/10/10 13:55:36 [crit] 1#1: *2 open() failed", "2026-10-10T13:55:36Z", .critical),
        (.auto, "[10/Oct/2026:13:55:36 +0200", "2026-10-10T11:55:36Z", nil),
        // A clock a day ahead is wrong; a date that does not exist is none.
        (.auto, "2026-10-13T13:55:36Z x", nil, nil),
        (.auto, "2026-02-30T13:55:36Z x", nil, nil),
        (.auto, "9999-99-99T99:99:99Z x", nil, nil),
        (.auto, "an error_log, no-error and terror: nothing", nil, nil),
        (.auto, "x", nil, nil),
        (.auto, "", nil, nil),
        (.auto, "<", nil, nil),
        (.auto, "{", nil, nil),
    ]

    @Test(arguments: table.indices)
    func `time and severity are what the line says`(row: Int) {
        let (format, line, time, severity) = Self.table[row]
        // Times without an offset are local time.
        unsafe setenv("TZ", "UTC", 1)
        var parser = LineParser(format)
        let found = parser.parse(Array(line.utf8).span, now: Self.now)
        #expect(found.timestamp?.rfc3339 == time, "\(line)")
        #expect(found.severity == severity, "\(line)")
    }

    @Test func `no bytes at all make the parser stumble`() {
        var state: UInt64 = 42
        func next() -> UInt8 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
        let seeds = Self.table.map { Array($0.1.utf8) }
        for format in TailConfig.Format.allCases {
            var parser = LineParser(format)
            for round in 0..<4000 {
                var line = seeds[round % seeds.count]
                line = Array(line.prefix(Int(next()) % (line.count + 1)))
                for _ in 0..<Int(next() % 4) where !line.isEmpty { line[Int(next()) % line.count] = next() }
                _ = parser.parse(line.span, now: Self.now)
            }
        }
    }
}
