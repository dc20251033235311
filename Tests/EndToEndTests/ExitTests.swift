import TestSupport
import Testing

/// One agentctl of some thousands ended by SIGSEGV or SIGABRT after its work was done: OpenSSL took its tables down in exit(3) while the thread of
/// a transfer was ending.
struct ExitTests {
    /// Loaded before all else: tells on stderr what a program has run when it exits.
    private static let interposer = #"""
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <stdio.h>

        int __cxa_atexit(void (*function)(void *), void *argument, void *library) {
            int (*next)(void (*)(void *), void *, void *) = (int (*)(void (*)(void *), void *, void *))dlsym(RTLD_NEXT, "__cxa_atexit");
            Dl_info found;
            if (dladdr((void *)function, &found) != 0 && found.dli_sname != NULL) fprintf(stderr, "at exit: %s\n", found.dli_sname);
            return next(function, argument, library);
        }
        """#

    @Test func `OpenSSL takes nothing down at exit while threads of transfers are ending`() throws {
        let folder = try TemporaryFolder()
        let library = folder("at_exit.so")
        try TestFiles.write(Self.interposer, to: folder("at_exit.c"))
        let (exit, words) = try ChildProcess.run(["clang", "-shared", "-fPIC", "-o", library, folder("at_exit.c"), "-ldl"])
        try #require(exit == .code(0), "\(words)")
        func atExit(of command: [String]) throws -> String { try ChildProcess.run(command, environment: ["LD_PRELOAD": library]).output }
        // Nobody listens there.
        let address = "http://127.0.0.1:1"
        #expect(try atExit(of: ["curl", "-s", address]).contains("at exit: OPENSSL_cleanup"), "nothing is seen: this test shows nothing")
        let said = try atExit(of: ["\(Installation.binaries)/agentctl", "hosts", "--aggregator", address])
        #expect(said.contains(address) && !said.contains("OPENSSL_cleanup"), "\(said)")
    }
}
