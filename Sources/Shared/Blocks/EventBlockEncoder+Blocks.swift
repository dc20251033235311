package import Telemetry

/// Rows of other blocks: what small requests of one commit are put together with.
extension EventBlockEncoder {
    /// All rows of another block, in their order. Their hosts stay as they are.
    package mutating func append(_ block: EventBlock) {
        let start = count
        let sourceCodes = block.sources.values.map { sources.table.code(of: $0) }
        let typeCodes = block.types.values.map { types.table.code(of: $0) }
        let hostCodes = block.hosts.values.map { hosts.table.code(of: $0) }
        let correlationCodes = [0] + block.correlations.values.map { correlations.table.code(of: $0) + 1 }
        let listCodes = block.tags.lists.isEmpty ? [number(of: [])] : block.tags.lists.map { number(of: $0) }
        unsafe block.bytes.withUnsafeBufferPointer { bytes in
            for row in 0..<block.count {
                times.append(block.timestamps[row])
                severities.append(block.severities[row])
                sources.codes.append(sourceCodes[Int(block.sources.code(at: row))])
                types.codes.append(typeCodes[Int(block.types.code(at: row))])
                hosts.codes.append(hostCodes[Int(block.hosts.code(at: row))])
                correlations.codes.append(correlationCodes[Int(block.correlations.code(at: row))])
                tagLists.codes.append(listCodes[Int(block.tags.code(at: row))])
                if let range = block.messages.range(at: row) {
                    unsafe messages.append(UnsafeBufferPointer(rebasing: bytes[range]))
                } else {
                    messages.appendNone()
                }
                if let range = block.data.range(at: row) {
                    unsafe data.append(UnsafeBufferPointer(rebasing: bytes[range]), stride: block.messages.range(at: row)?.count ?? 0)
                } else {
                    data.appendNone()
                }
            }
        }
        for (row, id) in block.ids.sorted(by: { $0.key < $1.key }) { ids.append((start + Int(row), id)) }
    }

    /// Its host stays as it is.
    package mutating func append(_ event: SingleEvent) {
        unsafe event.bytes.withUnsafeBufferPointer { bytes in
            times.append(event.timestamp.nanoseconds)
            severities.append(event.severity.rawValue)
            unsafe sources.append(UnsafeBufferPointer(rebasing: bytes[event.source]))
            unsafe types.append(UnsafeBufferPointer(rebasing: bytes[event.type]))
            unsafe hosts.append(UnsafeBufferPointer(rebasing: bytes[event.host]))
            if let range = event.correlation {
                unsafe correlations.codes.append(correlations.table.code(of: UnsafeBufferPointer(rebasing: bytes[range])) + 1)
            } else {
                correlations.codes.append(0)
            }
            if event.tags.isEmpty {
                tagLists.codes.append(number(of: []))
            } else {
                var list = ColumnBuffer<UInt8>()
                for range in event.tags { unsafe list.appendVarint(UInt64(tags.code(of: UnsafeBufferPointer(rebasing: bytes[range])))) }
                unsafe tagLists.codes.append(list.withElements { unsafe tagLists.table.code(of: $0) })
            }
            if let range = event.message {
                unsafe messages.append(UnsafeBufferPointer(rebasing: bytes[range]))
            } else {
                messages.appendNone()
            }
            if let range = event.data {
                unsafe data.append(UnsafeBufferPointer(rebasing: bytes[range]), stride: event.message?.count ?? 0)
            } else {
                data.appendNone()
            }
        }
        if let id = event.id { ids.append((count - 1, id)) }
    }
}
