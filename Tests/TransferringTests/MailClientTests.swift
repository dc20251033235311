import JSON
import Telemetry
import TestSupport
import Testing
import Transferring

@Suite struct MailClientTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func envelope(to: [String] = ["ops@example.org"], text: String = "Hello\n.\n..dots\nend") throws -> MailEnvelope {
        let mail = MailMessage(
            from: try MailAddress("Tocsin <tocsin@example.org>"),
            to: try to.map { address throws(TransferError) in try MailAddress(address) },
            subject: "[FIRING:1] Größe",
            text: text,
            html: "<p>Hällo</p>",
            messageID: "m-1@example.org",
            date: Timestamp(nanoseconds: 0)
        )
        return MailEnvelope(from: "tocsin@example.org", to: to, content: try mail.encoded())
    }

    @Test func `a mail arrives whole at a plain server, dots and umlauts too`() async throws {
        let server = try await TestServer.smtp(in: folder)
        let reply = try await MailClient().send(
            try envelope(to: ["ops@example.org", "b@example.org"]),
            through: SMTPServer(host: "127.0.0.1", port: server.port, security: .plain, hello: "aggregator.example.org")
        )
        #expect(reply == "250 2.0.0 queued as T4711")
        let mail = try JSON.parse(Array(try #require(server.records.first).utf8))
        #expect(mail["from"]?.string == "tocsin@example.org")
        #expect(mail["to"]?.array?.compactMap(\.string) == ["ops@example.org", "b@example.org"])
        #expect(mail["subject"]?.string == "[FIRING:1] Größe")
        #expect(mail["message_id"]?.string == "<m-1@example.org>")
        #expect(mail["hello"]?.string == "aggregator.example.org")
        #expect(mail["type"]?.string == "multipart/alternative")
        #expect(mail["text"]?.string == "Hello\n.\n..dots\nend")
        #expect(mail["html"]?.string == "<p>Hällo</p>")
        #expect(mail["tls"]?.bool == false)
        #expect(mail["defects"]?.array?.isEmpty == true)
    }

    @Test func `STARTTLS is used, verified and authenticated over`() async throws {
        let certificate = try await TestServer.certificate(in: folder)
        let server = try await TestServer.smtp(in: folder, certificate: certificate, options: ["--auth", "tocsin:s3cret"])
        var target = SMTPServer(host: "127.0.0.1", port: server.port, security: .startTLS, username: "tocsin", password: "s3cret")
        #expect(await failure(target) == "tls")
        target.tls = TLSOptions(caFile: certificate.certificate)
        _ = try await MailClient().send(try envelope(), through: target)
        let mail = try JSON.parse(Array(try #require(server.records.first).utf8))
        #expect(mail["tls"]?.bool == true)
        #expect(mail["user"]?.string == "tocsin")
        target.password = "wrong"
        #expect(await failure(target) == "unauthenticated")
    }

    @Test(arguments: ["PLAIN", "LOGIN"])
    func `each of the two ways to log in is spoken where the server offers no other`(mechanism: String) async throws {
        let certificate = try await TestServer.certificate(in: folder)
        let server = try await TestServer.smtp(in: folder, certificate: certificate, options: ["--auth", "tocsin:s3cret", "--only", mechanism])
        let target = SMTPServer(
            host: "127.0.0.1",
            port: server.port,
            security: .startTLS,
            username: "tocsin",
            password: "s3cret",
            tls: TLSOptions(caFile: certificate.certificate)
        )
        _ = try await MailClient().send(try envelope(), through: target)
        let mail = try JSON.parse(Array(try #require(server.records.first).utf8))
        #expect(mail["mechanism"]?.string == mechanism)
        #expect(mail["user"]?.string == "tocsin")
    }

    @Test func `without STARTTLS at the server nothing is sent when TLS is required`() async throws {
        let server = try await TestServer.smtp(in: folder)
        #expect(await failure(SMTPServer(host: "127.0.0.1", port: server.port, security: .startTLS)) == "tls")
        #expect(server.records.isEmpty)
    }

    @Test func `implicit TLS is spoken from the first byte`() async throws {
        let certificate = try await TestServer.certificate(in: folder)
        let server = try await TestServer.smtp(in: folder, certificate: certificate, options: ["--implicit"])
        let target = SMTPServer(
            host: "localhost",
            port: server.port,
            security: .implicitTLS,
            tls: TLSOptions(caFile: certificate.certificate)
        )
        #expect(try await MailClient().send(try envelope(), through: target).hasPrefix("250 "))
    }

    @Test func `a refusal keeps the server's words and says whether trying again can help`() async throws {
        let server = try await TestServer.smtp(in: folder, options: ["--fail", "1", "--reject", "gone@example.org"])
        let target = SMTPServer(host: "127.0.0.1", port: server.port, security: .plain)
        let temporary = await #expect(throws: TransferError.self) { try await MailClient().send(try envelope(), through: target) }
        #expect(temporary == .rejected(code: 451, reply: "451 4.3.0 try again later"))
        #expect(temporary?.isPermanent == false)
        let permanent = await #expect(throws: TransferError.self) {
            try await MailClient().send(try envelope(to: ["gone@example.org"]), through: target)
        }
        #expect(permanent == .rejected(code: 550, reply: "550 5.1.1 no such mailbox"))
        #expect(permanent?.isPermanent == true)
        #expect(try await MailClient().send(try envelope(), through: target).hasPrefix("250 "))
    }

    @Test(arguments: ["ops@example.org>\r\nDATA", "not an address", ""])
    func `an envelope that would speak to the server itself is refused`(address: String) async throws {
        let mail = MailEnvelope(from: "tocsin@example.org", to: [address], content: [])
        let target = SMTPServer(host: "127.0.0.1", port: 1, security: .plain)
        let error = await #expect(throws: TransferError.self) { try await MailClient().send(mail, through: target) }
        #expect(error?.label.description == "invalid")
    }

    private func failure(_ server: SMTPServer) async -> String? {
        do {
            _ = try await MailClient().send(try envelope(), through: server)
            return nil
        } catch {
            return (error as? TransferError)?.label.description
        }
    }
}
