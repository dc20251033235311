package import JSON
package import Telemetry

extension AgentStatus {
    /// The object that `agentctl status --json` prints. Keys may be added; none changes its meaning.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("status", health.rawValue)
        writer.member("agent_id", identity.agent.description)
        writer.member("host", identity.host)
        writer.member("tags", identity.tags)
        writer.member("version", version)
        writer.member("uptime_seconds", seconds(since: startedAt))
        writer.member("problems", problems)
        writer.key("aggregator")
        write(shipping, to: &writer)
        writer.key("spool")
        write(spool, to: &writer)
        writer.member("tails", objects: tails) { tail, writer in
            writer.member("path", tail.path)
            writer.member("source", tail.source)
            writer.member("offset", tail.offset)
            writer.member("size", tail.size)
            writer.member("lag_bytes", tail.size > tail.offset ? tail.size - tail.offset : 0)
            writer.member("problem", tail.problem)
        }
        writer.member("inputs", objects: inputs) { input, writer in
            writer.member("name", input.name)
            writer.member("messages", input.messages)
            writer.member("bytes", input.bytes)
            writer.member("dropped", input.dropped)
            writer.member("peers", input.peers)
            writer.member("connections", input.connections)
            writer.member("problem", input.problem)
        }
        writer.member("rules", objects: rules) { rule, writer in
            writer.member("group", rule.group)
            writer.member("name", rule.name)
            writer.member("state", rule.firing > 0 ? "firing" : rule.pending > 0 ? "pending" : "inactive")
            writer.member("pending", rule.pending)
            writer.member("firing", rule.firing)
            writer.member("last_error", rule.lastError)
        }
        writer.member("collectors", objects: collectors) { collector, writer in
            writer.member("name", collector.name)
            writer.member("stale", collector.isStale)
            writer.member("seconds", collector.lastDuration.inSeconds)
            writer.member("last_error", collector.lastError)
        }
        writer.member("gaps", objects: spool.recentGaps) { gap, writer in
            writer.member("source", gap.source)
            writer.member("reason", gap.reason.rawValue)
            writer.member("from", gap.from.rfc3339)
            writer.member("to", gap.to.rfc3339)
            writer.member("count", gap.count)
            writer.member("bytes", gap.bytes)
            writer.member("detail", gap.detail)
        }
        writer.key("gap_counts")
        writer.beginObject()
        for (reason, count) in spool.gapCounts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) { writer.member(reason.rawValue, count) }
        writer.endObject()
        writer.endObject()
    }

    private func write(_ shipping: ShippingStatus, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("url", shipping.url)
        writer.member("reachable", shipping.isReachable)
        writer.member("last_ack", shipping.lastAcknowledgedAt?.rfc3339)
        // How far behind the aggregator is: the age of the oldest thing that it does not have.
        writer.member("lag_seconds", spool.oldest.map { seconds(since: $0) } ?? 0)
        writer.member("last_error", shipping.lastError)
        writer.member("failures_in_a_row", shipping.failuresInARow)
        writer.member("bytes_per_second", shipping.bytesPerSecond.rounded())
        writer.endObject()
    }

    private func write(_ spool: SpoolStatus, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("bytes", spool.bytes)
        writer.member("max_bytes", spool.maxBytes)
        writer.member("batches", spool.batches.values.reduce(0, +))
        writer.member("oldest", spool.oldest?.rfc3339)
        writer.member("seconds_to_full", spool.secondsToFull)
        writer.member("waiting_bytes", spool.waitingBytes)
        writer.member("seconds_to_empty", spool.secondsToEmpty)
        writer.member("set_aside", spool.setAside)
        writer.member("logs_wait", spool.logsWait)
        writer.member("damaged", spool.damaged)
        writer.key("lanes")
        writer.beginObject()
        for lane in Lane.allCases { writer.member(lane.label, spool.batches[lane] ?? 0) }
        writer.endObject()
        writer.endObject()
    }

    /// Whole milliseconds are precise enough, and short.
    private func seconds(since earlier: Timestamp) -> Double {
        max(0, (now.duration(since: earlier).inSeconds * 1000).rounded() / 1000)
    }
}
