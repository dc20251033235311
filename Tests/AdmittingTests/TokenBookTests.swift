import Admitting
import Telemetry
import Testing

struct TokenBookTests {
    private func entry(_ token: String, _ principal: Principal) throws -> TokenEntry {
        try #require(TokenEntry(principal: principal, sha256: TokenEntry.digest(of: token)))
    }

    @Test func `a token stands for its line, others for nobody`() throws {
        let agent = Principal(name: "web-1", role: .agent, host: "web-1")
        let viewer = Principal(name: "wall", role: .viewer)
        let book = TokenBook([try entry("secret-1", agent), try entry("secret-2", viewer)])
        #expect(book.principal(for: "secret-1") == agent)
        #expect(book.principal(for: "secret-2") == viewer)
        #expect(book.principal(for: "secret-3") == nil)
        #expect(book.principal(for: "") == nil)
    }

    @Test func `a removed line is a revoked token`() throws {
        let book = TokenBook([try entry("secret-1", .loopback)])
        book.replace(with: [])
        #expect(book.principal(for: "secret-1") == nil)
    }

    @Test func `the digest is SHA-256`() {
        #expect(TokenEntry.digest(of: "abc").prefix(4).elementsEqual([0xBA, 0x78, 0x16, 0xBF]))
        #expect(TokenEntry(principal: .loopback, sha256: [1, 2]) == nil)
    }
}
