import Glibc

/// Random damage to good inputs: the same in each run of a seed. `make fuzz` runs many rounds (TOCSIN_FUZZ_ROUNDS, TOCSIN_FUZZ_SEED), the tests a few. With
/// TOCSIN_FUZZ_KEEP naming a file each input is written there before it is tried, so that one that kills the process is found.
package struct Fuzzer {
    package static let rounds = number("TOCSIN_FUZZ_ROUNDS") ?? 1_500
    package static let seed = UInt64(number("TOCSIN_FUZZ_SEED") ?? 1)
    private static let keep = unsafe getenv("TOCSIN_FUZZ_KEEP").map { unsafe String(cString: $0) }

    private static func number(_ name: String) -> Int? { unsafe getenv(name).flatMap { unsafe Int(String(cString: $0)) } }

    private let corpus: [[UInt8]]
    private let words: [[UInt8]]
    private var generator: SeededGenerator

    /// - Parameters:
    ///   - corpus: good inputs; at least one, none empty.
    ///   - words: what means something to the parser; put in now and then.
    ///   - seed: of this input among those of one run.
    package init(_ corpus: [[UInt8]], words: [String] = [], seed: UInt64 = 0) {
        precondition(!corpus.isEmpty && corpus.allSatisfy { !$0.isEmpty }, "there is something to damage")
        (self.corpus, self.words) = (corpus, words.map { Array($0.utf8) })
        generator = SeededGenerator(seed: Self.seed &* 0x1_0000_0001 ^ seed)
    }

    /// All rounds of this run. What `body` throws ends them, with the input beside it.
    package mutating func run(rounds: Int = Fuzzer.rounds, _ body: ([UInt8]) throws -> Void) throws {
        for round in 0..<rounds {
            let input = next()
            if let keep = Self.keep { try TestFiles.write(input.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined(), to: keep) }
            do { try body(input) } catch { throw Found(round: round, input: input, error: error) }
        }
    }

    package struct Found: Error, CustomStringConvertible {
        let round: Int
        let input: [UInt8]
        let error: any Error

        package var description: String {
            let hex = input.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
            return "seed \(Fuzzer.seed), round \(round): \(error)\ninput: \(hex)"
        }
    }

    /// One input: a good one with one to eight things done to it.
    package mutating func next() -> [UInt8] {
        var bytes = corpus[below(corpus.count)]
        for _ in 0...below(8) { damage(&bytes) }
        return bytes
    }

    private mutating func below(_ end: Int) -> Int { Int.random(in: 0..<max(1, end), using: &generator) }

    /// Most lengths, counts and signs stand near the beginning.
    private mutating func place(in bytes: [UInt8]) -> Int { below(below(3) == 0 ? min(32, bytes.count) : bytes.count) }

    private mutating func damage(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else {
            bytes = corpus[below(corpus.count)]
            return
        }
        let at = place(in: bytes)
        switch below(9) {
        case 0: bytes[at] ^= 1 << UInt8(below(8))
        case 1: bytes[at] = UInt8(below(256))
        case 2: bytes[at] = [0x00, 0xFF, 0x7F, 0x80, 0x22, 0x5C, 0x7B, 0x0A][below(8)]
        case 3: bytes.removeSubrange(at..<min(bytes.count, at + 1 + below(9)))
        case 4: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 1 + below(64))], at: below(bytes.count))
        case 5: bytes.removeLast(bytes.count - at)
        case 6:
            // The tail of another good input.
            let other = corpus[below(corpus.count)]
            bytes = Array(bytes[..<at] + other[below(other.count)...])
        case 7 where !words.isEmpty:
            bytes.insert(contentsOf: words[below(words.count)], at: at)
        default:
            // A number of a few bytes that is too large, or just not.
            for offset in at..<min(bytes.count, at + [1, 2, 4, 8][below(4)]) { bytes[offset] = below(2) == 0 ? 0xFF : bytes[offset] &+ 1 }
        }
    }
}
