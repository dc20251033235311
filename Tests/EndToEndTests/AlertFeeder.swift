import Blocks
import Telemetry
import Transferring
import Wire

/// Agents that send alerts and nothing else, as real ones do: a batch goes again, under its number, until it is acknowledged.
actor AlertFeeder {
    private let address: String
    private let http = HTTPClient(concurrent: 4, userAgent: "feeder")
    private let agents: [HostIdentity]
    private var sequences: [UInt64]
    /// Requests that were answered with something else than 200, or not at all.
    private(set) var repeated = 0

    init(address: String, hosts: Int) {
        self.address = address
        agents = (0..<hosts).map {
            HostIdentity(agent: UUID(high: 0x0192_0000_0000_7000, low: 0x8000_0000_0000_0000 | UInt64($0)), host: "kill-\($0)")
        }
        sequences = [UInt64](repeating: 0, count: hosts)
    }

    var hosts: Int { agents.count }

    /// The alert of this number, which belongs to one of the hosts.
    func alert(_ number: Int, _ state: AlertState, since: Timestamp, at now: Timestamp) -> Alert {
        let host = agents[number % agents.count].host
        return Alert(
            labels: ["alertname": "Kill", "number": "\(number)", "host": host, "instance": host, "job": "tocsin", "severity": "warning"],
            annotations: ["summary": "number \(number) on \(host)"],
            state: state,
            activeAt: since,
            startsAt: since,
            endsAt: state == .resolved ? now : nil,
            value: 1,
            updatedAt: now
        )
    }

    /// Returns when the aggregator has acknowledged it.
    func send(_ alerts: [Alert], of host: Int) async throws {
        sequences[host] += 1
        let batch = Batch(
            identity: agents[host],
            lane: .alerts,
            sequence: sequences[host],
            createdAt: alerts[0].updatedAt,
            blocks: [AlertBlock.encode(alerts)]
        )
        let request = HTTPRequest(
            method: "POST",
            url: address + "/api/v1/ingest",
            headers: [HTTPHeader("Content-Type", Wire.contentType), HTTPHeader("Content-Encoding", Wire.contentEncoding)],
            body: Wire.seal(batch).bytes,
            timeout: .seconds(20)
        )
        while true {
            if let response = try? await http.perform(request) {
                if response.status == 200 { return }
                guard response.status == 429 || response.status == 503 else {
                    throw NeverHappened(
                        description: "alerts were answered with \(response.status): \(String(decoding: response.body.prefix(300), as: UTF8.self))"
                    )
                }
            }
            repeated += 1
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
