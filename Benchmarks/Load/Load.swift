import ArgumentParser
import Blocks
import Glibc
import Synchronization
import Telemetry
import Wire

/// Puts load on an aggregator on loopback, with bodies that were made before the clock starts; checks every answer.
@main
struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tocsin-load",
        abstract: "Load for benchmarks: prints one JSON object a run.",
        subcommands: [Events.self, Singles.self, Native.self, Samples.self, Fill.self, Alerts.self]
    )
}

struct Target: ParsableArguments {
    @Option(help: "The aggregator's port on 127.0.0.1.") var port: UInt16
    @Option(help: "Seed of the mix.") var seed: UInt64 = 7
}

/// What a run has shown.
func report(_ name: String, rows: Int, requests: Int, seconds: Double, cpu: Double) {
    print(
        "{\"run\":\"\(name)\",\"rows\":\(rows),\"requests\":\(requests),\"seconds\":\(seconds),\"rows_per_second\":\(Int(Double(rows) / seconds)),"
            + "\"load_cpu_seconds\":\(cpu)}"
    )
}

/// Sends all over some connections; any answer but `status` ends the run. A 503 is tried again after the time it says.
func post(_ requests: [[UInt8]], over connections: Int, port: UInt16, status: Int) -> (seconds: Double, cpu: Double) {
    let queue = Queue(requests)
    let (start, cpu) = (monotonic(), processSeconds())
    Workers.run(connections) { _ in
        let connection = Connection(port: port)
        while let request = queue.take() {
            var answer = connection.send(request)
            while answer.status == 503 {
                usleep(100_000)
                answer = connection.send(request)
            }
            guard answer.status == status else { fail("answer \(answer.status): \(String(decoding: answer.body.prefix(300), as: UTF8.self))") }
        }
    }
    return (monotonic() - start, processSeconds() - cpu)
}

struct Events: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "NDJSON, gzip'd, some events a request.")
    @OptionGroup var target: Target
    @Option var count = 500_000
    @Option var batch = 1000
    @Option var connections = 8
    @Option(help: "gzip level; 0: not compressed at all") var gzip: Int32 = 6

    func run() {
        var mix = EventMix(seed: target.seed)
        var requests = [[UInt8]]()
        for _ in 0..<count / batch {
            var body = [UInt8]()
            for _ in 0..<batch { mix.appendLine(to: &body) }
            let headers = "Content-Type: application/x-ndjson\r\n" + (gzip > 0 ? "Content-Encoding: gzip\r\n" : "")
            requests.append(request("POST", "/api/v1/events/batch", gzip > 0 ? Gzip.compress(body, level: gzip) : body, headers))
        }
        let (seconds, cpu) = post(requests, over: connections, port: target.port, status: 201)
        report("events", rows: requests.count * batch, requests: requests.count, seconds: seconds, cpu: cpu)
    }
}

struct Singles: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "One event a request.")
    @OptionGroup var target: Target
    @Option var count = 100_000
    @Option var connections = 64

    func run() {
        var mix = EventMix(seed: target.seed)
        let requests = (0..<count).map { _ in
            var body = [UInt8]()
            mix.appendLine(to: &body)
            return request("POST", "/api/v1/events", body, "Content-Type: application/json\r\n")
        }
        let multiplexer = Multiplexer(connections, port: target.port)
        let (start, cpuBefore) = (monotonic(), processSeconds())
        multiplexer.send(requests, expecting: 201)
        let (seconds, cpu) = (monotonic() - start, processSeconds() - cpuBefore)
        report("single", rows: count, requests: count, seconds: seconds, cpu: cpu)
    }
}

/// Batches of some agents, each with its own sequence.
func batches(_ lane: Lane, _ blocks: [[UInt8]], agents: Int, seed: UInt64) -> [[[UInt8]]] {
    var perAgent = [[[UInt8]]](repeating: [], count: agents)
    for (index, block) in blocks.enumerated() {
        let agent = index % agents
        let identity = HostIdentity(
            agent: UUID(high: 0x0190_0000_0000_7000 &+ seed, low: 0x8000_0000_0000_0000 | UInt64(agent)),
            host: "load-\(agent)"
        )
        let batch = Batch(
            identity: identity,
            lane: lane,
            sequence: UInt64(perAgent[agent].count + 1),
            createdAt: Timestamp(nanoseconds: EventMix.start),
            blocks: [block]
        )
        let headers = "Content-Type: \(Wire.contentType)\r\nContent-Encoding: \(Wire.contentEncoding)\r\n"
        perAgent[agent].append(request("POST", "/api/v1/ingest", Wire.seal(batch).bytes, headers))
    }
    return perAgent
}

