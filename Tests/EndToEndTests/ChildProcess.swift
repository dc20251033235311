import Glibc
import Synchronization
import TestSupport

/// A real process of a test: started with its output in a file, killed with real signals, reaped once. Ends with the value at the latest.
final class ChildProcess: Sendable {
    enum Exit: Sendable, Hashable {
        case code(Int32)
        case signal(Int32)
    }

    struct SpawnError: Error, CustomStringConvertible {
        let description: String
    }

    let pid: pid_t
    /// Where standard output and standard error go, one after the other.
    let outputPath: String
    private let exit = Mutex<Exit?>(nil)

    /// Starts `arguments[0]` (a path, or a name looked up on PATH).
    /// - Parameter environment: what is added to this process's environment, or replaced in it.
    init(_ arguments: [String], environment: [String: String] = [:], workingDirectory: String? = nil, outputPath: String) throws(SpawnError) {
        self.outputPath = outputPath
        // glibc shows the spawn action for this to GNU sources only; coreutils does the same.
        let arguments = workingDirectory.map { ["env", "-C", $0] + arguments } ?? arguments
        var merged = ChildProcess.currentEnvironment()
        for (name, value) in environment { merged[name] = value }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // The test runner ignores or blocks some signals; a program must not inherit that.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var argv: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = unsafe merged.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
        defer { unsafe (argv + envp).forEach { unsafe free($0) } }
        var pid: pid_t = 0
        let status = unsafe posix_spawnp(&pid, arguments[0], &actions, &attributes, &argv, &envp)
        guard status == 0 else { throw SpawnError(description: "cannot start \(arguments[0]): \(unsafe String(cString: strerror(status)))") }
        self.pid = pid
    }

    deinit {
        if exit.withLock({ $0 == nil }) {
            kill(pid, SIGKILL)
            _ = wait()
        }
    }

    func signal(_ number: Int32) {
        exit.withLock { known in
            if known == nil { kill(pid, number) }
        }
    }

    /// Blocks until the process has ended.
    @discardableResult
    func wait() -> Exit {
        exit.withLock { known in
            if let known { return known }
            var status: Int32 = 0
            while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
            let exit = ChildProcess.decode(status)
            known = exit
            return exit
        }
    }

    /// The exit if the process has ended; nil while it runs.
    func poll() -> Exit? {
        exit.withLock { known in
            if let known { return known }
            var status: Int32 = 0
            guard unsafe waitpid(pid, &status, WNOHANG) == pid else { return nil }
            known = ChildProcess.decode(status)
            return known
        }
    }

    /// `kill -9`, and reaped.
    @discardableResult
    func killHard() -> Exit {
        signal(SIGKILL)
        return wait()
    }

    /// What it has written so far.
    func output() -> String { TestFiles.read(outputPath) ?? "" }

    /// Runs to the end and gives back exit and output.
    static func run(_ arguments: [String], environment: [String: String] = [:], workingDirectory: String? = nil) throws -> (
        exit: Exit, output: String
    ) {
        let folder = try TemporaryFolder()
        let process = try ChildProcess(
            arguments,
            environment: environment,
            workingDirectory: workingDirectory,
            outputPath: folder.path + "/output"
        )
        let exit = process.wait()
        return (exit, process.output())
    }

    private static func decode(_ status: Int32) -> Exit {
        // WIFEXITED and WTERMSIG are macros: wait(2).
        status & 0x7F == 0 ? .code(status >> 8 & 0xFF) : .signal(status & 0x7F)
    }

    private static func currentEnvironment() -> [String: String] {
        var result = [String: String]()
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            let pair = unsafe String(cString: text)
            if let equals = pair.firstIndex(of: "=") { result[String(pair[..<equals])] = String(pair[pair.index(after: equals)...]) }
            unsafe entry += 1
        }
        return result
    }
}
