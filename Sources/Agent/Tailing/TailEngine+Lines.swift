import Glibc
import Operating
import Telemetry

/// What of an unfinished end counts as finished.
struct LineEnds {
    /// A multiline event at the end of what was read goes on no further.
    var groups: Bool
    /// A line without a line feed is all there is of it.
    var halfLine: Bool
}

/// From bytes to events.
extension TailEngine {
    /// Makes events of the buffer's lines. Returns how many bytes they are.
    func split(_ count: Int, of file: TailedFile, _ ends: LineEnds, into batch: inout TailBatch, at now: Moment) -> Int {
        guard let multiline = configs[file.tail].multiline else { return splitLines(count, of: file, ends, into: &batch, at: now) }
        let base = file.offset
        return unsafe buffer.withUnsafeBufferPointer { bytes in
            var grouping = LineGrouping(multiline)
            var (position, group): (Int, (range: Range<Int>, lines: Int)?) = (0, nil)
            while position < count, !batch.isCrowded {
                guard let line = unsafe nextLine(bytes, position..<count, ends.halfLine) else { break }
                let isHalf = line.upperBound == count
                let text = unsafe UnsafeBufferPointer(rebasing: bytes[line]).span
                position = min(line.upperBound + 1, count)
                if let open = group {
                    let fits = line.upperBound - open.range.lowerBound <= multiline.bytesMax && open.lines < multiline.linesMax
                    if fits, grouping.continues(text) {
                        group = (open.range.lowerBound..<line.upperBound, open.lines + 1)
                        continue
                    }
                    unsafe emit(UnsafeBufferPointer(rebasing: bytes[open.range]), at: base, open.range, of: file, into: &batch, now)
                }
                group = (line, 1)
                grouping.begin(text)
                if isHalf { break }
            }
            guard let open = group else { return position }
            // The group fills the buffer, or nothing follows it.
            guard open.range.lowerBound == 0 && ends.groups || ends.halfLine || ends.groups && count < bytes.count else {
                return open.range.lowerBound
            }
            let isHalf = ends.halfLine && open.range.upperBound == count
            unsafe emit(UnsafeBufferPointer(rebasing: bytes[open.range]), at: base, open.range, isHalf: isHalf, of: file, into: &batch, now)
            return position
        }
    }

    private func splitLines(_ count: Int, of file: TailedFile, _ ends: LineEnds, into batch: inout TailBatch, at now: Moment) -> Int {
        let base = file.offset
        return unsafe buffer.withUnsafeBufferPointer { bytes in
            var position = 0
            while position < count, !batch.isCrowded {
                guard let line = unsafe nextLine(bytes, position..<count, ends.halfLine) else { break }
                position = min(line.upperBound + 1, count)
                let text = unsafe UnsafeBufferPointer(rebasing: bytes[line])
                unsafe emit(text, at: base, line, isHalf: line.upperBound == count, of: file, into: &batch, now)
            }
            return position
        }
    }

    /// The line that begins at the range's beginning, without its line feed. Nil: it has no end there, and the rest is no line.
    private func nextLine(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ halfLineEnds: Bool) -> Range<Int>? {
        guard let address = bytes.baseAddress else { return nil }
        guard let found = unsafe memchr(address + range.lowerBound, 10, range.count) else { return halfLineEnds ? range : nil }
        return unsafe range.lowerBound..<(UnsafeRawPointer(found) - UnsafeRawPointer(address))
    }

