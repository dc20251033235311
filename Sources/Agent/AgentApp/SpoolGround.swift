import Logging
import Operating
import ServiceLifecycle
import Shipping
import Spooling
import Telemetry
import Transferring

/// What the agent stands on: its spool on disk, or a refuge in memory while the disk cannot be written. On disk again, what the refuge still holds is
/// shipped beside the rest.
struct SpoolGround: Sendable {
    let spool: Spool
    let config: SpoolConfig
    /// Nil: on disk. Else why not, for status, and who sees that it can be written again.
    let problem: String?
    let watch: DiskWatch?
    private let leftover: Spool?
    private let refuge: SpoolRefuge

    /// - Throws: what opening the spool threw, or that there is no memory either.
    static func find(
        for config: AgentConfig,
        time: any TimeSource,
        metrics: MetricsRegistry,
        logger: Logger
    ) throws(SpoolError) -> SpoolGround {
        func open(_ spool: SpoolConfig, _ metrics: MetricsRegistry) throws(SpoolError) -> Spool {
            try Spool(
                config: spool,
                host: config.host,
                tags: config.tags,
                machine: SpoolMachine.systemID(),
                time: time,
                metrics: metrics,
                logger: logger
            )
        }
        let refuge = SpoolRefuge(for: config.spool.path)
        // Asked before: a spool that opens may still take nothing, and what opening it leaves behind on a full disk helps nobody.
        guard let reason = SpoolDisk.problem(of: config.spool.path) else {
            let spool = try open(config.spool, metrics)
            var leftover: Spool?
            if refuge.isThere {
                do throws(SpoolError) { leftover = try open(refuge.config, MetricsRegistry()) } catch {
                    logger.error("what was buffered in memory cannot be opened", metadata: ["error": "\(error)"])
                }
            }
            return SpoolGround(spool: spool, config: config.spool, problem: nil, watch: nil, leftover: leftover, refuge: refuge)
        }
        let problem =
            "the spool's disk (\(config.spool.path)) cannot be written: \(reason). Metrics, alerts and syslog are held in memory, at most "
            + "\(SpoolRefuge.maxBytes >> 20) MiB; files and the journal are read on as soon as it can be written, which is tried every few seconds"
        guard refuge.makeFolder() else { throw .failed("\(problem). There is no place in \(SpoolRefuge.memory) either") }
        logger.critical("the agent starts without its spool", metadata: ["problem": "\(problem)"])
        return SpoolGround(
            spool: try open(refuge.config, metrics),
            config: refuge.config,
            problem: problem,
            watch: DiskWatch(config.spool.path, time: time, logger: logger),
            leftover: nil,
            refuge: refuge
        )
    }

    /// Whether the disk can be written again and the agent is to begin anew on it.
    var isLeft: Bool { watch?.isWritable ?? false }

    /// Without files and journal, where nothing could remember how far they were read.
    func adapted(_ config: AgentConfig) -> AgentConfig {
        guard problem != nil else { return config }
        var resting = config
        (resting.tails, resting.journal) = ([], nil)
        return resting
    }

    /// Under which id the agent delivered while it stood on memory; nil: it did not, or that is delivered and forgotten.
    func leftoverAgent() async -> UUID? { try? await leftover?.identity().agent }

    /// What ships the leftover; none: there is nothing left over.
    func drains(_ shipping: ShippingConfig?, time: any TimeSource, logger: Logger) -> [any Service] {
        guard let leftover else { return [] }
        let shipper = shipping.map {
            Shipper(
                from: leftover,
                config: $0,
                client: HTTPClient(concurrent: 1, userAgent: "tocsin-agent/\(Version.current)"),
                time: time,
                metrics: MetricsRegistry(),
                logger: logger
            )
        }
        return [RefugeDrain(leftover: leftover, refuge: refuge, shipper: shipper, into: spool, time: time, logger: logger)]
    }

    func close() async {
        await spool.close()
        await leftover?.close()
    }
}