/// Each agent over a connection of its own, in order.
func post(_ perAgent: [[[UInt8]]], port: UInt16) -> (seconds: Double, cpu: Double) {
    let (start, cpu) = (monotonic(), processSeconds())
    Workers.run(perAgent.count) { agent in
        let connection = Connection(port: port)
        for request in perAgent[agent] {
            var answer = connection.send(request)
            while answer.status == 503 {
                usleep(100_000)
                answer = connection.send(request)
            }
            guard answer.status == 200 else { fail("answer \(answer.status): \(String(decoding: answer.body.prefix(300), as: UTF8.self))") }
        }
    }
    return (monotonic() - start, processSeconds() - cpu)
}

struct Native: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Blocks of events as agents send them.")
    @OptionGroup var target: Target
    @Option var count = 2_000_000
    @Option var batch = 4000
    @Option var agents = 8

    func run() {
        var mix = EventMix(seed: target.seed)
        let blocks = (0..<count / batch).map { _ in EventBlock.encode((0..<batch).map { _ in mix.event() }) }
        let perAgent = batches(.logs, blocks, agents: agents, seed: target.seed)
        let (seconds, cpu) = post(perAgent, port: target.port)
        report("native", rows: blocks.count * batch, requests: blocks.count, seconds: seconds, cpu: cpu)
    }
}

struct Samples: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Samples as agents send them: each batch is some collections of one host.")
    @OptionGroup var target: Target
    @Option var agents = 8
    @Option(help: "Series a host.") var series = 1000
    @Option(help: "Collections a host, 10 s apart.") var collections = 720
    @Option(help: "Collections a batch.") var batch = 6

    func run() {
        var blocks = [[UInt8]]()
        var mixes = (0..<agents).map { SampleMix(host: "load-\($0)", series: series, seed: target.seed &+ UInt64($0)) }
        for _ in 0..<collections / batch {
            for agent in 0..<agents { blocks.append(SampleBlock.encode((0..<batch).flatMap { _ in mixes[agent].collection() })) }
        }
        let perAgent = batches(.metrics, blocks, agents: agents, seed: target.seed)
        let (seconds, cpu) = post(perAgent, port: target.port)
        report("samples", rows: blocks.count * batch * series, requests: blocks.count, seconds: seconds, cpu: cpu)
    }
}

struct Fill: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Very many events as blocks of agents, made on the way; or so many a second.")
    @OptionGroup var target: Target
    @Option var count = 100_000_000
    @Option var batch = 4000
    @Option var agents = 2
    @Option(help: "Events a second; 0: as fast as they are taken.") var rate = 0
    @Option(help: "Seconds since the epoch of the first event; 0: the mix's own.") var start: Int64 = 0

    func run() {
        let (count, batch, agents, rate, port, seed) = (count, batch, agents, rate, target.port, target.seed)
        let first = start == 0 ? EventMix.start : start * 1_000_000_000
        let (begin, cpu) = (monotonic(), processSeconds())
        // One clock for all agents: their batches follow each other in time.
        let mix = Mutex(EventMix(seed: seed, start: first))
        let made = Atomic<Int>(0)
        Workers.run(agents) { agent in
            let connection = Connection(port: port)
            let identity = HostIdentity(
                agent: UUID(high: 0x0191_0000_0000_7000 &+ seed, low: 0x8000_0000_0000_0000 | UInt64(agent)),
                host: "fill-\(agent)"
            )
            var sequence: UInt64 = 0
            while true {
                let before = made.wrappingAdd(batch, ordering: .relaxed).oldValue
                guard before < count else { return }
                if rate > 0 {
                    let due = begin + Double(before) / Double(rate)
                    let wait = due - monotonic()
                    if wait > 0 { usleep(UInt32(wait * 1e6)) }
                }
                let events = mix.withLock { mix in (0..<batch).map { _ in mix.event() } }
                sequence += 1
                let sealed = Wire.seal(
                    Batch(
                        identity: identity,
                        lane: .logs,
                        sequence: sequence,
                        createdAt: Timestamp(nanoseconds: first),
                        blocks: [EventBlock.encode(events)]
                    )
                )
                let headers = "Content-Type: \(Wire.contentType)\r\nContent-Encoding: \(Wire.contentEncoding)\r\n"
                var answer = connection.send(request("POST", "/api/v1/ingest", sealed.bytes, headers))
                while answer.status == 503 {
                    usleep(100_000)
                    answer = connection.send(request("POST", "/api/v1/ingest", sealed.bytes, headers))
                }
                guard answer.status == 200 else { fail("answer \(answer.status): \(String(decoding: answer.body.prefix(300), as: UTF8.self))") }
            }
        }
        report("fill", rows: count, requests: count / batch, seconds: monotonic() - begin, cpu: processSeconds() - cpu)
    }
}
