import Configuring
import Crypto
import JSON
import Telemetry
import Transferring

/// Makes one attempt to deliver, and says what the answer means. Holds no state but tokens, which can be fetched anew.
struct Courier: Sendable {
    let http: any HTTPTransferring
    let mail: any MailTransferring
    let composer: Composer
    let tokens: OAuthTokens

    /// What became of an attempt, and what was done otherwise than configured.
    struct Report: Sendable {
        var outcome: DeliveryOutcome
        var note: String?
    }

    /// Off the caller's actor: writing out a thousand alerts and a picture takes a while.
    @concurrent
    func deliver(_ delivery: Delivery, config: NotifyingConfig) async -> Report {
        guard let receiver = config.receiver(delivery.channel.receiver) else { return Report(outcome: .failed(composer.gone(delivery).sentence)) }
        let composed: Composer.Composed
        do throws(Composer.Unwritable) { composed = try await composer.compose(delivery, for: receiver) } catch {
            return Report(outcome: .failed(error.sentence))
        }
        let index = delivery.channel.index
        let outcome: DeliveryOutcome =
            switch composed.written {
            case .webhook(let body, let headers, let path):
                index < receiver.webhooks.count
                    ? await post(body, headers, path, key: delivery.id, to: receiver.webhooks[index]) : .failed(composer.gone(delivery).sentence)
            case .email(let envelope):
                index < receiver.emails.count ? await send(envelope, through: receiver.emails[index]) : .failed(composer.gone(delivery).sentence)
            case .command(let input): await CommandRunner().run(receiver.commands[index], input: input, key: delivery.id)
            case .file(let line): await FileAppender().append(line, to: receiver.files[index].path)
            }
        return Report(outcome: outcome, note: composed.note)
    }

    // MARK: Webhook

    private func post(_ body: [UInt8], _ own: [HTTPHeader], _ path: String, key: UUID, to webhook: WebhookConfig) async -> DeliveryOutcome {
        let first = await exchange(body, own, path, key: key, to: webhook)
        // A token that is not taken any more was no answer to the notification: with a new one it is told once more.
        guard case .refusedToken(let header, let config) = first else { return first.outcome }
        tokens.forget(header, of: config)
        return await exchange(body, own, path, key: key, to: webhook).outcome
    }

    private enum Exchanged {
        case ended(DeliveryOutcome)
        case refusedToken(String, OAuthConfig)

        var outcome: DeliveryOutcome {
            switch self {
            case .ended(let outcome): outcome
            case .refusedToken: .failed("HTTP 401: the token of oauth2 is not accepted, nor was a new one: check its scopes")
            }
        }
    }

    private func exchange(_ body: [UInt8], _ own: [HTTPHeader], _ path: String, key: UUID, to webhook: WebhookConfig) async -> Exchanged {
        var body = body
        var headers = [HTTPHeader("Content-Type", webhook.contentType), HTTPHeader("Idempotency-Key", "\(key)")]
        var url: String
        var token: (header: String, config: OAuthConfig)?
        do throws(SecretFile.Unreadable) {
            // Secrets join only here: in no row of the outbox, and a new one in a file counts at once.
            url = try Courier.address(of: webhook)
            if let preset = webhook.preset {
                let secret = try preset.secretFile.map { path throws(SecretFile.Unreadable) in try Courier.text(path) } ?? preset.secret?.value ?? ""
                switch preset.preset {
                case .telegram: url += "/bot\(secret)"
                case .pagerduty: body = Courier.adding("routing_key", secret, to: body)
                case .opsgenie: headers.append(HTTPHeader("Authorization", "GenieKey \(secret)"))
                case .slack, .discord, .teams, .ntfy: break
                }
            }
            if let path = webhook.secretFile {
                headers.append(HTTPHeader("X-Tocsin-Signature", Courier.signature(of: body, secret: try SecretFile.read(path))))
            }
            switch webhook.http.authorization {
            case .credentials(let type, let secret)?: headers.append(HTTPHeader("Authorization", "\(type) " + (try secret.text())))
            case .basic(let basic)?: headers.append(HTTPHeader("Authorization", try basic.header()))
            case .oauth(let config)?:
                do throws(OAuthTokens.Unavailable) { token = (try await tokens.header(for: config, timeout: webhook.timeout), config) } catch {
                    return .ended(.retry(error.description))
                }
            case nil: break
            }
            if let token { headers.append(HTTPHeader("Authorization", token.header)) }
            for (name, value) in webhook.http.headers { headers.append(HTTPHeader(name, try value.text())) }
        } catch {
            // The operator can mend the file; until then nothing goes out unsigned.
            return .ended(.retry(error.description))
        }
        for header in own {
            headers.removeAll { $0.name.lowercased() == header.name.lowercased() }
            headers.append(header)
        }
        let request = HTTPRequest(
            method: "POST",
            url: url + path,
            headers: headers,
            body: body,
            timeout: webhook.timeout,
            connectTimeout: min(webhook.timeout, TransferLimits.connectTimeout),
            tls: webhook.http.tls,
            responseBytesMax: 64 * 1024,
            // Whether somebody may have it decides under which key it is told next.
            reusesConnection: false,
            proxy: webhook.http.proxy?.proxy,
            speaksHTTP2: webhook.http.speaksHTTP2
        )
        do throws(TransferError) {
            let response = try await http.perform(request)
            if response.status == 401, let token { return .refusedToken(token.header, token.config) }
            return .ended(Courier.meaning(of: response))
        } catch {
            return .ended(Courier.meaning(of: error))
        }
    }

