/// One mailbox: an address, and perhaps a name before it (`Tocsin <tocsin@example.org>`).
package struct MailAddress: Sendable, Hashable {
    /// Empty when there is none.
    package let name: String
    /// `local@domain`, printable ASCII.
    package let address: String

    /// Reads `local@domain`, `<local@domain>` or `Name <local@domain>`, the name perhaps in quotes. The local part may not be quoted, and
    /// both parts are ASCII: servers without SMTPUTF8 refuse anything else.
    package init(_ text: some StringProtocol) throws(TransferError) {
        let whole = MailAddress.trimmed(text)
        var (name, address) = ("", whole)
        if whole.hasSuffix(">"), let open = whole.lastIndex(of: "<") {
            name = MailAddress.trimmed(whole[..<open])
            address = MailAddress.trimmed(whole[whole.index(after: open)...].dropLast())
            if name.count >= 2, name.hasPrefix("\""), name.hasSuffix("\"") { name = String(name.dropFirst().dropLast()) }
        }
        guard !name.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
            throw .invalid("the name before the address \"\(address)\" holds a control character: write the name in one line")
        }
        let parts = address.split(separator: "@", omittingEmptySubsequences: false)
        let isPlain = address.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"<>()[]:;,\\\"".utf8.contains($0) }
        guard isPlain, parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty, address.utf8.count <= 254 else {
            throw .invalid("\"\(whole.prefix(300))\" is not a mail address: write name@example.org or \"Name <name@example.org>\"")
        }
        (self.name, self.address) = (name, address)
    }

    /// Reads a list separated by commas, as in Alertmanager's `to`. Commas inside a quoted name do not separate.
    package static func list(_ text: some StringProtocol) throws(TransferError) -> [MailAddress] {
        var (items, isQuoted): ([String], Bool) = ([""], false)
        for character in text {
            if character == "\"" { isQuoted.toggle() }
            if character == ",", !isQuoted { items.append("") } else { items[items.count - 1].append(character) }
        }
        var addresses: [MailAddress] = []
        for item in items where !item.allSatisfy({ $0 == " " }) { addresses.append(try MailAddress(item)) }
        return addresses
    }

    /// For a header: the name encoded or quoted where it must be.
    var headerText: String {
        if name.isEmpty { return address }
        if !name.utf8.allSatisfy({ $0 < 0x80 }) { return "\(MIMEText.encodedWords(name)) <\(address)>" }
        let escaped = name.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
        return "\"\(escaped)\" <\(address)>"
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        let start = text.drop { $0 == " " || $0 == "\t" }
        return String(start.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}
