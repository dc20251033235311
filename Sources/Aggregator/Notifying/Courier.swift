import Configuring
import Crypto
import Telemetry
import Transferring

/// Makes one attempt to deliver, and says what the answer means. Holds no state.
struct Courier: Sendable {
    let http: any HTTPTransferring
    let mail: any MailTransferring

    func deliver(_ delivery: Delivery, config: NotifyingConfig) async -> DeliveryOutcome {
        let receiver = config.receiver(delivery.channel.receiver)
        switch delivery.payload {
        case .webhook(let body):
            guard let receiver, delivery.channel.index < receiver.webhooks.count else { return gone(delivery) }
            return await post(body, of: delivery, to: receiver.webhooks[delivery.channel.index])
        case .email(let envelope):
            guard let receiver, delivery.channel.index < receiver.emails.count else { return gone(delivery) }
            return await send(envelope, through: receiver.emails[delivery.channel.index])
        case .unsendable(let sentence):
            return .failed(sentence)
        }
    }

    private func gone(_ delivery: Delivery) -> DeliveryOutcome {
        .failed("\(delivery.channel.key) is no longer configured: the alerts are shown in /api/v1/alerts")
    }

    // MARK: Webhook

    private func post(_ body: [UInt8], of delivery: Delivery, to webhook: WebhookConfig) async -> DeliveryOutcome {
        var headers = [HTTPHeader("Content-Type", "application/json"), HTTPHeader("Idempotency-Key", "\(delivery.id)")]
        do throws(SecretFile.Unreadable) {
            if let path = webhook.secretFile {
                headers.append(HTTPHeader("X-Tocsin-Signature", Courier.signature(of: body, secret: try SecretFile.read(path))))
            }
            if let path = webhook.bearerTokenFile {
                headers.append(HTTPHeader("Authorization", "Bearer " + String(decoding: try SecretFile.read(path), as: UTF8.self)))
            } else if let token = webhook.bearerToken {
                headers.append(HTTPHeader("Authorization", "Bearer \(token.value)"))
            } else if let basic = webhook.basicAuth {
                headers.append(HTTPHeader("Authorization", try basic.header()))
            }
        } catch {
            // The operator can mend the file; until then nothing goes out unsigned.
            return .retry(error.description, after: nil, isUnreachable: false)
        }
        let request = HTTPRequest(
            method: "POST",
            url: webhook.url.value,
            headers: headers,
            body: body,
            timeout: webhook.timeout,
            connectTimeout: min(webhook.timeout, TransferLimits.connectTimeout),
            tls: TLSOptions(caFile: webhook.caFile, verifiesPeer: !webhook.insecureSkipVerify),
            responseBytesMax: 64 * 1024
        )
        do throws(TransferError) {
            return Courier.meaning(of: try await http.perform(request))
        } catch {
            return Courier.meaning(of: error)
        }
    }

    /// `sha256=` and the HMAC-SHA256 of the body in hex digits: the receiver computes it over the bytes it got.
    static func signature(of body: [UInt8], secret: [UInt8]) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: body, using: SymmetricKey(data: secret))
        let digits = Array("0123456789abcdef".utf8)
        return "sha256=" + String(decoding: code.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    static func meaning(of response: HTTPResponse) -> DeliveryOutcome {
        let words = String(decoding: response.body.prefix(NotifyingLimits.replyBytesMax), as: UTF8.self)
        let reply = words.isEmpty ? "HTTP \(response.status)" : "HTTP \(response.status): \(words)"
        switch response.status {
        case 200..<300: return .delivered(reply)
        case 408, 429, 500...: return .retry(reply, after: response.retryAfter, isUnreachable: response.status == 503)
        case 300..<400: return .failed("\(reply) (redirects are not followed: configure the address it points to)")
        default: return .failed(reply)
        }
    }

    // MARK: E-mail

    private func send(_ envelope: MailEnvelope, through email: EmailConfig) async -> DeliveryOutcome {
        var password = email.password?.value
        if let path = email.passwordFile {
            do throws(SecretFile.Unreadable) { password = String(decoding: try SecretFile.read(path), as: UTF8.self) } catch {
                return .retry(error.description, after: nil, isUnreachable: false)
            }
        }
        let server = SMTPServer(
            host: email.host,
            port: email.port,
            // As in Alertmanager: port 465 speaks TLS from the first byte.
            security: email.port == 465 ? .implicitTLS : email.requireTLS ? .startTLS : .plain,
            hello: email.hello,
            username: email.username,
            password: password,
            tls: TLSOptions(caFile: email.caFile, verifiesPeer: !email.insecureSkipVerify),
            timeout: NotifyingLimits.mailTimeout
        )
        do throws(TransferError) {
            return .delivered(try await mail.send(envelope, through: server))
        } catch {
            return Courier.meaning(of: error)
        }
    }

    static func meaning(of error: TransferError) -> DeliveryOutcome {
        if error.isPermanent { return .failed(error.description) }
        let isUnreachable =
            switch error {
            case .unresolved, .unreachable, .timeout, .tls, .unauthenticated, .busy: true
            default: false
            }
        return .retry(error.description, after: nil, isUnreachable: isUnreachable)
    }
}
