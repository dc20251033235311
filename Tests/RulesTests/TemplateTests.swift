import Rules
import Telemetry
import Testing

struct TemplateTests {
    /// For each value `$value`, humanize, humanize1024, humanizeDuration, humanizePercentage, `%.2f`, `%g`, humanizeTimestamp, as promtool 2.42
    /// printed them.
    @Test(
        arguments: [
            (0, ["0", "0", "0", "0s", "0%", "0.00", "0", "1970-01-01 00:00:00 +0000 UTC"]),
            (123_456, ["123456", "123.5k", "120.6ki", "1d 10h 17m 36s", "1.235e+07%", "123456.00", "123456", "1970-01-02 10:17:36 +0000 UTC"]),
            (0.00001, ["1e-05", "10u", "1e-05", "10us", "0.001%", "0.00", "1e-05", "1970-01-01 00:00:00 +0000 UTC"]),
            (-2.5, ["-2.5", "-2.5", "-2.5", "-2.5s", "-250%", "-2.50", "-2.5", "1969-12-31 23:59:57.5 +0000 UTC"]),
            (90_061.5, ["90061.5", "90.06k", "87.95ki", "1d 1h 1m 1s", "9.006e+06%", "90061.50", "90061.5", "1970-01-02 01:01:01.5 +0000 UTC"]),
            (-75, ["-75", "-75", "-75", "-1m 15s", "-7500%", "-75.00", "-75", "1969-12-31 23:58:45 +0000 UTC"]),
            (999.95, ["999.95", "1000", "1000", "16m 39s", "1e+05%", "999.95", "999.95", "1970-01-01 00:16:39.95 +0000 UTC"]),
            (1024, ["1024", "1.024k", "1ki", "17m 4s", "1.024e+05%", "1024.00", "1024", "1970-01-01 00:17:04 +0000 UTC"]),
            (0.001234, ["0.001234", "1.234m", "0.001234", "1.234ms", "0.1234%", "0.00", "0.001234", "1970-01-01 00:00:00.001 +0000 UTC"]),
            (3600, ["3600", "3.6k", "3.516ki", "1h 0m 0s", "3.6e+05%", "3600.00", "3600", "1970-01-01 01:00:00 +0000 UTC"]),
            (1e21, ["1e+21", "1Z", "867.4Ei", "1e+21s", "1e+23%", "1000000000000000000000.00", "1e+21", "1e+21"]),
            (.infinity, ["+Inf", "+Inf", "+Inf", "+Inf", "+Inf%", "+Inf", "+Inf", "+Inf"]),
        ] as [(Double, [String])]
    )
    func `values are shown as Prometheus shows them`(_ value: Double, _ expected: [String]) throws {
        let texts = [
            "{{ $value }}", "{{ humanize $value }}", "{{ $value | humanize1024 }}", "{{ .Value | humanizeDuration }}",
            "{{ $value | humanizePercentage }}", "{{ printf \"%.2f\" $value }}", "{{ printf \"%g\" $value }}", "{{ $value | humanizeTimestamp }}",
        ]
        for (text, expected) in zip(texts, expected) {
            #expect(try Template(text).expand(labels: .empty, value: value, bytesMax: 1000) == expected, "\(text)")
        }
    }

    @Test(arguments: [
        ("{{ $labels.x | title }}", "Hello WOrld-Foo_bar It'S"),
        ("{{ $labels.x | toUpper }}", "HELLO WORLD-FOO_BAR IT'S"),
        ("{{ .Labels.x | toLower }}", "hello world-foo_bar it's"),
        ("{{ printf \"%q|%10s|%-20s|\" $labels.x \"ab\" \"cd\" }}", "\"hello wOrld-foo_bar it's\"|        ab|cd                  |"),
        ("a {{- \" b \" -}} c", "a b c"),
        ("{{ printf \"%d %05d %x\" 12 42 255 }}", "12 00042 ff"),
        ("{{ $labels.none }}|", "|"),
        ("{{ \"12.5\" | humanize }} {{ 1234567 | humanize }} {{ 1.5 }}", "12.5 1.235M 1.5"),
        ("{{/* c */}}x", "x"),
        ("{{ printf \"%s left\" (humanize1024 $value) }}", "3 left"),
        ("{{ printf \"%6.1f%%\" $value }}", "   3.0%"),
        ("{{$labels.instance}} } {{ `}}` }}", "web-1 } }}"),
        ("no action", "no action"),
    ])
    func `labels, strings and pipelines are filled in`(_ text: String, _ expected: String) throws {
        let labels: Labels = ["x": "hello wOrld-foo_bar it's", "instance": "web-1"]
        #expect(try Template(text).expand(labels: labels, value: 3, bytesMax: 1000) == expected)
    }

    @Test(arguments: [
        ("{{ $value", "without \"}}\""), ("{{ if $value }}x{{ end }}", "\"if\" is not known"), ("{{ $labels }}", "not known"),
        ("{{ $value | reReplaceAll \"a\" \"b\" }}", "not known"), ("{{ query \"up\" }}", "not known"),
        ("{{ printf \"%d\" $value }}", "write %.0f"), ("{{ printf \"%s\" $value }}", "%v or %.2f"),
        ("{{ printf \"%.2f\" $labels.x }}", "write %s"), ("{{ printf \"%s\" }}", "more directives"), ("{{ printf \"x\" $value }}", "more values"),
        ("{{ $value $value }}", "side by side"), ("{{ toUpper $value }}", "needs a text"), ("{{ }}", "nothing stands"),
        ("{{ $value | }}", "nothing stands"), ("{{ (humanize $value }}", "not closed"), ("{{ $externalLabels.x }}", "no external labels"),
        ("{{ \"open }}", "without \"}}\""), ("{{ printf \"%200f\" $value }}", "up to 100"), ("{{ $labels.a-b }}", "no label name"),
    ])
    func `what is not known is refused when it is loaded`(_ text: String, _ says: String) {
        let error = #expect(throws: TemplateError.self) { try Template(text) }
        #expect(error.map { "\($0)".contains(says) } ?? false, "\(error?.description ?? "")")
    }

    @Test func `a long text is cut between characters and says so`() throws {
        let template = try Template("{{ $labels.x }}")
        let text = template.expand(labels: ["x": String(repeating: "\u{fc}", count: 1000)], value: 0, bytesMax: 100)
        #expect(text.utf8.count <= 100)
        #expect(text.hasSuffix("\u{fc}…"))
    }
}
