import Telemetry
import Testing

@testable import Transferring

@Suite struct MailMessageTests {
    @Test func `a mail with both parts is a multipart alternative in lines of ASCII`() throws {
        let mail = MailMessage(
            from: try MailAddress("Tocsin <tocsin@example.org>"),
            to: [try MailAddress("ops@example.org"), try MailAddress("Zoë <zoe@example.org>")],
            subject: "[FIRING:1] Plattenplatz knapp für größe (web-1)",
            text: "Grüße\nline = two \n.\nend",
            html: "<p>Grüße</p>",
            messageID: "4711@tocsin.example.org",
            date: try #require(Timestamp(rfc3339: "2026-11-01T08:00:05Z")),
            headers: [HTTPHeader("Reply-To", "ops@example.org")]
        )
        let text = String(decoding: try mail.encoded(), as: UTF8.self)
        #expect(text.utf8.allSatisfy { $0 < 0x80 })
        let lines = text.components(of: "\r\n")
        #expect(lines.allSatisfy { $0.utf8.count <= 78 && !$0.contains("\n") && !$0.contains("\r") })
        #expect(lines.contains("Date: Sun, 01 Nov 2026 08:00:05 +0000"))
        #expect(lines.contains("From: \"Tocsin\" <tocsin@example.org>"))
        #expect(lines.contains("Message-ID: <4711@tocsin.example.org>"))
        #expect(lines.contains("Reply-To: ops@example.org"))
        #expect(lines.contains("Gr=C3=BC=C3=9Fe"))
        #expect(lines.contains("line =3D two=20"))
        #expect(text.contains("Subject: =?UTF-8?B?"))
        #expect(try mail.encoded() == mail.encoded())
    }

    @Test func `quoted-printable lines end at 76 and never cut an escape`() {
        let encoded = String(decoding: MIMEText.quotedPrintable(String(repeating: "ü", count: 200) + "\r\nx\ry"), as: UTF8.self)
        let lines = encoded.components(of: "\r\n")
        #expect(lines.allSatisfy { $0.utf8.count <= 76 })
        #expect(lines.allSatisfy { !$0.hasSuffix("=C=") && !$0.hasSuffix("=C3=B=") })
        #expect(lines.suffix(3) == ["x", "y", ""])
        #expect(MIMEText.quotedPrintable("") == [])
    }

    @Test func `encoded words are at most 75 long and are cut between characters`() {
        let words = MIMEText.encodedWords(String(repeating: "日本", count: 40)).components(of: "\r\n ")
        #expect(words.count > 1)
        #expect(words.allSatisfy { $0.utf8.count <= 75 && $0.hasPrefix("=?UTF-8?B?") && $0.hasSuffix("?=") })
        #expect(MIMEText.base64(Array("ab".utf8)) == "YWI=")
        #expect(MIMEText.base64(Array("a".utf8)) == "YQ==")
        #expect(MIMEText.base64(Array("abc".utf8)) == "YWJj")
    }

    @Test func `a long subject of ASCII is folded at blanks`() {
        let folded = MIMEText.headerText(String(repeating: "word ", count: 40) + "end", after: "Subject")
        #expect(folded.components(of: "\r\n").allSatisfy { $0.utf8.count <= 78 })
        #expect(folded.components(of: "\r\n").dropFirst().allSatisfy { $0.hasPrefix(" ") })
        #expect(MIMEText.headerText("=?x?=", after: "Subject").hasPrefix("=?UTF-8?B?"))
    }

    @Test(arguments: [
        ("Subject", "a\r\nBcc: evil@example.org"), ("X-Note", "a\nb"), ("Content-Type", "text/html"), ("Bcc", "x@example.org"), ("X Y", "z"),
    ])
    func `a header that would become two, or that Tocsin writes itself, is refused`(name: String, value: String) throws {
        var mail = MailMessage(
            from: try MailAddress("a@example.org"),
            to: [try MailAddress("b@example.org")],
            subject: "s",
            text: "t",
            messageID: "1@example.org",
            date: Timestamp(nanoseconds: 0)
        )
        if name == "Subject" { mail.subject = value } else { mail.headers = [HTTPHeader(name, value)] }
        #expect(throws: TransferError.self) { try mail.encoded() }
    }

    @Test(arguments: [
        "", "ops", "a@", "@b", "a@b@c", "a b@c.org", "a@c.org\r\nRCPT TO:<x@y>", "<a@b.org> x", "Name\r\n <a@b.org>", "jörg@example.org", "a@b.org>",
    ])
    func `what is not an address is refused`(text: String) {
        #expect(throws: TransferError.self) { try MailAddress(text) }
    }

    @Test func `addresses are read with and without names, and lists by commas`() throws {
        #expect(try MailAddress(" ops@example.org ").address == "ops@example.org")
        #expect(try MailAddress("\"Night, Ops\" <ops@example.org>").name == "Night, Ops")
        let list = try MailAddress.list("\"Night, Ops\" <ops@example.org>, b@example.org,")
        #expect(list.map(\.address) == ["ops@example.org", "b@example.org"])
    }
}

extension String {
    fileprivate func components(of separator: String) -> [String] {
        var (parts, rest) = ([String](), Substring(self).unicodeScalars)
        let wanted = Array(separator.unicodeScalars)
        var current = String.UnicodeScalarView()
        while !rest.isEmpty {
            if rest.starts(with: wanted) {
                parts.append(String(current))
                current = String.UnicodeScalarView()
                rest = rest.dropFirst(wanted.count)
            } else {
                current.append(rest.removeFirst())
            }
        }
        return parts + [String(current)]
    }
}
