import Matching
import Telemetry
import Testing

@testable import Tailing

@Suite struct RedactionTests {
    private func redact(_ text: String, _ rules: [RedactionRule]) -> String {
        let bytes = Array(text.utf8)
        return String(decoding: Redaction(rules).applied(to: bytes.span) ?? bytes, as: UTF8.self)
    }

    @Test(arguments: [
        (RedactionRule.Preset.creditCards, "card 4111 1111 1111 1111 ok", "card <redacted> ok"),
        (.creditCards, "5500-0000-0000-0004,378282246310005", "<redacted>,<redacted>"),
        // The last digit is wrong; all digits the same; too long to be a card.
        (.creditCards, "4111111111111112 0000000000000000 41111111111111111111111", "4111111111111112 0000000000000000 41111111111111111111111"),
        (.creditCards, "order 12 4111111111111111", "order 12 <redacted>"),
        (.bearerTokens, "Authorization: Bearer eyJhbGciOi.J9.x-y_z== end", "Authorization: Bearer <redacted> end"),
        (.bearerTokens, "the bearer of news", "the bearer of news"),
        (.urlPasswords, "dial postgres://app:s3cret!@db:5432/x and http://h/p@q", "dial postgres://app:<redacted>@db:5432/x and http://h/p@q"),
        (.emails, "from ann.lee+x@mail.example.org to @here a@b", "from <redacted> to @here a@b"),
    ])
    func `ready-made rules find what they are for, and nothing else`(preset: RedactionRule.Preset, text: String, expected: String) throws {
        #expect(redact(text, [try preset.rule()]) == expected)
    }

    @Test func `a replacement takes over groups of the match`() throws {
        let rule = RedactionRule(try Pattern("(user)=(\\w+)"), replacement: "$1=$$<$2>$3")
        #expect(redact("user=ann user=bob x", [rule]) == "user=$<ann> user=$<bob> x")
    }

    @Test func `rules work on what the ones before have left`() throws {
        let rules = [RedactionRule(try Pattern("a+"), replacement: "b"), RedactionRule(try Pattern("b+"), replacement: "c")]
        #expect(redact("aab-ab", rules) == "c-c")
    }

    @Test func `neither message nor fields hold what was redacted, however it was written`() throws {
        let house = try EngineHouse {
            $0.format = .json
            $0.redact = [(try? Pattern("s3cret")).map { RedactionRule($0) }].compactMap(\.self)
        }
        try house.write(#"{"msg":"s3\u0063ret","key":"s3cret"}"# + "\n" + #"{"s3cret":1"# + "\n")
        house.start()
        house.drain()
        #expect(house.lines == ["<redacted>", #"{"<redacted>":1"#])
        #expect(house.events.allSatisfy { !$0.data.contains("s3cret") })
        #expect(house.counted("tocsin_tail_lines_redacted_total") == 2)
    }
}