    /// Goes on looking for the end of a line that is longer than a chunk; its beginning is kept, its rest is counted.
    func readLongLine(_ file: TailedFile, _ content: FileContent, from searched: UInt64, isLast: Bool, into batch: inout TailBatch, at now: Moment)
        -> Bool
    {
        let count = content.read(at: searched, into: &buffer, count: TailingLimits.chunkBytes)
        let isEnd = count < TailingLimits.chunkBytes
        let feed = count > 0 ? buffer[..<count].firstIndex(of: UInt8(ascii: "\n")) : nil
        guard feed != nil || isLast && isEnd else {
            file.searched = searched + UInt64(max(0, count))
            file.longLineSearched = file.searched
            if isEnd { file.isDrained = true }
            return !isEnd
        }
        let end = searched + UInt64(feed ?? max(0, count))
        let next = feed == nil ? end : end + 1
        let length = end - file.offset
        var line = [UInt8](repeating: 0, count: Int(min(length, UInt64(TailingLimits.lineBytesMax) + 8)))
        let kept = content.read(at: file.offset, into: &line, count: line.count)
        guard kept > 0 else { return false }
        unsafe line.withUnsafeBufferPointer { bytes in
            unsafe emit(
                UnsafeBufferPointer(rebasing: bytes[..<kept]),
                at: file.offset,
                0..<kept,
                length: length,
                isHalf: feed == nil,
                of: file,
                into: &batch,
                now
            )
        }
        (file.longLineSearched, file.waiting) = (nil, nil)
        let last = Int(min(next - file.offset, UInt64(TailingLimits.tailBytesMax)))
        var tail = [UInt8](repeating: 0, count: last)
        let got = content.read(at: next - UInt64(last), into: &tail, count: last)
        advance(file, by: Int(next - file.offset), read: tail[..<max(0, got)], into: &batch)
        return true
    }

    // MARK: Handing on

    private func emit(
        _ line: UnsafeBufferPointer<UInt8>,
        at base: UInt64,
        _ range: Range<Int>,
        length: UInt64? = nil,
        isHalf: Bool = false,
        of file: TailedFile,
        into batch: inout TailBatch,
        _ now: Moment
    ) {
        let offset = base + UInt64(range.lowerBound)
        let remarks = LineEvents.Remarks(isPartial: isHalf, isContinued: file.isMidLine)
        file.isMidLine = isHalf
        // The other half of a line is often nothing but its end.
        if line.isEmpty, remarks.isContinued { return }
        let length = length ?? UInt64(line.count)
        let made = unsafe makers[file.tail].make(of: line, at: offset, length: length, in: file, remarks: remarks, now: now.wall)
        guard let event = made.event else { return }
        if made.cut > 0 { tellCut(made.cut, of: file, into: &batch, now) }
        if file.collapse != nil, let (isHandedOn, evicted) = file.collapse?.offer(event, at: offset, now: now.wall) {
            if let evicted { tell(evicted, of: file, into: &batch) }
            guard isHandedOn else { return lineCounters[file.tail].collapsed.increment() }
        }
        batch.events.append(event)
    }

    private func tellCut(_ cut: UInt64, of file: TailedFile, into batch: inout TailBatch, _ now: Moment) {
        counters.cut.increment()
        // One gap a file and batch, however many lines it is about.
        if let known = batch.gaps.lastIndex(where: { $0.reason == .lineCut && $0.source == file.path }) {
            batch.gaps[known].count += 1
            batch.gaps[known].bytes += cut
            return
        }
        let detail = "lines of \(file.path) were longer than \(TailingLimits.lineBytesMax) bytes: their ends are missing"
        batch.gaps.append(Gap(source: file.path, reason: .lineCut, from: now.wall, to: now.wall, count: 1, bytes: cut, detail: detail))
    }

    /// Counted lines whose time is over.
    func tellCollapsed(into batch: inout TailBatch, at now: Moment) {
        for file in order where file.collapse != nil {
            guard let due = file.collapse?.takeDue(at: now.wall), !due.isEmpty else { continue }
            for run in due { tell(run, of: file, into: &batch) }
            batch.positions[file.identity] = file.position()
        }
    }

    func tell(_ run: Collapse.Run, of file: TailedFile, into batch: inout TailBatch) {
        guard let window = file.collapse?.window else { return }
        batch.events.append(run.event(in: file, window: window, host: host, tags: tags))
    }

    /// Records that `count` bytes were handed on.
    func advance(_ file: TailedFile, by count: Int, read: ArraySlice<UInt8>, into batch: inout TailBatch) {
        let from = file.offset
        file.advance(to: from + UInt64(count), read: read)
        batch.bytes += count
        batch.positions[file.identity] = file.position()
        let read = ReadRange(from: from, to: file.position())
        if let last = batch.reads.last, last.isFollowed(by: read) {
            batch.reads[batch.reads.count - 1] = ReadRange(from: last.from, to: file.position())
        } else {
            batch.reads.append(read)
        }
    }
}
