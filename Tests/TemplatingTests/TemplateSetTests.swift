import Operating
import Telemetry
import Testing

@testable import Templating

/// What the table of the notifications' templates does not reach: limits, checks, places, zones.
@Suite struct TemplateSetTests {
    private let now = Timestamp(nanoseconds: 1_767_225_600_000_000_000)

    private func set(_ text: String, file: String = "") throws -> TemplateSet {
        var set = TemplateSet(functions: TemplateFunction.builtIn.merging(TemplateFunction.alertmanager) { first, _ in first })
        try set.add(text, name: "t", file: file)
        return set
    }

    private func render(_ text: String, _ value: TemplateValue = .nothing, bytesMax: Int = 1_000) throws -> String {
        try set(text).render("t", with: value, now: now, bytesMax: bytesMax)
    }

    @Test func `a later definition takes an earlier one's place, an empty one does not`() throws {
        var set = try set("{{ define \"a\" }}1{{ end }}{{ template \"a\" }}")
        #expect(try set.add("{{ define \"a\" }} \n {{ end }}", name: "u") == ["u"])
        #expect(try set.render("t", with: .nothing, now: now, bytesMax: 10) == "1")
        #expect(try set.add("{{ define \"a\" }}2{{ end }}", name: "v") == ["a", "v"])
        #expect(try set.render("t", with: .nothing, now: now, bytesMax: 10) == "2")
        #expect(set.names == ["a", "t", "u", "v"])
    }

    @Test(arguments: [
        ("a\n{{ nope }}", 2), ("{{ if true }}\n\n{{ end }}\n{{ end }}", 4), ("{{ $x := `\n\n` }}{{ $y }}", 3), ("{{/*\n*/}}{{ .", 2),
        ("{{ print\n\"a\"\n$x }}", 3),
    ])
    func `a mistake is told with its file and line`(text: String, line: Int) {
        let problem = #expect(throws: TemplateProblem.self) { try set(text, file: "x.tmpl") }
        #expect(problem?.description.hasPrefix("x.tmpl:\(line): ") == true, "\(problem?.description ?? "")")
    }

    @Test func `a mistake in a file that is called is told at its own place`() throws {
        var set = try set("\n{{ template \"b\" . }}")
        try set.add("{{ define \"b\" }}\n\n{{ .Nope }}{{ end }}", name: "f", file: "f.tmpl")
        let problem = #expect(throws: TemplateProblem.self) { try set.check("t", with: .text("x"), now: now) }
        #expect(problem?.description == "f.tmpl:3: there is no .Nope in string")
        #expect(problem?.kind == .wrong)
    }

    @Test(arguments: [
        String(repeating: "{{ if true }}", count: 60) + String(repeating: "{{ end }}", count: 60),
        "{{ " + String(repeating: "(", count: 60) + "1" + String(repeating: ")", count: 60) + " }}",
        "{{ if 1 }}{{ else if 1 }}" + String(repeating: "{{ else if 1 }}", count: 60) + "{{ end }}",
    ])
    func `what is nested too deep is refused when it is read`(text: String) {
        let problem = #expect(throws: TemplateProblem.self) { try set(text) }
        #expect(problem?.description.contains("\(TemplatingLimits.nestingMax)") == true, "\(problem?.description ?? "")")
    }

    @Test(arguments: [
        ("{{ define \"a\" }}{{ template \"a\" }}{{ end }}{{ template \"a\" }}", "deep"),
        ("{{ range 1000 }}{{ range 1000 }}{{ end }}{{ end }}", "steps"), ("{{ range 100 }}0123456789012345{{ end }}", "more than 1000 bytes"),
        ("{{ $x := \"x\" }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}", "bytes"),
        ("{{ range 100000 }}{{ $x := match \"a+\" \"b\" }}{{ end }}", "steps"),
    ])
    func `a run ends at its limits`(text: String, says: String) {
        let problem = #expect(throws: TemplateProblem.self) { try render(text) }
        #expect(problem?.kind == .limit)
        #expect(problem?.description.contains(says) == true, "\(problem?.description ?? "")")
    }

