import Glibc
import Telemetry
import Transferring

/// Makes one attempt at one local receiver. Nil: it took the notification; else why not.
struct LocalCourier: Sendable {
    let http: any HTTPTransferring
    let mail: any MailTransferring
    let commands: CommandRunner

    func deliver(_ notification: AlarmNotification, to receiver: AlarmConfig.Receiver, id: UUID, at now: Timestamp) async -> String? {
        switch receiver {
        case .webhook(let webhook): await post(notification, to: webhook, id)
        case .email(let email): await send(notification, through: email, id, now)
        case .command(let command): await commands.run(command.arguments, input: notification.json, timeout: command.timeout)
        }
    }

    private func post(_ notification: AlarmNotification, to webhook: AlarmConfig.Webhook, _ id: UUID) async -> String? {
        var headers = [HTTPHeader("Content-Type", "application/json"), HTTPHeader("Idempotency-Key", "\(id)")]
        if let path = webhook.tokenFile {
            guard let token = Self.secret(path) else { return "\(path) cannot be read" }
            headers.append(HTTPHeader("Authorization", "Bearer \(token)"))
        }
        let request = HTTPRequest(
            method: "POST",
            url: webhook.url,
            headers: headers,
            body: notification.json,
            timeout: AlarmLimits.webhookTimeout,
            tls: webhook.tls
        )
        do throws(TransferError) {
            let response = try await http.perform(request)
            return (200..<300).contains(response.status) ? nil : "it answered \(response.status)"
        } catch { return error.description }
    }

    private func send(_ notification: AlarmNotification, through email: AlarmConfig.Email, _ id: UUID, _ now: Timestamp) async -> String? {
        var server = email.server
        if let path = email.passwordFile {
            guard let password = Self.secret(path) else { return "\(path) cannot be read" }
            server.password = password
        }
        do throws(TransferError) {
            let message = try notification.mail(email, id: id, at: now)
            let envelope = MailEnvelope(from: message.from.address, to: message.to.map(\.address), content: try message.encoded())
            _ = try await mail.send(envelope, through: server)
            return nil
        } catch { return error.description }
    }

    /// The first line of a file.
    private static func secret(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe read(descriptor, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count].prefix { $0 != 0x0A && $0 != 0x0D }, as: UTF8.self) : nil
    }
}
