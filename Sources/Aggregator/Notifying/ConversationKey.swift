import Crypto
import Telemetry

/// A short name for all that a receiver is told of a group from its beginning to its end: 32 hex digits, the same after a restart.
enum ConversationKey {
    static func of(_ notification: Notification, for receiver: String) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let hash = SHA256.hash(data: Array("\(receiver)\n\(notification.conversation)".utf8))
        return String(decoding: hash.prefix(16).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
