import JSON
package import Transferring

/// Asks an aggregator's `/health`, which is open to everybody.
package struct HealthProbe: Sendable {
    /// The aggregator's address without a path.
    package let url: String
    private let tls: TLSOptions
    private let http: any HTTPTransferring

    package init(url: String, tls: TLSOptions, http: any HTTPTransferring) {
        var base = url[...]
        while base.hasSuffix("/") { base = base.dropLast() }
        (self.url, self.tls, self.http) = (String(base), tls, http)
    }

    /// What is wrong with it; nil: nothing that keeps it from its work.
    package func problem() async -> String? {
        let request = HTTPRequest(url: url + "/health", timeout: AlarmLimits.healthTimeout, tls: tls, responseBytesMax: AlarmLimits.healthBytesMax)
        do throws(TransferError) {
            let response = try await http.perform(request)
            if (200..<300).contains(response.status) { return nil }
            return "/health answers \(response.status)" + Self.details(of: response.body)
        } catch { return error.description }
    }

    /// `: storage: the disk is full`, of the parts that are not healthy.
    private static func details(of body: [UInt8]) -> String {
        let components = (try? JSON.parse(body))?["components"]?.members ?? []
        let ill = components.filter { $0.value["status"]?.string != "healthy" }.map { "\($0.key): \($0.value["detail"]?.string ?? "not healthy")" }
        return ill.isEmpty ? "" : ": " + ill.joined(separator: "; ")
    }
}
