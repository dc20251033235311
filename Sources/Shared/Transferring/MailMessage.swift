package import Telemetry

/// A mail with a text and perhaps an HTML part. Its bytes are the same each time, so that a delivery can be repeated under one Message-ID.
package struct MailMessage: Sendable, Hashable {
    package var from: MailAddress
    package var to: [MailAddress]
    package var subject: String
    package var text: String
    package var html: String?
    /// `unique@domain`, without the angle brackets.
    package var messageID: String
    package var date: Timestamp
    /// Pictures that the HTML part shows by their content id (`<img src="cid:…">`).
    package var inline: [Inline]
    /// Besides From, To, Subject, Date, Message-ID and MIME's own, which cannot be given here.
    package var headers: [HTTPHeader]

    package init(
        from: MailAddress,
        to: [MailAddress],
        subject: String,
        text: String,
        html: String? = nil,
        messageID: String,
        date: Timestamp,
        headers: [HTTPHeader] = [],
        inline: [Inline] = []
    ) {
        (self.from, self.to, self.subject, self.text, self.html) = (from, to, subject, text, html)
        (self.messageID, self.date, self.headers, self.inline) = (messageID, date, headers, inline)
    }

    package struct Inline: Sendable, Hashable {
        /// `name@place`, without the angle brackets.
        package var contentID: String
        package var type: String
        package var content: [UInt8]

        package init(contentID: String, type: String, content: [UInt8]) {
            (self.contentID, self.type, self.content) = (contentID, type, content)
        }
    }

    /// RFC 5322 with CRLF line ends, all ASCII: multipart/alternative with a quoted-printable part each, or the text alone. With pictures both stand in a
    /// multipart/related (RFC 2387).
    /// - Throws: `.invalid` when a header would not stay on its line, a name is reserved, or a limit is passed.
    package func encoded() throws(TransferError) -> [UInt8] {
        guard !to.isEmpty, to.count <= TransferLimits.recipientsMax else {
            throw .invalid("a mail needs 1 to \(TransferLimits.recipientsMax) recipients, here are \(to.count): check \"to\"")
        }
        let isPlain = messageID.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: ">") }
        guard isPlain, messageID.split(separator: "@").count == 2 else {
            throw .invalid("\"\(messageID)\" is not a message id of the form unique@domain")
        }
        var lines: [String] = []
        lines.append("Date: \(MailMessage.rfc5322(date))")
        lines.append("From: \(from.headerText)")
        lines.append("To: " + to.map(\.headerText).joined(separator: ",\r\n "))
        try append("Subject", subject, to: &lines)
        lines.append("Message-ID: <\(messageID)>")
        for header in headers {
            try MailMessage.checkHeaderName(header.name)
            try append(header.name, header.value, to: &lines)
        }
        // RFC 3834 §5: keeps vacation notices and the like from answering.
        lines.append("Auto-Submitted: auto-generated")
        lines.append("MIME-Version: 1.0")
        var mail: [UInt8] = []
        if let html {
            // Quoted-printable and base64 text never hold "=_" (RFC 2045 §6.7 note 5), so that these cannot occur in a part.
            let mark = String(MailMessage.hash(messageID), radix: 16)
            let (boundary, outer) = ("=_tocsin_" + mark, "=_tocsin_related_" + mark)
            let alternative = "Content-Type: multipart/alternative;\r\n boundary=\"\(boundary)\""
            if inline.isEmpty {
                lines.append(alternative)
                mail += Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
            } else {
                lines.append("Content-Type: multipart/related; type=\"multipart/alternative\";\r\n boundary=\"\(outer)\"")
                mail += Array((lines.joined(separator: "\r\n") + "\r\n\r\n--\(outer)\r\n\(alternative)\r\n\r\n").utf8)
            }
            for (type, content) in [("text/plain", text), ("text/html", html)] {
                mail += Array("--\(boundary)\r\n\(MailMessage.partHeader(type))\r\n\r\n".utf8)
                mail += MIMEText.quotedPrintable(content)
            }
            mail += Array("--\(boundary)--\r\n".utf8)
            for picture in inline {
                let (name, value) = ("Content-ID", "<\(picture.contentID)>")
                try HeaderText.check(name: name, value: value)
                try HeaderText.check(name: "Content-Type", value: picture.type)
                mail += Array("--\(outer)\r\nContent-Type: \(picture.type)\r\n\(name): \(value)\r\nContent-Disposition: inline\r\n".utf8)
                mail += Array("Content-Transfer-Encoding: base64\r\n\r\n".utf8)
                mail += MIMEText.base64Lines(picture.content)
            }
            if !inline.isEmpty { mail += Array("--\(outer)--\r\n".utf8) }
        } else {
            lines.append(MailMessage.partHeader("text/plain"))
            mail += Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
            mail += MIMEText.quotedPrintable(text)
        }
        guard mail.count <= TransferLimits.mailBytesMax else {
            throw .invalid("a mail of \(mail.count) bytes is over the limit of \(TransferLimits.mailBytesMax): shorten its template")
        }
        return mail
    }

    /// Whether a header of this name can be given in ``headers``; for whoever reads names from a configuration.
    package static func checkHeaderName(_ name: String) throws(TransferError) {
        try HeaderText.check(name: name, value: "")
        guard !reserved.contains(name.lowercased()) else {
            throw .invalid("the header \(name) is written by Tocsin itself: take it out of \"headers\"")
        }
    }

    private func append(_ name: String, _ value: String, to lines: inout [String]) throws(TransferError) {
        try HeaderText.check(name: name, value: value)
        lines.append("\(name): \(MIMEText.headerText(value, after: name))")
    }

    private static let reserved: Set<String> = [
        "from", "to", "subject", "date", "message-id", "mime-version", "content-type", "content-transfer-encoding", "auto-submitted", "bcc", "cc",
        "sender",
    ]

    private static func partHeader(_ type: String) -> String {
        "Content-Type: \(type); charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable"
    }

    /// `Sun, 01 Nov 2026 08:00:00 +0000` (RFC 5322 §3.3).
    static func rfc5322(_ moment: Timestamp) -> String {
        let seconds = moment.nanoseconds / 1_000_000_000 - (moment.nanoseconds % 1_000_000_000 < 0 ? 1 : 0)
        let days = seconds / 86_400 - (seconds % 86_400 < 0 ? 1 : 0)
        let (day, second) = (CivilDate(daysSinceEpoch: days), seconds - days * 86_400)
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let weekday = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][Int(day.weekday)]
        let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][Int(day.month) - 1]
        return "\(weekday), \(two(day.day)) \(month) \(day.year) \(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60)) +0000"
    }

    private static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
