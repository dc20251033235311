import ArgumentParser
import Blocks
import Glibc
import Telemetry
import Wire

struct Alerts: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Alerts that begin to fire in one burst, each host a batch of them.")
    @OptionGroup var target: Target
    @Option var hosts = 1_000
    @Option(help: "Alerts a host, each with a rule of its own.") var alerts = 10
    @Option var connections = 32

    func run() {
        var requests: [[UInt8]] = []
        var moment = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &moment)
        let now = Timestamp(nanoseconds: Int64(moment.tv_sec) * 1_000_000_000 + Int64(moment.tv_nsec))
        for host in 0..<hosts {
            let identity = HostIdentity(
                agent: UUID(high: 0x0193_0000_0000_7000 &+ target.seed, low: 0x8000_0000_0000_0000 | UInt64(host)),
                host: "burst-\(host)"
            )
            let rows = (0..<alerts).map { number in
                Alert(
                    labels: [
                        "alertname": "Burst\(number)", "host": identity.host, "instance": identity.host, "job": "tocsin",
                        "severity": number == 0 ? "critical" : "warning", "mountpoint": "/data/\(number)", "device": "/dev/nvme\(number)n1p1",
                    ],
                    annotations: [
                        "summary": "number \(number) of \(identity.host) is over its limit",
                        "description": "The value is 0.97. Look at what changed on this host in the last hour, then at its neighbours in the rack.",
                    ],
                    state: .firing,
                    activeAt: now,
                    startsAt: now,
                    value: 0.97,
                    updatedAt: now,
                    expression: "node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.03"
                )
            }
            let batch = Batch(identity: identity, lane: .alerts, sequence: 1, createdAt: now, blocks: [AlertBlock.encode(rows)])
            let headers = "Content-Type: \(Wire.contentType)\r\nContent-Encoding: \(Wire.contentEncoding)\r\n"
            requests.append(request("POST", "/api/v1/ingest", Wire.seal(batch).bytes, headers))
        }
        let (seconds, cpu) = post(requests, over: connections, port: target.port, status: 200)
        report("alerts", rows: hosts * alerts, requests: hosts, seconds: seconds, cpu: cpu)
    }
}
