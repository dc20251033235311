import Blocks
import Telemetry
import Testing

/// What is taken from the block before must not be seen in the bytes.
struct SampleOutlineTests {
    private static func collection(_ names: [String], round: Int) -> [Sample] {
        let time = BlockSamples.noon.advanced(by: .seconds(10 * round))
        return names.enumerated().map { index, name in
            let late = index % 7 == 3 ? Duration.milliseconds(-index) : .zero
            return Sample(name, [Label("host", "web-1"), Label("n", "\(index % 3)")], at: time.advanced(by: late), Double(round * index) / 7)
        }
    }

    @Test func `blocks after one of the same series are the bytes of blocks that follow none`() throws {
        let names = (0..<40).map { "m\($0)" }
        // The same, one more, one less, another order, one twice, none, the same again.
        let rounds: [[String]] = [
            names, names, names + ["more"], names + ["more"], Array(names.dropFirst(3)), names.reversed(), names + names, names + names, [], names,
            names,
        ]
        var outlines: [SampleOutline] = []
        for (round, names) in rounds.enumerated() {
            let samples = Self.collection(names, round: round)
            let (bytes, outline) = SampleOutline.make(samples[...])
            #expect(bytes == SampleBlock.encode(samples), "round \(round)")
            #expect(try SampleBlock(decoding: bytes).samples() == samples)
            for known in outlines where known.count == samples.count && known.agreement(with: samples[...]) == samples.count {
                #expect(known.encode(samples[...]) == bytes, "round \(round)")
            }
            outlines.append(outline)
        }
    }

    @Test func `rows of one series keep their differences`() throws {
        let outline = SampleOutline.make(BlockSamples.samples[...]).outline
        for shift in [0.0, 1, 1e300, -0.0] {
            let samples = BlockSamples.samples.map { Sample(series: $0.series, timestamp: $0.timestamp, value: $0.value + shift) }
            #expect(outline.encode(samples[...]) == SampleBlock.encode(samples))
        }
    }

    @Test func `samples agree up to the first of another series`() {
        let names = (0..<9).map { "m\($0)" }
        let outline = SampleOutline.make(Self.collection(names, round: 0)[...]).outline
        func agreement(_ names: [String]) -> Int { outline.agreement(with: Self.collection(names, round: 1)[...]) }
        #expect(agreement(names) == 9)
        #expect(agreement(names + ["more"]) == 9)
        #expect(agreement(Array(names.prefix(4))) == 4)
        #expect(agreement(names.prefix(6) + ["other"] + names.dropFirst(7)) == 6)
        #expect(agreement(Array(names.dropFirst())) == 0)
        #expect(agreement([]) == 0)
    }
}
