import Glibc
import JSON
import TestSupport
import Testing

/// TLS with a certificate of our own, a token an agent, and its revocation.
@Suite(.serialized) struct TrustTests {
    @Test func `beyond loopback the aggregator refuses to listen without TLS and tokens`() throws {
        let house = try Installation()
        try house.writeAggregatorConfiguration(listen: "{address: \"0.0.0.0:\(house.port)\"}")
        let (exit, output) = try ChildProcess.run(["\(Installation.binaries)/tocsin-aggregator", "--config", house.folder("aggregator.yaml")])
        print(output)
        #expect(exit == .code(1))
        #expect(output.contains("tls") && output.contains("tokens"))
    }

    @Test func `an agent with a token ships over TLS, and a revoked token keeps everything at home`() throws {
        let house = try Installation()
        let (certificate, key) = (house.folder("cert.pem"), house.folder("key.pem"))
        let (made, complaint) = try ChildProcess.run([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate,
        ])
        #expect(made == .code(0), "\(complaint)")
        try TestFiles.write("s3cret-of-the-agent", to: house.folder("agent.token"))
        let (_, hash) = try ChildProcess.run(["sh", "-c", "printf %s s3cret-of-the-agent | sha256sum"])
        let (_, viewerHash) = try ChildProcess.run(["sh", "-c", "printf %s s3cret-of-the-viewer | sha256sum"])
        let viewer = "- {name: eyes, sha256: \(viewerHash.prefix(64)), role: viewer}\n"
        try TestFiles.write("- {name: test-1, sha256: \(hash.prefix(64)), role: agent, host: test-1}\n" + viewer, to: house.folder("tokens.yaml"))
        try house.writeAggregatorConfiguration(
            extra: "tokens: {file: \(house.folder("tokens.yaml"))}",
            listen: "{address: \"127.0.0.1:\(house.port)\", tls: {certificate: \(certificate), key: \(key)}}"
        )
        let address = "https://127.0.0.1:\(house.port)"
        try house.writeAgentConfiguration(extra: "token_file: \(house.folder("agent.token"))\nca_file: \(certificate)", address: address)
        try house.startAggregator(expecting: address)
        try house.startAgent()
        try house.appendLog("hello 4711\n")

        #expect(try Curl.run(["--cacert", certificate, address + "/api/v1/events"]).status == 401)
        let asViewer = ["--cacert", certificate, "-H", "Authorization: Bearer s3cret-of-the-viewer"]
        try eventually("the line arrives over TLS") {
            try Curl.get(address + "/api/v1/events?q=4711", asViewer)["count"]?.integer == 1
        }
        #expect(try Curl.post(address + "/api/v1/events", #"{"source":"a","type":"b","severity":"info"}"#, asViewer).status == 403)

        try TestFiles.write(viewer, to: house.folder("tokens.yaml"))
        house.aggregator?.signal(SIGHUP)
        try house.appendLog("hello 4712\n")
        try eventually("status says that the token is refused") {
            let status = try house.status()
            return status?["status"]?.string == "degraded"
                && status?["aggregator"]?["last_error"]?.string?.contains("does not accept our token") == true
        }
        #expect(try Curl.get(address + "/api/v1/events?q=4712", asViewer)["count"]?.integer == 0)
        try TestFiles.write("- {name: test-1, sha256: \(hash.prefix(64)), role: agent, host: test-1}\n" + viewer, to: house.folder("tokens.yaml"))
        house.aggregator?.signal(SIGHUP)
        try eventually("what was kept is delivered", within: 90) {
            try Curl.get(address + "/api/v1/events?q=4712", asViewer)["count"]?.integer == 1
        }
    }
}
