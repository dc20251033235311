import Crypto
import Synchronization
package import Telemetry

/// One line of the tokens file: who a token stands for. The token itself is not in it, only its SHA-256.
package struct TokenEntry: Sendable, Hashable {
    package var principal: Principal
    /// 32 bytes.
    package var sha256: [UInt8]

    /// Nil unless `sha256` has 32 bytes.
    package init?(principal: Principal, sha256: [UInt8]) {
        guard sha256.count == 32 else { return nil }
        (self.principal, self.sha256) = (principal, sha256)
    }

    /// The digest that the file must hold for a token: `printf %s "$token" | sha256sum`.
    package static func digest(of token: String) -> [UInt8] { Array(SHA256.hash(data: Array(token.utf8))) }
}

/// The tokens in force. A removed line is a revoked token as soon as the file is read again.
package final class TokenBook: Sendable {
    private let entries: Mutex<[TokenEntry]>

    package init(_ entries: [TokenEntry]) { self.entries = Mutex(entries) }

    package var count: Int { entries.withLock { $0.count } }

    /// Puts another file's content in force at once.
    package func replace(with entries: [TokenEntry]) { self.entries.withLock { $0 = entries } }

    /// Who the token stands for; nil when it is none of ours. Takes as long for a wrong token as for a right one: every entry is compared, and
    /// every byte of it.
    package func principal(for token: String) -> Principal? {
        let digest = TokenEntry.digest(of: token)
        return entries.withLock { entries in
            var found: Int?
            for (index, entry) in entries.enumerated() {
                var difference: UInt8 = 0
                for position in 0..<32 { difference |= entry.sha256[position] ^ digest[position] }
                if difference == 0 { found = index }
            }
            return found.map { entries[$0].principal }
        }
    }
}
