import ArgumentParser
import Collecting
import Controlling
import Glibc
import JSON
import Operating
import Telemetry

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "This host at a glance: CPU, memory, disks, network, alerts, spool; anew each second.",
        discussion: "The host is measured here, by the agent's own collectors; a running agent adds its alerts, spool and files. q quits."
    )

    @OptionGroup var agent: SocketOption
    @Flag(name: .long, help: "Measure for a second, print once, and exit.")
    var once = false
    @Flag(name: .long, help: "For programs; implies --once.")
    var json = false

    /// Shares and rates need two collections so far apart, in milliseconds.
    private static let interval: Int32 = 1000

    func run() async throws {
        let collectors = Collectors(
            CollectConfig(disable: Set(CollectConfig.collectorNames).subtracting(TopFigures.collectors)),
            time: SystemTime()
        )
        var before = await collectors.scrape()
        if once || json {
            usleep(UInt32(Self.interval) * 1000)
            let figures = TopFigures(await collectors.scrape().samples, before: before.samples)
            return printOnce(figures)
        }
        guard let terminal = RawTerminal() else {
            throw Failure("top needs a terminal; for scripts there are --once and --json")
        }
        var figures = TopFigures(before.samples, before: before.samples)
        var status = ask()
        var drawnAt = ContinuousClock.now
        while true {
            draw(figures, status, on: terminal)
            let rest = max(0, Int64(Self.interval) - (ContinuousClock.now - drawnAt).components.attoseconds / 1_000_000_000_000_000)
            switch terminal.wait(milliseconds: Int32(min(rest, Int64(Self.interval)))) {
            case .quit: return
            case .redraw: continue
            case .none: break
            }
            let scrape = await collectors.scrape()
            figures = TopFigures(scrape.samples, before: before.samples)
            (before, status, drawnAt) = (scrape, ask(), ContinuousClock.now)
        }
    }

    private func ask() -> JSON? { try? ControlClient(path: agent.socket).ask(.status, within: .seconds(1)) }

    private func draw(_ figures: TopFigures, _ status: JSON?, on terminal: RawTerminal) {
        let (width, height) = RawTerminal.size
        terminal.draw(TopScreen(width: width, height: height).lines(figures, agent: status, host: host(status), clock: clock()))
    }

    private func printOnce(_ figures: TopFigures) {
        let status = ask()
        if json {
            var writer = JSONWriter(reserving: 8192)
            figures.write(to: &writer, agent: status)
            print(writer.text)
        } else {
            let lines = TopScreen(width: 120, height: 60).lines(figures, agent: status, host: host(status), clock: clock())
            print(lines.dropLast().joined(separator: "\n"))
        }
    }

    private func host(_ status: JSON?) -> String {
        if let host = status?["host"]?.string { return host }
        var buffer = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&buffer, buffer.count - 1) == 0 else { return "this host" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func clock() -> String {
        var (now, parts) = (Glibc.time(nil), unsafe tm())
        unsafe localtime_r(&now, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return unsafe "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
    }
}