    /// As it is configured, or as its file has it now.
    private static func address(of webhook: WebhookConfig) throws(SecretFile.Unreadable) -> String {
        guard let path = webhook.urlFile else { return webhook.url.value }
        let url = try text(path)
        guard ProxyConfig.isAddress(url, ["http", "https"]) else {
            throw SecretFile.Unreadable(description: "the file \(path) holds no web address: write one that begins with http:// or https://")
        }
        return webhook.preset.map { PresetConfig.base(of: url, $0.preset) } ?? url
    }

    private static func text(_ path: String) throws(SecretFile.Unreadable) -> String { String(decoding: try SecretFile.read(path), as: UTF8.self) }

    /// A JSON object with one member more, in front.
    static func adding(_ name: String, _ value: String, to object: [UInt8]) -> [UInt8] {
        var writer = JSONWriter(reserving: object.count + value.utf8.count + 32)
        writer.beginObject()
        writer.member(name, value)
        writer.endObject()
        return writer.bytes.dropLast() + (object.count > 2 ? [UInt8(ascii: ",")] : []) + object.dropFirst()
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
        case 408, 429, 500...:
            // Something between us and the receiver answers 502 and 504 also when the receiver has taken it.
            let isInDoubt = response.status == 502 || response.status == 504
            return .retry(reply, after: response.retryAfter ?? waitInBody(response), isUnreachable: response.status == 503, isInDoubt: isInDoubt)
        case 300..<400: return .failed("\(reply) (redirects are not followed: configure the address it points to)")
        default: return .failed(reply)
        }
    }

    /// What Discord (`retry_after`) and Telegram (`parameters.retry_after`) ask for, in seconds.
    private static func waitInBody(_ response: HTTPResponse) -> Duration? {
        guard response.status == 429, let tree = try? JSON.parse(response.body) else { return nil }
        let seconds = tree["retry_after"]?.double ?? tree["parameters"]?["retry_after"]?.double
        guard let seconds, seconds >= 0, seconds.isFinite else { return nil }
        return .milliseconds(Int64(min(seconds, Double(TransferLimits.retryAfterSecondsMax)) * 1000))
    }

    // MARK: E-mail

    private func send(_ envelope: MailEnvelope, through email: EmailConfig) async -> DeliveryOutcome {
        var password = email.password?.value
        if let path = email.passwordFile {
            do throws(SecretFile.Unreadable) { password = try Courier.text(path) } catch { return .retry(error.description) }
        }
        let server = SMTPServer(
            host: email.host,
            port: email.port,
            // As in Alertmanager: port 465 speaks TLS from the first byte.
            security: email.implicitTLS || email.port == 465 ? .implicitTLS : email.requireTLS ? .startTLS : .plain,
            hello: email.hello,
            username: email.username,
            password: password,
            tls: email.tls,
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
        switch error {
        case .unresolved, .unreachable, .tls, .unauthenticated, .busy: return .retry(error.description, isUnreachable: true)
        case .timeout: return .retry(error.description, isUnreachable: true, isInDoubt: true)
        case .interrupted, .responseTooLarge, .cancelled: return .retry(error.description, isInDoubt: true)
        case .rejected, .invalid: return .retry(error.description)
        }
    }
}
