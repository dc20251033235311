import Logging
import Operating
import Synchronization
import TestSupport
import Testing

struct LogSetupTests {
    final class Lines: Sendable {
        private let kept = Mutex<[String]>([])
        var all: [String] { kept.withLock { $0 } }
        func add(_ line: String) { kept.withLock { $0.append(line) } }
    }

    let time = ManualTime()
    let lines = Lines()
    var logger: Logger { LogSetup.logger(label: "spool", level: .info, time: time, output: { [lines] in lines.add($0) }) }

    @Test func `a line has its journal level, its label, and sorted metadata`() {
        logger.warning("batch refused", metadata: ["b": "two words", "a": "1"])
        logger.debug("not asked for")
        #expect(lines.all == ["<4>spool: batch refused a=1 b=\"two words\"\n"])
    }

    @Test func `a line break in a value cannot begin a line of its own`() {
        logger.error("bad line", metadata: ["line": "x\n<0>kernel: forged"])
        #expect(lines.all == ["<3>spool: bad line line=\"x <0>kernel: forged\"\n"])
    }

    @Test func `repeats are held back and counted`() {
        let logger = self.logger
        for index in 0..<100 { logger.warning("again", metadata: ["n": "\(index)"]) }
        #expect(lines.all.count == 20)
        time.advance(by: .seconds(30))
        logger.warning("again", metadata: ["n": "100"])
        #expect(lines.all.last == "<4>spool: again n=100 repeats_held_back=80\n")
    }
}
