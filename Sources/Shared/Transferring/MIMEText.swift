/// Text as mail carries it: in lines of printable ASCII.
package enum MIMEText {
    private static let hex = Array("0123456789ABCDEF".utf8)
    private static let base64 = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Quoted-printable (RFC 2045 §6.7): line ends of any kind become CRLF, lines are at most 76 long, blanks before a line end are encoded.
    static func quotedPrintable(_ text: String) -> [UInt8] {
        var output: [UInt8] = []
        var column = 0
        let input = Array(text.utf8)
        var index = 0
        func endsLine(_ index: Int) -> Bool { index >= input.count || input[index] == 0x0A || input[index] == 0x0D }
        while index < input.count {
            let byte = input[index]
            index += 1
            if byte == 0x0D || byte == 0x0A {
                if byte == 0x0D, index < input.count, input[index] == 0x0A { index += 1 }
                output += [0x0D, 0x0A]
                column = 0
                continue
            }
            let isBlank = byte == 0x20 || byte == 0x09
            let isPlain = isBlank ? !endsLine(index) : byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "=")
            let width = isPlain ? 1 : 3
            // 75 and the soft line end's "=" make 76; a plain last character may stand in the 76th column itself, but need not.
            if column + width > 75 {
                output += [UInt8(ascii: "="), 0x0D, 0x0A]
                column = 0
            }
            output += isPlain ? [byte] : [UInt8(ascii: "="), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            column += width
        }
        if column > 0 { output += [0x0D, 0x0A] }
        return output
    }

    /// RFC 2047 encoded words (UTF-8, base64), cut between characters, folded with CRLF and a blank. A word is at most 64 long, so that the
    /// first line with the header's name stays within 76.
    static func encodedWords(_ text: String) -> String {
        var (words, chunk): ([String], [UInt8]) = ([], [])
        for scalar in text.unicodeScalars {
            let bytes = Array(String(scalar).utf8)
            if chunk.count + bytes.count > 39 {
                words.append(encodedWord(chunk))
                chunk.removeAll()
            }
            chunk += bytes
        }
        if !chunk.isEmpty { words.append(encodedWord(chunk)) }
        return words.joined(separator: "\r\n ")
    }

    /// A header's text: as it is when it is short ASCII, folded at blanks when it is longer, encoded when it must be.
    static func headerText(_ text: String, after name: String) -> String {
        let longest = text.split(separator: " ").map(\.utf8.count).max() ?? 0
        // An "=?" of the text's own would be read as an encoded word.
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }), longest < 900, text.firstRange(of: "=?") == nil else { return encodedWords(text) }
        var (folded, column) = ("", name.utf8.count + 2)
        for (index, word) in text.split(separator: " ", omittingEmptySubsequences: false).enumerated() {
            if index > 0 {
                if column + 1 + word.utf8.count > 76, !word.isEmpty {
                    folded += "\r\n"
                    column = 0
                }
                folded += " "
                column += 1
            }
            folded += word
            column += word.utf8.count
        }
        return folded
    }

    /// Without line ends.
    package static func base64(_ bytes: some Sequence<UInt8>) -> String {
        let input = Array(bytes)
        var output: [UInt8] = []
        for start in stride(from: 0, to: input.count, by: 3) {
            let group = input[start..<min(start + 3, input.count)]
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for position in 0..<4 {
                output.append(position <= group.count ? base64[Int(bits >> UInt32(18 - 6 * position) & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// Base64 in lines of 76 (RFC 2045 §6.8), each with its end.
    static func base64Lines(_ bytes: [UInt8]) -> [UInt8] {
        let text = Array(base64(bytes).utf8)
        var output: [UInt8] = []
        output.reserveCapacity(text.count + text.count / 38 + 2)
        for start in stride(from: 0, to: text.count, by: 76) {
            output += text[start..<min(start + 76, text.count)]
            output += [0x0D, 0x0A]
        }
        return output
    }

    private static func encodedWord(_ bytes: [UInt8]) -> String { "=?UTF-8?B?\(base64(bytes))?=" }
}
