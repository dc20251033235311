import Configuring
import Glibc
import Operating
import Shipping
import Telemetry
import TestSupport
import Testing
import Transferring

@testable import AgentApp

@Suite(.timeLimit(.minutes(2))) struct DoctorTests {
    private func examine(_ folder: TemporaryFolder, _ text: String) async throws -> [Doctor.Finding] {
        try TestFiles.write(text, to: folder("agent.yaml"))
        return await Doctor(path: folder("agent.yaml"), socket: folder("sock")).examine()
    }

    private func findings(_ findings: [Doctor.Finding], _ name: String) -> [Doctor.Finding] { findings.filter { $0.name == name } }

    @Test func `each mistake of a configuration is a finding with its remedy`() async throws {
        let folder = try TemporaryFolder()
        let found = try await examine(folder, "spol: {}\ncollect: {interval: soon}\nrule_files: []\n")
        let config = findings(found, "config")
        #expect(config.count == 2 && config.allSatisfy { $0.verdict == .failure })
        #expect(config[0].sentence.contains("agent.yaml:1: spol") && config[0].remedy == "did you mean spool?")
    }

    @Test func `a secret that everybody may read, a spool that is damaged and an agent that does not run are told`() async throws {
        let folder = try TemporaryFolder()
        TestFiles.makeFolder(folder("spool"))
        try TestFiles.write(String(repeating: "no database ", count: 1000), to: folder("spool/spool.db"))
        try TestFiles.write("token", to: folder("token"))
        _ = unsafe chmod(folder("token"), 0o644)
        let text = "spool: {path: \(folder("spool"))}\naggregator: http://127.0.0.1:1\ntoken_file: \(folder("token"))\nrule_files: []\n"
        let found = try await examine(folder, text)
        #expect(findings(found, "token file").first?.verdict == .failure)
        #expect(findings(found, "token file").first?.remedy.contains("chmod 0640") == true)
        #expect(findings(found, "spool").first?.verdict == .failure)
        #expect(findings(found, "tcp").first?.verdict == .failure)
        #expect(findings(found, "tcp").first?.sentence.contains("Connection refused") == true)
        #expect(findings(found, "agent").first?.remedy.contains("systemctl start tocsin-agent") == true)
        _ = unsafe chmod(folder("token"), 0o640)
        #expect(findings(try await examine(folder, text), "token file").first?.verdict == .ok)
    }

    @Test func `a name without an address ends the examination of the network there`() async {
        let found = await NetworkDoctor(shipping: ShippingConfig(url: "http://nowhere.invalid:8640"), time: SystemTime()).examine()
        #expect(found.map(\.name) == ["dns"])
        #expect(found[0].verdict == .failure)
    }

    @Test func `a certificate that nobody here trusts is told, and one that is trusted is not`() async throws {
        let folder = try TemporaryFolder()
        let certificate = try await TestServer.certificate(in: folder)
        let server = try await TestServer.http(in: folder, certificate: certificate)
        let url = "https://127.0.0.1:\(server.port)"
        let untrusted = await NetworkDoctor(shipping: ShippingConfig(url: url), time: SystemTime()).examine()
        #expect(untrusted.last?.name == "tls" && untrusted.last?.verdict == .failure)
        #expect(untrusted.last?.remedy.contains("ca_file") == true)
        let tls = TLSOptions(caFile: certificate.certificate)
        let trusted = await NetworkDoctor(shipping: ShippingConfig(url: url, tls: tls), time: SystemTime()).examine()
        #expect(trusted.contains { $0.name == "tls" && $0.verdict == .ok })
        // It is no aggregator.
        #expect(trusted.last?.name == "aggregator" && trusted.last?.verdict == .failure)
    }

    @Test(arguments: [(0, .ok), (4, .ok), (6, .warning), (-60, .warning)] as [(Int64, Doctor.Finding.Verdict)])
    func `clocks that are apart are told`(seconds: Int64, verdict: Doctor.Finding.Verdict) throws {
        let response = HTTPResponse(status: 200, headers: [HTTPHeader("Date", "Thu, 01 Jan 2026 00:00:00 GMT")])
        let now = Timestamp(milliseconds: 1_767_225_600_000).advanced(by: .seconds(seconds))
        #expect(NetworkDoctor.clockFinding(response, now: now).verdict == verdict)
    }

    @Test(arguments: [
        ("http://a:8640", "a", "8640", false), ("https://a.b/c", "a.b", "443", true), ("https://[::1]:1/x", "::1", "1", true),
        ("http://[fe80::1]", "fe80::1", "80", false),
    ])
    func `the parts of an address`(url: String, host: String, port: String, isTLS: Bool) {
        #expect(NetworkDoctor.target(of: url) == (host, port, isTLS))
    }

    @Test func `rights are reckoned for another user`() throws {
        let folder = try TemporaryFolder()
        try TestFiles.write("x", to: folder("file"))
        _ = unsafe chmod(folder("file"), 0o640)
        _ = unsafe chmod(folder.path, 0o755)
        let nobody = FileRights(user: "nobody")
        guard nobody.name == "nobody", geteuid() == 0 else { return }
        #expect(!nobody.may(R_OK, folder("file")))
        _ = unsafe chmod(folder("file"), 0o644)
        #expect(nobody.may(R_OK, folder("file")))
        _ = unsafe chmod(folder.path, 0o700)
        #expect(!nobody.may(R_OK, folder("file")))
    }
}
