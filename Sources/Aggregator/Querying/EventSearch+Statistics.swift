import Blocks
import Operating
package import Telemetry

extension EventSearch {
    /// Totals. Blocks that lie in the range whole are counted by their summaries, only those at its edges are read.
    @concurrent
    package func statistics(from start: Timestamp, to end: Timestamp) async throws(QueryError) -> EventStatistics {
        var statistics = EventStatistics(start: start, end: end)
        guard start < end else { return statistics }
        let deadline = time.monotonic() + limits.eventTime
        var last: BlockEntry?
        do throws(LogError) {
            while true {
                let page = try await log.entries(overlapping: start, end, kinds: [.events], newestFirst: true, behind: last, limit: 1000)
                guard let lastOfPage = page.last else { return statistics }
                var unread = [LogPosition]()
                for entry in page {
                    if entry.from >= start, entry.to < end, !entry.hasRepeats, let summary = entry.summary {
                        statistics.add(summary, rows: entry.count)
                    } else {
                        unread.append(entry.position)
                    }
                }
                for chunk in unread.chunks(of: 16) {
                    if time.monotonic() > deadline { break }
                    for block in try await blocks(at: Array(chunk)) { statistics.add(block) }
                    await Task.yield()
                }
                if time.monotonic() > deadline { break }
                last = lastOfPage
            }
        } catch {
            throw .failed(error.description)
        }
        throw .limit("counting took longer than \(limits.eventTime): narrow start and end")
    }
}

extension EventStatistics {
    fileprivate mutating func add(_ summary: BlockSummary, rows: Int) {
        total += rows
        bySource.merge(summary.sources, uniquingKeysWith: +)
        byType.merge(summary.types, uniquingKeysWith: +)
        byHost.merge(summary.hosts.filter { !$0.key.isEmpty }, uniquingKeysWith: +)
        bySeverity.merge(summary.severities, uniquingKeysWith: +)
    }

    fileprivate mutating func add(_ block: CachedBlock) {
        let events = block.events
        for row in 0..<events.count {
            let time = Timestamp(nanoseconds: events.timestamps[row])
            guard time >= start, time < end, !block.repeatedRows.contains(UInt32(row)) else { continue }
            total += 1
            bySource[events.sources[row], default: 0] += 1
            byType[events.types[row], default: 0] += 1
            let host = events.hosts[row]
            if !host.isEmpty { byHost[host, default: 0] += 1 }
            bySeverity[events.severity(at: row), default: 0] += 1
        }
    }
}
