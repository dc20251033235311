import JSON
import Telemetry
import Testing

@testable import Tailing

/// What a line says goes into fields, and its message is what is left.
@Suite struct FieldTests {
    private static let now = Timestamp(rfc3339: "2026-10-11T12:00:00Z") ?? .distantPast

    private static let table: [(TailConfig.Format, String, String, String)] = [
        (
            .syslog, "<165>1 2026-10-11T11:14:15.003Z web-1 app 812 ID47 [ex@32473 iut=\"3\" s=\"a \\\"b\\\" \\] c\"][o@1 n=\"1\"] \u{FEFF}An event",
            #"{"facility":"local4","hostname":"web-1","app":"app","pid":812,"msgid":"ID47","sd":{"ex@32473":{"iut":"3","s":"a \"b\" ] c"},"o@1":{"n":"1"}}}"#,
            "An event"
        ),
        (.syslog, "<34>1 2026-10-11T11:14:15Z - su - - - x", #"{"facility":"auth","app":"su"}"#, "x"),
        (
            .syslog, "<34>1 2026-10-11T11:14:15Z - su - - [e@1 a=\"never closed", #"{"facility":"auth","app":"su"}"#,
            "<34>1 2026-10-11T11:14:15Z - su - - [e@1 a=\"never closed"
        ),
        (.syslog, "Oct 10 13:55:36 web-1 sshd[812]: Accepted key", #"{"hostname":"web-1","app":"sshd","pid":812}"#, "Accepted key"),
        (.syslog, "2026-10-10T13:55:36.1+02:00 web-1 kernel: [1.5] up", #"{"hostname":"web-1","app":"kernel"}"#, "[1.5] up"),
        (.syslog, "Oct 10 13:55:36 web-1 -- MARK --", #"{"hostname":"web-1"}"#, "-- MARK --"),
        (
            .json, #"{"ts":"2026-10-10T13:55:36Z","level":"warn","msg":"a \"b\"\n","user":{"id": 7},"ok":true}"#,
            #"{"user":{"id": 7},"ok":true}"#, "a \"b\"\n"
        ),
        (.json, #"{"level":"loud","msg":"x","n":1.50}"#, #"{"level":"loud","n":1.50}"#, "x"),
        (.json, #"{"a":1}"#, #"{"a":1}"#, #"{"a":1}"#),
        (
            .logfmt, #"ts=2026-10-10T13:55:36Z level=error msg="it \"broke\"" user=ann path="/a b" flag"#,
            #"{"user":"ann","path":"/a b"}"#, #"it "broke""#
        ),
        (
            .nginx, #"10.0.0.1 - ann [10/Oct/2026:13:55:36 +0200] "GET /a?b=\x22 HTTP/1.1" 502 12 "-" "curl \"x\"" 0.123 up"#,
            #"{"remote":"10.0.0.1","user":"ann","method":"GET","path":"/a?b=\\x22","protocol":"HTTP/1.1","status":502,"bytes":12,"agent":"curl \\\"x\\\"","extra":"0.123 up"}"#,
            #""GET /a?b=\x22 HTTP/1.1" 502"#
        ),
        (.apache, #"::1 - - [10/Oct/2026:13:55:36 +0200] "\x16\x03" 400 -"#, #"{"remote":"::1","status":400}"#, #""\x16\x03" 400"#),
        (
            .nginx, "2026/10/10 13:55:36 [crit] 31#7: *22 open() failed, client: 10.0.0.1", #"{"pid":31,"tid":7,"connection":22}"#,
            "open() failed, client: 10.0.0.1"
        ),
        (
            .apache, "[Sat Oct 10 13:55:36.123456 2026] [core:error] [pid 12:tid 13] [client 10.0.0.1:5] AH00124: x",
            #"{"module":"core","pid":12,"tid":13,"remote":"10.0.0.1:5"}"#, "AH00124: x"
        ),
    ]

    @Test(arguments: table.indices)
    func `fields and message are what the line says`(row: Int) throws {
        let (format, line, fields, message) = Self.table[row]
        var parser = LineParser(format, zone: .offset(0))
        let bytes = Array(line.utf8)
        let found = parser.parse(bytes.span, now: Self.now)
        #expect(found.isKnown)
        #expect(String(decoding: [UInt8(ascii: "{")] + parser.fields.bytes.dropFirst() + [UInt8(ascii: "}")], as: UTF8.self) == fields)
        let text = found.hasOwnMessage ? parser.fields.message : found.message.map { Array(bytes[$0]) } ?? bytes
        #expect(String(decoding: text, as: UTF8.self) == message)
    }

    @Test(arguments: [
        (TailConfig.Format.json, "no json"), (.json, #"{"a":1"#), (.json, #"{"a":1} x"#), (.logfmt, "just words"), (.nginx, "GET / 200"),
        (.syslog, "hello"), (.syslog, "<999>x"),
    ])
    func `a line of another format stays plain, and is counted`(format: TailConfig.Format, line: String) throws {
        let house = try EngineHouse { $0.format = format }
        try house.write(line + "\n")
        house.start()
        house.drain()
        #expect(house.lines == [line])
        #expect(house.events[0].data == "{\"path\":\"\(house.path())\",\"offset\":0}")
        #expect(house.counted("tocsin_tail_lines_unparsed_total") == 1)
    }

    @Test func `fields stand in the event's data, which stays one JSON object`() throws {
        let house = try EngineHouse { $0.format = .json }
        try house.write(#"{"msg":"x","path":"theirs","deep":{"a":[1,"\u00e4"]}}"# + "\n")
        house.start()
        house.drain()
        let data = try JSON.parse(house.events[0].data)
        #expect(data["path"]?.string == house.path())
        #expect(data["fields"]?["path"]?.string == "theirs")
        #expect(data["fields"]?["deep"]?["a"]?[1]?.string == "ä")
        #expect(house.lines == ["x"])
    }

    @Test func `auto leaves the line alone unless fields are asked for`() throws {
        let line = #"10.0.0.1 - - [10/Oct/2026:13:55:36 +0200] "GET /a HTTP/1.1" 502 12 "-" "curl""#
        for takes in [nil, true] as [Bool?] {
            let house = try EngineHouse { ($0.format, $0.takesFields) = (.auto, takes) }
            try house.write(line + "\n")
            house.start()
            house.drain()
            #expect(house.lines == [takes == true ? #""GET /a HTTP/1.1" 502"# : line])
            #expect(house.events[0].severity == .error)
            #expect(house.events[0].data.contains("\"status\":502") == (takes == true))
        }
    }

    @Test func `a configured zone holds for times that name none`() {
        var parser = LineParser(.syslog, zone: .offset(2 * 3600))
        let found = parser.parse(Array("Oct 10 13:55:36 web-1 x: y".utf8).span, now: Self.now)
        #expect(found.timestamp?.rfc3339 == "2026-10-10T11:55:36Z")
        #expect(TailConfig.Zone("+05:30") == .offset(19_800))
        #expect(TailConfig.Zone("-0330") == .offset(-12_600))
        #expect(TailConfig.Zone("CET") == nil)
        #expect(TailConfig.Zone("+25:00") == nil)
    }
}
