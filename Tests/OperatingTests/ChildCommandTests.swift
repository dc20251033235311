import Glibc
import Operating
import Testing

@Suite struct ChildCommandTests {
    private func run(_ script: String, timeout: Duration = .seconds(20), outputBytesMax: Int = 1 << 20, input: [UInt8] = []) -> ChildCommand.Result {
        ChildCommand(["/bin/sh", "-c", script], timeout: timeout, outputBytesMax: outputBytesMax).run(input: input)
    }

    @Test func `output, errors, input and code come back`() {
        let result = run("cat; echo to stderr >&2; exit 7", input: Array("given\n".utf8))
        #expect(String(decoding: result.output, as: UTF8.self) == "given\n")
        #expect(result.errorOutput == "to stderr\n")
        #expect(result.ending == .exited(7) && result.ending.status == 7)
    }

    @Test func `arguments go as they are, without a shell`() {
        let result = ChildCommand(["/bin/echo", "$HOME; ls", "*"], timeout: .seconds(20)).run()
        #expect(String(decoding: result.output, as: UTF8.self) == "$HOME; ls *\n")
    }

    @Test func `it finds the environment it was given, the root folder, and only its own three descriptors`() throws {
        // One of ours that another start would inherit.
        let leaking = unsafe open("/dev/null", O_RDONLY)
        defer { close(leaking) }
        let result = ChildCommand(["/usr/bin/env"], timeout: .seconds(20)).run()
        #expect(String(decoding: result.output, as: UTF8.self).split(separator: "\n").map(String.init) == ChildCommand.environmentDefault)
        #expect(String(decoding: run("pwd").output, as: UTF8.self) == "/\n")
        let descriptors = String(decoding: ChildCommand(["/bin/ls", "/proc/self/fd"], timeout: .seconds(20)).run().output, as: UTF8.self)
        // 3 is the folder that ls has open.
        #expect(descriptors == "0\n1\n2\n3\n")
    }

    @Test func `signals are at their defaults whatever we ignore`() {
        let before = signal(SIGPIPE, SIG_IGN)
        defer { _ = signal(SIGPIPE, before) }
        #expect(run("kill -PIPE $$").ending == .signalled(SIGPIPE))
    }

    @Test func `what it leaves running ends with it`() {
        let clock = ContinuousClock()
        let took = clock.measure {
            // The grandchild holds the output open for an hour.
            #expect(run("/bin/sleep 3600 & echo done").ending == .exited(0))
        }
        #expect(took < .seconds(15))
    }

    @Test func `its time and its output are limited`() {
        #expect(run("trap '' TERM; while :; do /bin/sleep 1; done", timeout: .milliseconds(300)).ending == .timedOut)
        let long = run("yes", outputBytesMax: 1000)
        #expect(long.ending == .outputTooLong)
        #expect(long.output.count == 1001)
        #expect(run("printf 12345", outputBytesMax: 5).ending == .exited(0))
        #expect(run("printf 123456", outputBytesMax: 5).ending == .outputTooLong)
    }

    @Test func `one that does not read its input, and a lot of input, are no trouble`() {
        #expect(run("exit 0", input: [UInt8](repeating: 65, count: 1 << 20)).ending == .exited(0))
        let echoed = run("cat", outputBytesMax: 1 << 21, input: [UInt8](repeating: 65, count: 1 << 20))
        #expect(echoed.output.count == 1 << 20)
    }

    @Test func `what cannot be started says which error it was`() {
        #expect(ChildCommand(["/no/such/program"], timeout: .seconds(20)).run().ending == .notStarted(ENOENT))
        #expect(ChildCommand(["/etc"], timeout: .seconds(20)).run().ending.status == 126)
    }
}
