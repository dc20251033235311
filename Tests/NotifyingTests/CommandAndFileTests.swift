import JSON
import Telemetry
import TestSupport
import Testing

@testable import Notifying

@Suite struct CommandAndFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func command(_ script: String, timeout: Duration = .seconds(30)) -> ChannelRig {
        ChannelRig(receiver: Receiver(name: "ops", commands: [CommandConfig(command: ["/bin/sh", "-c", script], timeout: timeout)]))
    }

    private func file(_ path: String) -> ChannelRig { ChannelRig(receiver: Receiver(name: "ops", files: [FileConfig(path: path)])) }

    private let notification = ChannelRig.notification([Sample.alert("Disk", "a")])

    @Test func `a command gets the notification on its standard input and its key in the environment`() async throws {
        let report = await command("cat > \(folder("input")); printf %s \"$TOCSIN_IDEMPOTENCY_KEY\" > \(folder("key")); echo paged").attempt(
            notification
        )
        #expect(text(report.outcome) == "delivered /bin/sh ended with 0: paged")
        #expect(try JSON.parse(TestFiles.read(folder("input")) ?? "")["alerts"]?[0]?["labels"]?["host"]?.string == "a")
        #expect(TestFiles.read(folder("key")) == "\(UUID(high: 0x0190, low: 7))")
    }

    @Test(arguments: [
        ("exit 0", "delivered /bin/sh ended with 0"), ("echo no >&2; exit 1", "retry /bin/sh ended with 1: no"),
        ("exit 75", "retry /bin/sh ended with 75"),
        ("exit 64", "failed /bin/sh ended with 64"), ("echo what; exit 65", "failed /bin/sh ended with 65: what"),
        ("kill -9 $$", "retry /bin/sh was ended by signal 9"), ("yes | head -c 200000", "retry /bin/sh wrote more than 65536 bytes and was killed"),
    ])
    func `exit codes say whether it took it, may take it, or never will`(script: String, expected: String) async {
        #expect(text(await command(script).attempt(notification).outcome) == expected)
    }

    @Test func `a command that does not end is killed, and tried again as one that may have arrived`() async {
        guard case .retry(let failure) = await command("sleep 600", timeout: .milliseconds(200)).attempt(notification).outcome else {
            return issue("it was not killed")
        }
        #expect(failure.isInDoubt)
    }

    @Test func `labels are data for a command, never a part of its line`() async throws {
        var alert = Sample.alert("Disk")
        alert.labels = alert.labels.setting("note", to: "$(touch \(folder("pwned"))); `touch \(folder("pwned"))`")
        _ = await command("cat > /dev/null").attempt(ChannelRig.notification([alert]))
        #expect(!TestFiles.exists(folder("pwned")))
    }

    @Test func `a file gets a line a notification, each with its key`() async throws {
        let path = folder("out.jsonl")
        for number in 1...3 {
            let report = await file(path).attempt(ChannelRig.hostile, id: UUID(high: 0, low: UInt64(number)))
            guard case .delivered = report.outcome else { return issue("\(text(report.outcome))") }
        }
        let lines = (TestFiles.read(path) ?? "").split(separator: "\n").compactMap { try? JSON.parse(String($0)) }
        #expect(lines.count == 3)
        #expect(lines.map { $0["idempotencyKey"]?.string } == (1...3).map { "\(UUID(high: 0, low: UInt64($0)))" })
        #expect(lines[2]["alerts"]?.array?.isEmpty == false)
    }

    @Test func `a file that cannot be written is tried again, and what is no file is refused`() async throws {
        guard case .retry(let failure) = await file("/nowhere/at/all").attempt(notification).outcome else { return issue("a missing folder") }
        #expect(failure.reply.contains("No such file"))
        TestFiles.makeFolder(folder("folder"))
        if case .delivered = await file(folder("folder")).attempt(notification).outcome { Issue.record("a folder took it") }
        guard case .failed = await file("/dev/null").attempt(notification).outcome else { return issue("a device took it") }
    }
}
