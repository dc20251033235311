/// A real server of Tests/Fixtures/servers, run with Debian's python3, on a free port of loopback.
package struct TestServer: Sendable {
    package let process: ChildProcess
    package let port: Int
    /// One JSON object a line, one line a request or mail.
    package let recordPath: String

    /// A certificate for `localhost` and `127.0.0.1` that signs itself, so that it is its own authority file.
    package struct Certificate: Sendable {
        package let certificate: String
        package let key: String
    }

    /// - Parameter options: `--ca FILE`, `--tls TLSv1_2`.
    package static func http(
        in folder: TemporaryFolder,
        certificate: Certificate? = nil,
        port: Int = 0,
        options: [String] = []
    ) async throws -> TestServer {
        try await start("http_recorder.py", record: folder("http.jsonl"), certificate, port, options)
    }

    /// - Parameter options: `--auth USER:PASS`.
    package static func proxy(in folder: TemporaryFolder, options: [String] = []) async throws -> TestServer {
        try await start("http_proxy.py", record: folder("proxy.jsonl"), nil, 0, options)
    }

    /// Chat and paging services, by their documentation.
    package static func providers(in folder: TemporaryFolder) async throws -> TestServer {
        try await start("providers.py", record: folder("providers.jsonl"), nil, 0, [])
    }

    /// - Parameter options: `--implicit`, `--auth USER:PASS`, `--only MECHANISM`, `--fail N`, `--reject ADDRESS`.
    package static func smtp(
        in folder: TemporaryFolder,
        certificate: Certificate? = nil,
        port: Int = 0,
        options: [String] = []
    ) async throws -> TestServer {
        try await start("smtp_recorder.py", record: folder("smtp.jsonl"), certificate, port, options)
    }

    /// - Parameter name: of the host besides `localhost`.
    package static func certificate(in folder: TemporaryFolder, for name: String = "localhost", file: String = "") async throws -> Certificate {
        let made = Certificate(certificate: folder(file + "certificate.pem"), key: folder(file + "key.pem"))
        let openssl = try ChildProcess.start(
            "/usr/bin/openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=\(name)",
                "-addext", name == "localhost" ? "subjectAltName=DNS:localhost,IP:127.0.0.1" : "subjectAltName=DNS:\(name)", "-keyout", made.key,
                "-out", made.certificate,
            ]
        )
        guard await openssl.wait() == .code(0) else { throw ChildProcess.StartError(description: "openssl failed:\n\(openssl.output)") }
        return made
    }

    /// The lines recorded until now.
    package var records: [String] {
        (TestFiles.read(recordPath) ?? "").split(separator: "\n").map(String.init)
    }

    /// Waits until `count` requests or mails are recorded, and returns all.
    package func records(atLeast count: Int, within limit: Duration = .seconds(60)) async throws -> [String] {
        _ = try await process.line(containing: "recorded \(count)", within: limit)
        return records
    }

    private static func start(
        _ script: String,
        record: String,
        _ certificate: Certificate?,
        _ port: Int,
        _ options: [String]
    ) async throws -> TestServer {
        let tests = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        var arguments = ["/\(tests)/Fixtures/servers/\(script)", "--port", "\(port)", "--record", record] + options
        if let certificate { arguments += ["--cert", certificate.certificate, "--key", certificate.key] }
        // Debian's own python3 has aiosmtpd; another may stand before it on PATH.
        let process = try ChildProcess.start("/usr/bin/python3", arguments)
        let line = try await process.line(containing: "listening ")
        guard let port = line.split(separator: " ").last.flatMap({ Int($0) }) else {
            throw ChildProcess.StartError(description: "no port in \"\(line)\"")
        }
        return TestServer(process: process, port: port, recordPath: record)
    }
}
