import Telemetry
import Transferring

/// Writes a notification out for its channel. A template that cannot be used costs its own text and never the notification: the plain one goes out
/// and says so.
struct Composer: Sendable {
    struct Composed: Sendable {
        var written: Written
        /// What was done otherwise than configured.
        var note: String?
    }

    /// It cannot be written out at all; the sentence says why.
    struct Unwritable: Error {
        let sentence: String
    }

    let externalURL: String
    var pictures: (any MetricPictureSource)?

    func compose(_ delivery: Delivery, for receiver: Receiver) async throws(Unwritable) -> Composed {
        guard let notification = delivery.notification else {
            if case .written(let written) = delivery.content { return Composed(written: written) }
            throw Unwritable(sentence: "its content cannot be read by this version of the aggregator")
        }
        let index = delivery.channel.index
        switch delivery.channel.kind {
        case .webhook:
            guard index < receiver.webhooks.count else { throw gone(delivery) }
            return webhook(notification, receiver.webhooks[index], at: delivery.createdAt)
        case .email:
            guard index < receiver.emails.count else { throw gone(delivery) }
            return try await email(notification, receiver.emails[index], delivery)
        case .command:
            guard index < receiver.commands.count else { throw gone(delivery) }
            return Composed(written: .command(WebhookPayload.encode(notification, externalURL: externalURL, maxAlerts: 0)))
        case .file:
            guard index < receiver.files.count else { throw gone(delivery) }
            let line = WebhookPayload.encode(notification, externalURL: externalURL, maxAlerts: 0, key: delivery.id)
            return Composed(written: .file(line + [UInt8(ascii: "\n")]))
        }
    }

    func gone(_ delivery: Delivery) -> Unwritable {
        Unwritable(sentence: "\(delivery.channel.key) is no longer configured: the alerts are shown in /api/v1/alerts")
    }

    // MARK: Webhook

    private func webhook(_ notification: Notification, _ config: WebhookConfig, at moment: Timestamp) -> Composed {
        var notes: [String] = []
        let plain: Written
        if let preset = config.preset {
            let message = PresetMessage(notification, preset: preset, externalURL: externalURL, at: moment, notes: &notes)
            plain = .webhook(body: message.body, path: message.path)
        } else {
            plain = .webhook(body: WebhookPayload.encode(notification, externalURL: externalURL, maxAlerts: config.maxAlerts))
        }
        guard case .webhook(var body, _, let path) = plain else { return Composed(written: plain) }
        if let template = config.body {
            switch template.renderJSON(notification, externalURL: externalURL, at: moment) {
            case .success(let bytes): body = bytes
            case .failure(let problem): notes.append("the template of its body could not be used (\(problem)): the plain body was sent")
            }
        }
        var headers: [HTTPHeader] = []
        for (name, template) in config.headers {
            do throws(NotificationTemplate.Unusable) {
                headers.append(
                    HTTPHeader(name, OneLine.of(try template.render(notification, externalURL: externalURL, at: moment), charactersMax: 1_000))
                )
            } catch {
                notes.append("the template of the header \(name) could not be used (\(error)): it was left out")
            }
        }
        let note = notes.isEmpty ? nil : notes.joined(separator: "; ")
        if let note { headers.append(HTTPHeader("X-Tocsin-Note", OneLine.of(note, charactersMax: 1_000))) }
        return Composed(written: .webhook(body: body, headers: headers, path: path), note: note)
    }

    // MARK: E-mail

    private func email(_ notification: Notification, _ config: EmailConfig, _ delivery: Delivery) async throws(Unwritable) -> Composed {
        let picture = await picture(for: notification)
        do throws(TransferError) {
            do throws(TransferError) {
                return try mail(notification, config, delivery, picture: picture, isShort: false)
            } catch {
                // Labels of a megabyte, most likely: whoever is to be woken is woken by less.
                var short = try mail(notification, config, delivery, picture: nil, isShort: true)
                short.note = [short.note, "the mail could not be sent whole (\(error)): values were cut"].compactMap { $0 }.joined(separator: "; ")
                return short
            }
        } catch {
            throw Unwritable(sentence: error.description)
        }
    }

    private func mail(
        _ notification: Notification,
        _ config: EmailConfig,
        _ delivery: Delivery,
        picture: MailPicture?,
        isShort: Bool
    ) throws(TransferError) -> Composed {
        let (message, note) = try MailPayload(notification, externalURL: externalURL, isShort: isShort, picture: picture)
            .message(config: config, id: delivery.id, at: delivery.createdAt)
        let envelope = MailEnvelope(from: message.from.address, to: message.to.map(\.address), content: try message.encoded())
        return Composed(written: .email(envelope), note: note)
    }

    /// Of the first alert that fires; nil when there is nothing to draw.
    private func picture(for notification: Notification) async -> MailPicture? {
        guard let pictures, let alert = notification.firing.first, !alert.expression.isEmpty else { return nil }
        guard let curve = await pictures.curve(for: alert), let picture = MetricPicture(curve, alert: alert) else { return nil }
        return MailPicture(png: picture.png, words: picture.words, alert: alert.fingerprint)
    }
}

/// Text that must stay in one line: labels may hold line ends, a header must not.
enum OneLine {
    static func of(_ text: String, charactersMax: Int = .max) -> String {
        let line = String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) || $0.value == 0x2028 || $0.value == 0x2029 ? " " : $0 }
            )
        )
        return line.count > charactersMax ? String(line.prefix(charactersMax - 1)) + "…" : line
    }
}
