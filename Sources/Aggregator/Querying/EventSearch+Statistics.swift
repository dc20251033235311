import Sealing
package import Telemetry

/// Totals and facets.
extension EventSearch {
    @concurrent
    package func statistics(_ query: EventQuery, interval: Duration?) async throws(QueryError) -> EventStatistics {
        var nanoseconds: Int64?
        if let interval {
            let (seconds, rest) = interval.components
            let (whole, isTooLong) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
            guard !isTooLong, whole + rest / 1_000_000_000 >= 1_000_000 else {
                throw .invalid("interval=\(interval): write a duration of a millisecond or more, as 5m")
            }
            nanoseconds = whole + rest / 1_000_000_000
        }
        let count = try await count(query, interval: nanoseconds)
        return EventStatistics(
            total: count.total,
            bySource: count.bySource,
            byType: count.byType,
            bySeverity: count.bySeverity,
            byHost: count.byHost,
            start: query.start,
            end: query.end,
            interval: interval,
            buckets: count.byTime
        )
    }

    @concurrent
    package func facets(_ query: EventQuery, by facet: EventFacet, limit: Int) async throws(QueryError) -> EventFacetCounts {
        guard limit > 0 else { throw .invalid("limit=\(limit): write a number above zero") }
        let dimension: SealedEvents.Dimension? =
            switch facet {
            case .source: .sources
            case .type: .types
            case .host: .hosts
            case .severity: .severities
            case .tag: nil
            }
        let count = try await count(query, interval: nil, countsTags: facet == .tag, by: dimension.map { [$0] } ?? [])
        let counts =
            switch facet {
            case .source: count.bySource
            case .type: count.byType
            case .host: count.byHost
            case .tag: count.byTag
            case .severity: Dictionary(uniqueKeysWithValues: count.bySeverity.map { ($0.key.label, $0.value) })
            }
        let values = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(limit)
        return EventFacetCounts(
            facet: facet,
            values: values.map { EventFacetCounts.Value(value: $0.key, count: $0.value) },
            distinct: counts.count,
            total: count.total
        )
    }

    private func count(
        _ query: EventQuery,
        interval: Int64?,
        countsTags: Bool = false,
        by dimensions: Set<SealedEvents.Dimension> = Set(SealedEvents.Dimension.allCases)
    ) async throws(QueryError) -> EventCount {
        let matcher = try EventMatcher(query)
        return try await onThread { catalog, isTimeUp, damaged throws(QueryError) in
            var count = EventCount(
                query,
                matcher,
                interval: interval,
                countsTags: countsTags,
                by: dimensions,
                cache: self.cache,
                limits: self.limits
            )
            try count.run(over: catalog, isTimeUp: isTimeUp)
            damaged = count.damaged
            return count
        }
    }
}
