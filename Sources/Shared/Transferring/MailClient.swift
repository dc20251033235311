import CCurl

/// A mail server to hand mail to.
package struct SMTPServer: Sendable, Hashable {
    package enum Security: String, Sendable, Hashable, CaseIterable {
        /// No TLS.
        case plain
        /// TLS by STARTTLS, and no mail without it.
        case startTLS
        /// TLS from the first byte (port 465).
        case implicitTLS
    }

    package var host: String
    package var port: Int
    package var security: Security
    /// What EHLO says; nil: libcurl's word, this host's name.
    package var hello: String?
    package var username: String?
    package var password: String?
    package var tls: TLSOptions
    /// For the whole delivery.
    package var timeout: Duration

    package init(
        host: String,
        port: Int,
        security: Security,
        hello: String? = nil,
        username: String? = nil,
        password: String? = nil,
        tls: TLSOptions = TLSOptions(),
        timeout: Duration = TransferLimits.timeout
    ) {
        (self.host, self.port, self.security, self.hello) = (host, port, security, hello)
        (self.username, self.password, self.tls, self.timeout) = (username, password, tls, timeout)
    }

    package var origin: String { "\(security == .implicitTLS ? "smtps" : "smtp")://\(host):\(port)" }
}

/// An encoded mail and its envelope: what an outbox keeps.
package struct MailEnvelope: Sendable, Hashable {
    /// The addresses of the envelope, without names or brackets.
    package var from: String
    package var to: [String]
    /// As ``MailMessage/encoded()`` gives it.
    package var content: [UInt8]

    package init(from: String, to: [String], content: [UInt8]) { (self.from, self.to, self.content) = (from, to, content) }
}

/// Who can carry a mail: libcurl, or a test's double.
package protocol MailTransferring: Sendable {
    /// Returns the server's last reply (`250 2.0.0 queued as …`) when it took responsibility for the mail. Cancelling the task ends the transfer.
    func send(_ mail: MailEnvelope, through server: SMTPServer) async throws(TransferError) -> String
}

/// SMTP over libcurl, on a few threads of its own; one connection a mail.
package final class MailClient: MailTransferring {
    private let transfers: CurlTransfers

    package init(concurrent: Int = 2) { transfers = CurlTransfers(concurrent: concurrent) }

    package func send(_ mail: MailEnvelope, through server: SMTPServer) async throws(TransferError) -> String {
        guard !mail.to.isEmpty else { throw .invalid("a mail without recipients: check \"to\"") }
        for address in [mail.from] + mail.to { _ = try MailAddress(address) }
        let words = server.host + (server.hello ?? "")
        guard words.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "@") && $0 != UInt8(ascii: "%") })
        else {
            throw .invalid("the mail server \"\(server.host)\" or the name for EHLO holds a character that names do not have")
        }
        let exchange = Exchange(responseBytesMax: TransferLimits.responseBytesMax, upload: mail.content)
        return try await transfers.run(to: server.origin, exchange: exchange) { handle in
            MailClient.transfer(mail, through: server, exchange: exchange, on: handle)
        }
    }

    private static func transfer(
        _ mail: MailEnvelope,
        through server: SMTPServer,
        exchange: Exchange,
        on handle: CurlHandle
    ) -> Result<String, TransferError> {
        let host = server.host.contains(":") ? "[\(server.host)]" : server.host
        let scheme = server.security == .implicitTLS ? "smtps" : "smtp"
        handle.prepare(
            url: "\(scheme)://\(host):\(server.port)/\(server.hello ?? "")",
            protocols: "smtp,smtps",
            timeout: server.timeout,
            connectTimeout: min(server.timeout, TransferLimits.connectTimeout),
            tls: server.tls
        )
        handle.set(CURLOPT_USE_SSL, Int(server.security == .plain ? CURLUSESSL_NONE.rawValue : CURLUSESSL_ALL.rawValue))
        if let username = server.username {
            handle.set(CURLOPT_USERNAME, username)
            handle.set(CURLOPT_PASSWORD, server.password ?? "")
        }
        handle.set(CURLOPT_MAIL_FROM, "<\(mail.from)>")
        handle.set(CURLOPT_MAIL_RCPT, mail.to.map { "<\($0)>" })
        handle.set(CURLOPT_UPLOAD, 1)
        // A kept connection would leave the mail's fate open when the server has closed it meanwhile.
        handle.set(CURLOPT_FORBID_REUSE, 1)
        handle.set(CURLOPT_SERVER_RESPONSE_TIMEOUT, max(1, Int(server.timeout.components.seconds)))
        let outcome = handle.perform(body: nil, exchange: exchange)
        let reply = lastReply(in: exchange.headerLines)
        if outcome.code == CURLE_OK { return .success(reply.map(\.text) ?? "accepted") }
        let error = TransferError.of(outcome, exchange: exchange, peer: server.origin, timeout: server.timeout)
        switch error {
        case .interrupted, .unauthenticated:
            guard let reply, reply.code >= 400 else { return .failure(error) }
            if case .unauthenticated = error {
                return .failure(
                    .unauthenticated("\(server.origin) did not accept user name and password (\(reply.text)): check auth_username and its password")
                )
            }
            return .failure(.rejected(code: reply.code, reply: reply.text))
        default: return .failure(error)
        }
    }

    /// The last line with a final reply code, the farewell apart.
    private static func lastReply(in lines: [String]) -> (code: Int, text: String)? {
        for line in lines.reversed() {
            let digits = line.prefix(3)
            guard let code = Int(digits), code >= 200, code < 600, code != 221 else { continue }
            let rest = line.dropFirst(3)
            // "250-…" is a line before the last of one reply.
            guard rest.first == " " || rest.isEmpty else { continue }
            return (code, String(line.prefix(TransferLimits.replyBytesMax)))
        }
        return nil
    }
}
