import Collecting
import Glibc
import Telemetry
import TestSupport
import Testing

@Suite struct ExpositionParserTests {
    private func parse(_ text: String, limits: ExpositionLimits = ExpositionLimits()) throws(ExpositionError) -> [ExposedFamily] {
        try ExpositionParser.parse(Array(text.utf8), limits: limits)
    }

    @Test func `names, labels, escapes, values, help and types are read as they stand`() throws {
        let families = try parse(
            """
            # HELP http_requests_total The total number of \\\\ HTTP\\nrequests.
            # TYPE http_requests_total counter
            http_requests_total{method="post",code="200"} 1027 1395066363000
            http_requests_total { method = "post" , code = "400" , }\t3

            # a comment, and
            #another
            # HELPER is one too
            msdos_file_access_time_seconds{path="C:\\\\DIR\\\\FILE.TXT",error="Cannot find file:\\n\\"FILE.TXT\\""} 1.458255915e9
            metric_without_timestamp_and_labels 12.47
            something_weird{problem="division by zero"} +Inf -3982045
            a:b:c NaN
            \t d{} -0

            """
        )
        #expect(
            families.map(\.name) == [
                "http_requests_total", "msdos_file_access_time_seconds", "metric_without_timestamp_and_labels", "something_weird", "a:b:c", "d",
            ]
        )
        #expect(families[0].help == "The total number of \\ HTTP\nrequests.")
        #expect(families[0].kind == .counter)
        #expect(families[0].samples.map(\.value) == [1027, 3])
        #expect(families[0].samples.map(\.timestampMs) == [1_395_066_363_000, nil])
        #expect(families[0].samples[1].series == Labels(name: "http_requests_total", [Label("code", "400"), Label("method", "post")]))
        #expect(families[1].samples[0].series["path"] == "C:\\DIR\\FILE.TXT")
        #expect(families[1].samples[0].series["error"] == "Cannot find file:\n\"FILE.TXT\"")
        #expect(families[1].samples[0].value == 1_458_255_915)
        #expect(families[1].kind == .untyped && families[1].help == nil)
        #expect(families[3].samples[0].value == .infinity && families[3].samples[0].timestampMs == -3_982_045)
        #expect(families[4].samples[0].value.isNaN)
        #expect(families[5].samples[0].value.sign == .minus)
    }

    @Test func `histograms and summaries are one family each`() throws {
        let families = try parse(
            """
            # TYPE latency_seconds histogram
            latency_seconds_bucket{path="/",le="0.1"} 3
            latency_seconds_bucket{path="/",le="+Inf"} 5
            latency_seconds_bucket{path="/a",le="+Inf"} 1
            latency_seconds_bucket{path="/a",le="0.1"} 1
            latency_seconds_sum{path="/"} 1.5
            latency_seconds_count{path="/"} 5
            # TYPE size_bytes summary
            size_bytes{quantile="0.5"} 4773
            size_bytes_sum 1.7560473e+07
            size_bytes_count 2693
            other_count 1

            """
        )
        #expect(families.map(\.name) == ["latency_seconds", "size_bytes", "other_count"])
        #expect(families.map(\.kind) == [.histogram, .summary, .untyped])
        #expect(families.map(\.samples.count) == [6, 3, 1])
    }

    static let mistakes: [(String, Int, String)] = [
        ("a 1", 1, "no line feed"),
        ("a 1\nb", 2, "no line feed"),
        ("a\n", 1, "neither a blank nor {"),
        ("a \n", 1, "value is missing"),
        ("a 1 2 3\n", 1, "after the value"),
        ("a 1 2.5\n", 1, "no timestamp"),
        ("a 1 99999999999999999999\n", 1, "no timestamp"),
        ("a one\n", 1, "no number"),
        ("a 1e400\n", 1, "no number"),
        ("a 0x10\n", 1, "no number"),
        ("a 1_000\n", 1, "no number"),
        ("a 1e\n", 1, "no number"),
        ("a e5\n", 1, "no number"),
        ("a .\n", 1, "no number"),
        ("a 1.2.3\n", 1, "no number"),
        ("a +-1\n", 1, "no number"),
        ("a -NaN\n", 1, "no number"),
        ("a 1\r\n", 1, "line feed alone"),
        ("a 1,5\n", 1, "no number"),
        ("1a 1\n", 1, "cannot begin"),
        ("a-b 1\n", 1, "neither a blank nor {"),
        ("é 1\n", 1, "cannot begin"),
        ("a{b=\"1\" 1\n", 1, "neither , nor }"),
        ("a{b=\"1\"c=\"2\"} 1\n", 1, "neither , nor }"),
        ("a{b=\"1\n", 1, "no second quotation mark"),
        ("a{b=\"\\t\"} 1\n", 1, "backslash"),
        ("a{b=\"\\\n", 1, "backslash"),
        ("a{b=1} 1\n", 1, "b= is not followed by \""),
        ("a{b} 1\n", 1, "not followed by ="),
        ("a{,} 1\n", 1, "cannot begin"),
        ("a{b:c=\"1\"} 1\n", 1, "not followed by ="),
        ("a{b=\"1\",b=\"2\"} 1\n", 1, "twice"),
        ("a{__name__=\"b\"} 1\n", 1, "no label's name"),
        ("a{b=\"1\"\n", 1, "neither , nor }"),
        ("a{\n", 1, "name is missing"),
        ("a{b=\"1\"} 1\na{b=\"1\"} 2\n", 2, "second time"),
        ("a 1\n# TYPE a counter\n", 2, "after its samples"),
        ("# TYPE a counter\n# TYPE a counter\na 1\n", 2, "second TYPE"),
        ("# HELP a x\n# HELP a x\na 1\n", 2, "second HELP"),
        ("# HELP a \\x\na 1\n", 1, "backslash"),
        ("# HELP\n", 1, "name is missing"),
        ("# TYPE a\n", 1, "is no type"),
        ("# TYPE a Counter\n", 1, "is no type"),
        ("# TYPE a counter x\n", 1, "after the type"),
        ("# TYPE a-b counter\n", 1, "must not have"),
        ("# TYPE h histogram\nh 1\n", 2, "is a histogram"),
        ("# TYPE h histogram\nh_bucket 1\n", 2, "no label le"),
        ("# TYPE h histogram\nh_bucket{le=\"x\"} 1\n", 2, "is no number"),
        ("# TYPE h histogram\nh_bucket{le=\"1\"} 1\n", 2, "no bucket le=\"+Inf\""),
        ("# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\n", 3, "do not grow"),
        ("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 1\n", 4, "do not grow"),
        ("# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_count 2\n", 3, "h_count is 2"),
        ("# TYPE s summary\ns 1\n", 2, "no label quantile"),
    ]

    @Test(arguments: mistakes)
    func `a mistake is refused with its line`(text: String, line: Int, words: String) {
        let error = #expect(throws: ExpositionError.self) { try parse(text) }
        #expect(error?.line == line)
        #expect(error?.problem.contains(words) == true, "\(error?.problem ?? "no error")")
    }

    @Test func `bytes that are no UTF-8 are refused in labels and help`() {
        for prefix in ["a{b=\"", "# HELP a "] {
            let text = Array(prefix.utf8) + [0xFF, 0xFE] + Array("\"} 1\n".utf8)
            #expect(throws: ExpositionError.self) { try ExpositionParser.parse(text) }
        }
        #expect(throws: ExpositionError.self) { try ExpositionParser.parse([UInt8](repeating: 0, count: 100) + [10]) }
    }

    @Test func `what is over a limit is refused, what is at it is taken`() throws {
        let limits = ExpositionLimits(samplesMax: 3, familiesMax: 2, labelsMax: 2, lineBytesMax: 20)
        #expect(try parse("a{x=\"1\"} 1\na{x=\"2\"} 1\nb 1\n", limits: limits).count == 2)
        for (text, words) in [
            ("a{x=\"1\"} 1\na{x=\"2\"} 1\nb 1\nb{x=\"1\"} 1\n", "3 samples"), ("a 1\nb 1\nc 1\n", "2 metric names"),
            ("a{x=\"1\",y=\"2\",z=\"3\"} 1\n", "longer than 20"), ("a{x=\"\",y=\"\",z=\"\"} 1\n", "2 labels"),
        ] {
            let error = #expect(throws: ExpositionError.self) { try parse(text, limits: limits) }
            #expect(error?.problem.contains(words) == true, "\(error?.problem ?? "no error")")
        }
    }

    @Test func `a text cut or changed anywhere gives families or an error, never a trap`() throws {
        let good = Array(
            """
            # HELP h Help \\\\ me.
            # TYPE h histogram
            h_bucket{p="a\\"b\\n",le="1"} 1
            h_bucket{p="a\\"b\\n",le="+Inf"} 2
            h_sum{p="a\\"b\\n"} 1.5e3
            # TYPE c counter
            c{x="ü"} 12 1700000000000

            """.utf8
        )
        #expect(try ExpositionParser.parse(good).count == 2)
        for length in 0..<good.count { _ = try? ExpositionParser.parse(Array(good[..<length])) }
        var random = SeededGenerator(seed: 7)
        for _ in 0..<5_000 {
            var text = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                text[Int.random(in: 0..<text.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = try? ExpositionParser.parse(text)
        }
    }

    @Test func `what is written is read back the same`() throws {
        let series = Labels(name: "a", [Label("x", "\\ \" \n ü"), Label("y", "{}=,")])
        var writer = ExpositionWriter()
        writer.begin("a", .gauge, help: "back\\slash\nand line")
        writer.add(series, "0.1")
        let family = try #require(try ExpositionParser.parse(writer.bytes).first)
        #expect(family.samples.map(\.series) == [series])
        #expect(family.help == "back\\slash\nand line" && family.kind == .gauge)
    }
}