    @Test func `a check follows what is not taken, and knows no more than it can`() throws {
        let list = TemplateValue.list([.text("a")])
        for text in ["{{ if false }}{{ toUpper . }}{{ end }}", "{{ range . }}{{ .X }}{{ end }}", "{{ with . }}{{ else }}{{ len 3 }}{{ end }}"] {
            #expect(throws: TemplateProblem.self, "\(text)") { try set(text).check("t", with: list, now: now) }
        }
        for text in [
            "{{ (index . 7).X }}", "{{ $x := 1 }}{{ if false }}{{ $x = \"a\" }}{{ end }}{{ toUpper $x }}", "{{ range (slice . 1) }}{{ .X }}{{ end }}",
            "{{ define \"r\" }}{{ if . }}{{ template \"r\" (slice . 1) }}{{ end }}{{ end }}{{ template \"r\" . }}", "{{ or 1 \"a\" | len }}",
        ] {
            #expect(throws: Never.self, "\(text)") { try set(text).check("t", with: list, now: now) }
        }
    }

    @Test(arguments: [
        ("2026-07-01T12:00:00Z", "2026-07-01 14:00:00 +0200 CEST", "2026-07-01T14:00:00+02:00"),
        ("2026-01-01T12:00:00Z", "2026-01-01 13:00:00 +0100 CET", "2026-01-01T13:00:00+01:00"),
        ("2099-07-01T12:00:00Z", "2099-07-01 14:00:00 +0200 CEST", "2099-07-01T14:00:00+02:00"),
    ])
    func `a place's clock has its name`(moment: String, shown: String, written: String) throws {
        let time = GoTime(try #require(Timestamp(rfc3339: moment)))
        #expect(try render("{{ tz \"Europe/Berlin\" . }}", .time(time)) == shown)
        #expect(try render("{{ (tz \"Europe/Berlin\" .).Format \"2006-01-02T15:04:05Z07:00\" }}", .time(time)) == written)
        #expect(throws: TemplateProblem.self) { try render("{{ tz \"Nowhere/At-All\" . }}", .time(time)) }
    }

    @Test func `days are added by the clock, through a change of it`() throws {
        let time = GoTime(try #require(Timestamp(rfc3339: "2026-03-28T11:00:00Z")))
        #expect(try render("{{ (tz \"Europe/Berlin\" .).AddDate 0 0 1 }}", .time(time)) == "2026-03-29 12:00:00 +0200 CEST")
        #expect(
            try render("{{ (.AddDate 0 11 3).Format \"2006-01-02\" }} {{ (.AddDate 0 -3 0).Format \"2006-01-02\" }}", .time(time))
                == "2027-03-03 2025-12-28"
        )
    }

    @Test(arguments: [
        (0, "0s"), (1, "1ns"), (1_500, "1.5µs"), (2_000_000, "2ms"), (1_000_000_001, "1.000000001s"), (61_500_000_000, "1m1.5s"),
        (3_600_000_000_000, "1h0m0s"), (-90_000_000_000, "-1m30s"), (Int.min, "-2562047h47m16.854775808s"),
    ])
    func `durations are written as Go writes them`(nanoseconds: Int, shown: String) {
        #expect(GoDuration(nanoseconds: nanoseconds).description == shown)
    }

    @Test func `hostile values stay where they stand in HTML`() throws {
        let hostile = TemplateValue.text("\"'><script>alert(1)</script>`=javascript:x onload=y \u{0}")
        let places = [
            "<p>{{ . }}</p>", "<p title=\"{{ . }}\">", "<p title='{{ . }}'>", "<p title={{ . }}>", "<a href=\"{{ . }}\">", "<a href=\"/x?{{ . }}\">",
            "<p {{ . }}>",
            "<p {{ . }}=1>", "<p style=\"a: {{ . }}\">", "<style>a { color: {{ . }} }</style>", "<script>f({{ . }})</script>",
            "<p onclick=\"f({{ . }})\">",
            "<title>{{ . }}</title>", "<textarea>{{ . }}</textarea>", "<!-- {{ . }} -->",
        ]
        for place in places {
            let html = try set(place).render("t", with: hostile, now: now, escaping: .html, bytesMax: 10_000)
            let around = place.replacing("<!-- {{ . }} -->", with: "").split(separator: "{{ . }}", omittingEmptySubsequences: false)
            // No tag and no quote is there that the template did not bring.
            for mark in ["<", ">", "\"", "'"] where !place.contains("script") || mark == "<" || mark == ">" {
                let own = around.joined().count(where: { String($0) == mark })
                #expect(html.count(where: { String($0) == mark }) == own, "\(place): \(html)")
            }
            #expect(!html.contains("href=\"javascript"), "\(place): \(html)")
            #expect(!html.contains("\u{0}"), "\(place): \(html)")
        }
    }
}
