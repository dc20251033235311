import JSON
import TestSupport
import Testing

/// Why somebody was told, and who takes care of it: through the real programs, and through a kill.
@Suite(.serialized) struct ExplainTests {
    private func agentctl(_ house: Installation, _ arguments: String...) throws -> String {
        let (exit, output) = try ChildProcess.run(["\(Installation.binaries)/agentctl"] + arguments + ["--aggregator", house.address])
        #expect(exit == .code(0), "\(output)")
        return output
    }

    @Test func `an alert is explained from its value to the provider's reply, and the link in the mail acknowledges it`() throws {
        let house = try Installation()
        try TestFiles.write(
            "groups: [{name: demo, rules: [{alert: Always, expr: 'node_load1 >= 0', labels: {severity: warning}}]}]\n",
            to: house.folder("rules.yaml")
        )
        // Repeats each second, until somebody takes care.
        try house.writeAggregatorConfiguration(extra: "history: {retention: 30d}")
        let path = house.folder("aggregator.yaml")
        let text = (TestFiles.read(path) ?? "").replacing("group_interval: 1s}", with: "group_interval: 1s, repeat_interval: 1s}")
        try TestFiles.write(text, to: path)
        try house.startReceivers(failures: 1)
        try house.startAggregator()
        try house.startAgent()
        try eventually("the webhook has taken it at the second attempt, and the mail is there", within: 30) {
            house.received("webhook").contains { $0["answered"]?.integer == 200 } && !house.received("mail").isEmpty
        }
        house.aggregator?.killHard()
        try house.startAggregator()

        let alert = try #require(try house.get("/api/v1/alerts?alertname=Always")["alerts"]?[0])
        let id = try #require(alert["id"]?.string)
        let story = try agentctl(house, "alerts", "explain", String(id.prefix(6)))
        print(story)
        for part in [
            "It fires: node_load1 >= 0 holds since", "The route {} took it: receiver ops.", "ops/webhook/0 did not take it (attempt 1, HTTP 500)",
            "ops/webhook/0 took it (attempt 2, HTTP 200)", "ops/email/0 took it (attempt 1",
        ] { #expect(story.contains(part), "\(part)") }

        // Looking at the link, as a mail server does, changes nothing; the button does.
        let mail = try #require(house.received("mail").first?["text"]?.string)
        let link = try #require(mail.split(whereSeparator: \.isWhitespace).first { $0.contains("/acknowledge/") }.map(String.init))
        #expect(try Curl.run([link]).status == 200)
        #expect(try house.get("/api/v1/alerts?alertname=Always")["alerts"]?[0]?["acknowledged"]?.isNull == true)
        #expect(try Curl.run(["--data-urlencode", "by=Ann", "--data-urlencode", "comment=on it", link]).status == 200)
        #expect(try house.get("/api/v1/alerts?alertname=Always")["alerts"]?[0]?["acknowledged"]?["by"]?.string == "Ann")
        // What was made before may still be on its way; then nothing more comes, although it fires on.
        try eventually("the outbox is empty") { try house.get("/api/v1/notifications?state=pending")["count"]?.integer == 0 }
        let told = try #require(try house.get("/api/v1/alerts/history?alertname=Always")["alerts"]?[0]?["notifications"]?.integer)
        try house.appendLog("ALARM in the meantime\n")
        try eventually("time has passed: other data came") {
            try house.get("/api/v1/events?q=meantime")["count"]?.integer != 0
        }
        #expect(try house.get("/api/v1/alerts/history?alertname=Always")["alerts"]?[0]?["notifications"]?.integer == told)
        let noise = try agentctl(house, "alerts", "noise", "--since", "1h")
        print(noise)
        #expect(noise.contains("Always"))
    }
}
