import Configuring
import Glibc
import JSON
import Operating
import Shipping
import Telemetry
import Transferring

/// The way to the aggregator, step by step: name, connection, certificate, answer, token, clock. The first step that fails ends it: what follows
/// cannot work either.
struct NetworkDoctor: Sendable {
    let shipping: ShippingConfig
    let time: any TimeSource

    private static let patience = Duration.seconds(10)
    /// Clocks further apart make alerts look late or early.
    private static let clockOffsetMax = Duration.seconds(5)

    func examine() async -> [Doctor.Finding] {
        let (host, port, isTLS) = Self.target(of: shipping.url)
        let addresses: [String]
        var findings: [Doctor.Finding] = []
        let clock = ContinuousClock()
        let began = clock.now
        switch await Resolving().addresses(of: host, port: port) {
        case .failure(let reason):
            return [
                Doctor.Finding("dns", .failure, "\(host) has no address: \(reason)", remedy: "check the name in aggregator, and /etc/resolv.conf")
            ]
        case .success(let found):
            addresses = found.map(\.text)
            findings.append(Doctor.Finding("dns", .ok, "\(host) is \(addresses.joined(separator: ", ")) (\(Self.milliseconds(clock.now - began)))"))
            let attempts = await Resolving().connect(to: found)
            let working = attempts.filter { $0.problem == nil }
            for attempt in attempts where attempt.problem != nil {
                let verdict: Doctor.Finding.Verdict = working.isEmpty ? .failure : .warning
                findings.append(
                    Doctor.Finding(
                        "tcp",
                        verdict,
                        "\(attempt.text) port \(port): \(attempt.problem ?? "")",
                        remedy: "is the aggregator running, and does a firewall stand between?"
                    )
                )
            }
            guard let first = working.first else { return findings }
            findings.append(Doctor.Finding("tcp", .ok, "\(first.text) port \(port) answers (\(Self.milliseconds(first.took)))"))
        }
        guard let response = await health(&findings, isTLS: isTLS) else { return findings }
        findings.append(Self.clockFinding(response, now: time.now()))
        findings.append(await token())
        return findings
    }

