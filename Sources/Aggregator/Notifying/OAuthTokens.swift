import JSON
import Operating
import Synchronization
import Telemetry
import Transferring

/// Tokens of OAuth 2.0 clients (RFC 6749 §4.4), kept until shortly before they end. Nothing of them, and of the secrets that they are fetched with, stands in
/// an error.
final class OAuthTokens: Sendable {
    /// Why there is none. The operator, or the other end, can mend it: the delivery waits.
    struct Unavailable: Error, Sendable, CustomStringConvertible {
        let description: String
    }

    private struct Token: Sendable {
        let header: String
        /// By the monotonic clock; nil: until it is refused.
        let until: Duration?
    }

    /// A token is fetched anew so long before it ends, as Go's clients do: it has to live until it arrives.
    private static let reserve = Duration.seconds(10)
    /// An answer of a token server has some kilobytes.
    private static let answerBytesMax = 64 * 1024

    private let tokens = Mutex<[OAuthConfig: Token]>([:])
    /// Where the other end wants the secret in the body rather than in a header.
    private let wantsBody = Mutex<Set<OAuthConfig>>([])
    private let http: any HTTPTransferring
    private let time: any TimeSource

    init(http: any HTTPTransferring, time: any TimeSource) { (self.http, self.time) = (http, time) }

    /// The value of `Authorization`.
    func header(for config: OAuthConfig, timeout: Duration) async throws(Unavailable) -> String {
        let now = time.monotonic()
        if let known = tokens.withLock({ $0[config] }), known.until.map({ now < $0 }) ?? true { return known.header }
        let secret: String
        do throws(SecretFile.Unreadable) { secret = try config.clientSecret.text() } catch { throw Unavailable(description: error.description) }
        let usesBody = wantsBody.withLock { $0.contains(config) }
        var answer = try await ask(config, secret: secret, inBody: usesBody, timeout: timeout)
        if !usesBody, answer.status == 400 || answer.status == 401 {
            // RFC 6749 §2.3.1: servers should know the header, and not all do.
            let second = try await ask(config, secret: secret, inBody: true, timeout: timeout)
            if second.status == 200 { wantsBody.withLock { _ = $0.insert(config) } }
            if second.status == 200 || answer.status == 400 { answer = second }
        }
        let token = try read(answer, from: config, at: now)
        tokens.withLock { $0[config] = token }
        return token.header
    }

    /// The other end does not take it any more.
    func forget(_ header: String, of config: OAuthConfig) {
        tokens.withLock { tokens in if tokens[config]?.header == header { tokens[config] = nil } }
    }

    private func ask(_ config: OAuthConfig, secret: String, inBody: Bool, timeout: Duration) async throws(Unavailable) -> HTTPResponse {
        var fields = [("grant_type", "client_credentials")]
        if !config.scopes.isEmpty { fields.append(("scope", config.scopes.joined(separator: " "))) }
        var headers = [HTTPHeader("Content-Type", "application/x-www-form-urlencoded"), HTTPHeader("Accept", "application/json")]
        if inBody {
            fields += [("client_id", config.clientID), ("client_secret", secret)]
        } else {
            let words = FormText.encoded(config.clientID) + ":" + FormText.encoded(secret)
            headers.append(HTTPHeader("Authorization", "Basic " + MIMEText.base64(Array(words.utf8))))
        }
        fields += config.parameters.map { ($0.name, $0.value) }
        let request = HTTPRequest(
            method: "POST",
            url: config.tokenURL,
            headers: headers,
            body: Array(fields.map { FormText.encoded($0) + "=" + FormText.encoded($1) }.joined(separator: "&").utf8),
            timeout: timeout,
            connectTimeout: min(timeout, TransferLimits.connectTimeout),
            tls: config.tls,
            responseBytesMax: Self.answerBytesMax,
            proxy: config.proxy?.proxy
        )
        do throws(TransferError) { return try await http.perform(request) } catch {
            throw Unavailable(description: "no token could be fetched: \(error)")
        }
    }

    private func read(_ answer: HTTPResponse, from config: OAuthConfig, at now: Duration) throws(Unavailable) -> Token {
        let origin = HTTPRequest(url: config.tokenURL).origin
        let json = try? JSON.parse(answer.body)
        guard (200..<300).contains(answer.status) else {
            // Only a word such as invalid_client (RFC 6749 §5.2): what else is there may repeat what was sent.
            let word = json?["error"]?.string.flatMap { word in
                word.utf8.count < 60 && word.utf8.allSatisfy { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 || $0 == UInt8(ascii: "_") }
                    ? " \(word)" : nil
            }
            throw Unavailable(
                description:
                    "no token could be fetched from \(origin) (HTTP \(answer.status)\(word ?? "")): check client_id, its secret and scopes under oauth2"
            )
        }
        guard let token = json?["access_token"]?.string, !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw Unavailable(description: "the answer of \(origin) holds no access_token: check token_url under oauth2")
        }
        let seconds = json?["expires_in"]?.double ?? json?["expires_in"]?.string.flatMap { Double($0) }
        let life = seconds.flatMap { $0.isFinite && $0 > 0 ? Duration.seconds(min($0, 1e9)) : nil }
        let type = json?["token_type"]?.string.flatMap { $0.lowercased() == "bearer" || !FormText.isToken($0) ? nil : $0 } ?? "Bearer"
        return Token(header: "\(type) \(token)", until: life.map { now + $0 - Self.reserve })
    }
}

/// application/x-www-form-urlencoded.
private enum FormText {
    static func isToken(_ text: String) -> Bool { !text.isEmpty && text.utf8.allSatisfy { isPlain($0) } }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var output: [UInt8] = []
        for byte in text.utf8 {
            if isPlain(byte) { output.append(byte) } else { output += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
