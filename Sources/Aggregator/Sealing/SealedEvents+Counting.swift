import Blocks

/// Counting rows without making them: what totals and facets ask of a block.
extension SealedEvents {
    package enum Dimension: Sendable, Hashable, CaseIterable { case sources, types, hosts, severities }

    package struct Counts: Sendable, Hashable {
        package var total = 0
        /// By the place of the text, or by severity's raw value; only of the dimensions that were asked for.
        package var by: [Dimension: [Int]] = [:]
    }

    /// Rows that have a wanted value in each column. The directory's counts answer where they can: when a column has one value, and when nothing but the column
    /// itself is filtered. Else the columns that are filtered, and those asked for, are read; nothing else.
    ///
    /// - Parameters:
    ///   - wanted: by dimension, by the place of the text or by severity's raw value; a dimension that is not there is not filtered.
    ///   - dimensions: what is counted besides the total.
    package func counts(where wanted: [Dimension: [Bool]], by dimensions: Set<Dimension>) throws(SealedError) -> Counts {
        // A filter that lets all pass that is there is none.
        let filters = wanted.filter { dimension, flags in zip(known(dimension), flags).contains { $0 > 0 && !$1 } }
        var counts = Counts()
        guard let first = filters.first else {
            counts.total = count
            for dimension in dimensions { counts.by[dimension] = known(dimension) }
            return counts
        }
        var mask: [UInt8]?
        func rows() throws(SealedError) -> [UInt8] {
            if let mask { return mask }
            let fresh = try self.mask(filters)
            mask = fresh
            return fresh
        }
        if filters.count == 1 {
            counts.total = zip(known(first.key), first.value).reduce(0) { $0 + ($1.1 ? $1.0 : 0) }
        } else {
            counts.total = try rows().reduce(0) { $0 + Int($1) }
        }
        for dimension in dimensions {
            let known = known(dimension)
            if counts.total == 0 {
                counts.by[dimension] = [Int](repeating: 0, count: known.count)
            } else if known.count(where: { $0 > 0 }) == 1 {
                counts.by[dimension] = known.map { $0 > 0 ? counts.total : 0 }
            } else if filters.count == 1, first.key == dimension {
                counts.by[dimension] = zip(known, first.value).map { $1 ? $0 : 0 }
            } else {
                counts.by[dimension] = try histogram(of: dimension, values: known.count, rows())
            }
        }
        return counts
    }

    // MARK: Inside

    /// What the directory says of all rows.
    private func known(_ dimension: Dimension) -> [Int] {
        switch dimension {
        case .sources: sources.counts
        case .types: types.counts
        case .hosts: hosts.counts
        case .severities: severityCounts
        }
    }

    /// Calls `body` with each page of codes as they lie: one byte a row, or all low bytes and then all high ones.
    private func visit(_ dimension: Dimension, _ body: (Range<Int>, [UInt8]) -> Void) throws(SealedError) {
        let column: SealedEventFormat.Column =
            switch dimension {
            case .sources: .sources
            case .types: .types
            case .hosts: .hosts
            case .severities: .severities
            }
        let width = known(dimension).count > 256 ? 2 : 1
        try visit(column) { page, _, bytes throws(BlockError) in
            guard bytes.count == width * page.rows.count else { throw .malformed("column \(column) is of other rows") }
            body(page.rows, bytes)
        }
    }

    /// 1 for each row that passes all filters.
    private func mask(_ filters: [Dimension: [Bool]]) throws(SealedError) -> [UInt8] {
        var mask = [UInt8](repeating: 1, count: count)
        for (dimension, flags) in filters {
            let isWide = known(dimension).count > 256
            // A code that is no value's passes nothing.
            var table = flags.map { $0 ? UInt8(1) : 0 }
            table += [UInt8](repeating: 0, count: (isWide ? 65_536 : 256) - table.count)
            try visit(dimension) { page, bytes in
                unsafe mask.withUnsafeMutableBufferPointer { mask in
                    unsafe bytes.withUnsafeBufferPointer { bytes in
                        unsafe table.withUnsafeBufferPointer { table in
                            let (start, rows) = (page.lowerBound, page.count)
                            if isWide {
                                for row in 0..<rows { unsafe mask[start + row] &= table[Int(bytes[row]) | Int(bytes[rows + row]) << 8] }
                            } else {
                                for row in 0..<rows { unsafe mask[start + row] &= table[Int(bytes[row])] }
                            }
                        }
                    }
                }
            }
        }
        return mask
    }

    private func histogram(of dimension: Dimension, values: Int, _ mask: [UInt8]) throws(SealedError) -> [Int] {
        let isWide = values > 256
        var counts = [Int](repeating: 0, count: isWide ? 65_536 : 256)
        try visit(dimension) { page, bytes in
            unsafe counts.withUnsafeMutableBufferPointer { counts in
                unsafe bytes.withUnsafeBufferPointer { bytes in
                    unsafe mask.withUnsafeBufferPointer { mask in
                        let (start, rows) = (page.lowerBound, page.count)
                        for row in 0..<rows {
                            let code = unsafe isWide ? Int(bytes[row]) | Int(bytes[rows + row]) << 8 : Int(bytes[row])
                            unsafe counts[code] &+= Int(mask[start + row])
                        }
                    }
                }
            }
        }
        guard !counts[values...].contains(where: { $0 > 0 }) else { throw .damaged("a code of \(dimension) is no value's") }
        return Array(counts[..<values])
    }
}