    /// Host, port and whether TLS is spoken, of the address that the configuration checked.
    static func target(of url: String) -> (host: String, port: String, isTLS: Bool) {
        let isTLS = url.hasPrefix("https://")
        let authority = url.dropFirst(isTLS ? 8 : 7).prefix { $0 != "/" }
        var (host, port) = (authority, isTLS ? "443" : "80")
        if let colon = authority.lastIndex(of: ":"), authority.hasSuffix("]") == false {
            (host, port) = (authority[..<colon], String(authority[authority.index(after: colon)...]))
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return (String(host), port, isTLS)
    }

    private var base: String { shipping.url.hasSuffix("/") ? String(shipping.url.dropLast()) : shipping.url }

    private func request(_ method: String, _ path: String, _ headers: [HTTPHeader] = []) -> HTTPRequest {
        HTTPRequest(
            method: method,
            url: base + path,
            headers: headers,
            timeout: Self.patience,
            connectTimeout: Self.patience,
            tls: shipping.tls
        )
    }

    private func health(_ findings: inout [Doctor.Finding], isTLS: Bool) async -> HTTPResponse? {
        let response: HTTPResponse
        do throws(TransferError) { response = try await HTTPClient(concurrent: 1, userAgent: "agentctl").perform(request("GET", "/health")) } catch {
            if case .tls(let sentence) = error {
                let remedy = "is the certificate of a private authority? name its file with ca_file; else renew it, or check this host's clock"
                findings.append(Doctor.Finding("tls", .failure, sentence, remedy: remedy))
            } else {
                findings.append(Doctor.Finding("aggregator", .failure, error.description, remedy: "does the port speak \(isTLS ? "https" : "http")?"))
            }
            return nil
        }
        if isTLS { findings.append(Doctor.Finding("tls", .ok, "the certificate is signed by who is trusted here, and names this host")) }
        let status = (try? JSON.parse(response.body))?["status"]?.string
        switch (response.status, status) {
        case (200, "healthy"?): findings.append(Doctor.Finding("aggregator", .ok, "healthy"))
        case (200, let word?):
            findings.append(Doctor.Finding("aggregator", .warning, word, remedy: "agentctl hosts --aggregator \(base), and its own log"))
        case (503, _?):
            findings.append(
                Doctor.Finding("aggregator", .failure, "it says that it cannot take data now", remedy: "look at its log; everything is kept here")
            )
        default:
            findings.append(
                Doctor.Finding(
                    "aggregator",
                    .failure,
                    "/health answered \(response.status)",
                    remedy: "is this a Tocsin aggregator, or a proxy before it?"
                )
            )
            return nil
        }
        return response
    }

    /// By the answer's Date, which has whole seconds.
    static func clockFinding(_ response: HTTPResponse, now: Timestamp) -> Doctor.Finding {
        guard let text = response[header: "date"], let theirs = HTTPDate.parse(text) else {
            return Doctor.Finding("clock offset", .ok, "the aggregator's answer has no date to compare with")
        }
        let offset = now.duration(since: theirs)
        let seconds = Int(offset.inSeconds.rounded())
        guard (Duration.zero - clockOffsetMax...clockOffsetMax).contains(offset) else {
            return Doctor.Finding("clock offset", .warning, "this clock is \(seconds) s from the aggregator's", remedy: "let a time server set both")
        }
        return Doctor.Finding("clock offset", .ok, "\(seconds) s from the aggregator's clock")
    }

    /// An empty batch: a token that may send gets an answer about the batch, one that may not about itself. Nothing is stored.
    private func token() async -> Doctor.Finding {
        var headers = [HTTPHeader("Content-Type", "application/octet-stream")]
        if let path = shipping.tokenFile {
            do throws(ConfigProblem) { headers.append(HTTPHeader("Authorization", "Bearer " + (try ConfigFile.secret(path).value))) } catch {
                return Doctor.Finding("token", .failure, error.description)
            }
        }
        do throws(TransferError) {
            let response = try await HTTPClient(concurrent: 1, userAgent: "agentctl").perform(request("POST", "/api/v1/ingest", headers))
            let said = (try? JSON.parse(response.body))?["detail"]?.string ?? ""
            switch response.status {
            case 401 where shipping.tokenFile == nil:
                return Doctor.Finding("token", .failure, "the aggregator wants one", remedy: "put it into a file (0640) and write token_file: FILE")
            case 401:
                return Doctor.Finding(
                    "token",
                    .failure,
                    "it is not known there: \(said)",
                    remedy: "write its sha256 into the aggregator's tokens file, and reload it"
                )
            case 403: return Doctor.Finding("token", .failure, "it may not send: \(said)", remedy: "its role must be agent, and its host this one")
            case 404: return Doctor.Finding("token", .failure, "there is no /api/v1/ingest", remedy: "is aggregator the address without a path?")
            default: return Doctor.Finding("token", .ok, shipping.tokenFile == nil ? "none is needed" : "the aggregator takes it")
            }
        } catch { return Doctor.Finding("token", .failure, error.description) }
    }

    private static func milliseconds(_ duration: Duration) -> String { "\(Int((duration.inSeconds * 1000).rounded())) ms" }
}

/// Names and connections, on a thread that may block.
actor Resolving {
    struct Address: Sendable {
        let text: String
        let family: Int32
        let bytes: [UInt8]
    }

    struct Attempt: Sendable {
        let text: String
        let problem: String?
        let took: Duration
    }

    enum Found: Sendable { case success([Address]), failure(String) }

    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    func addresses(of host: String, port: String) -> Found {
        var hints = unsafe addrinfo()
        unsafe (hints.ai_family, hints.ai_socktype) = (AF_UNSPEC, Int32(SOCK_STREAM.rawValue))
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, port, &hints, &list)
        guard code == 0 else { return .failure(unsafe String(cString: gai_strerror(code))) }
        defer { unsafe freeaddrinfo(list) }
        var found: [Address] = []
        var next = unsafe list
        while let info = unsafe next {
            var name = [CChar](repeating: 0, count: 64)
            _ = unsafe getnameinfo(info.pointee.ai_addr, info.pointee.ai_addrlen, &name, 64, nil, 0, NI_NUMERICHOST)
            let text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let bytes = unsafe Array(UnsafeRawBufferPointer(start: info.pointee.ai_addr, count: Int(info.pointee.ai_addrlen)))
            found.append(Address(text: text, family: unsafe info.pointee.ai_family, bytes: bytes))
            unsafe next = info.pointee.ai_next
        }
        return .success(found)
    }

    func connect(to addresses: [Address]) -> [Attempt] { addresses.map { connect(to: $0) } }

    private func connect(to address: Address) -> Attempt {
        let clock = ContinuousClock()
        let began = clock.now
        func attempt(_ problem: String?) -> Attempt { Attempt(text: address.text, problem: problem, took: clock.now - began) }
        let descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { return attempt(unsafe String(cString: strerror(errno))) }
        defer { close(descriptor) }
        let code = unsafe address.bytes.withUnsafeBytes { bytes in
            unsafe Glibc.connect(descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!, socklen_t(bytes.count))
        }
        if code == 0 { return attempt(nil) }
        guard errno == EINPROGRESS else { return attempt(unsafe String(cString: strerror(errno))) }
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard unsafe poll(&entry, 1, 3000) > 0 else { return attempt("no answer within 3 s") }
        var (error, length): (Int32, socklen_t) = (0, socklen_t(MemoryLayout<Int32>.size))
        _ = unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length)
        return attempt(error == 0 ? nil : unsafe String(cString: strerror(error)))
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
enum HTTPDate {
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    static func parse(_ text: String) -> Timestamp? {
        let words = text.split(separator: " ")
        guard words.count == 6, let month = months.firstIndex(of: String(words[2])), words[5] == "GMT", words[1].count == 2, words[3].count == 4
        else { return nil }
        let number = month + 1 < 10 ? "0\(month + 1)" : "\(month + 1)"
        return Timestamp(rfc3339: "\(words[3])-\(number)-\(words[1])T\(words[4])Z")
    }
}
