import JSON
import TestSupport
import Testing

/// Alertmanager's own amtool (Debian: prometheus-alertmanager) judges the table of templates that the unit tests compare ours with, so that what stands
/// there is what it says.
@Suite(.timeLimit(.minutes(2))) struct AlertmanagerTemplateTests {
    private static let folder = #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Fixtures/templates/"
    /// Alertmanager's templates as Debian installs them.
    private static let defaults = "/usr/share/prometheus/alertmanager/"

    @Test func `amtool says of each template what the table says`() throws {
        guard TestFiles.exists(Self.defaults + "default.tmpl") else {
            Issue.record("Alertmanager's templates are not at \(Self.defaults): scripts/install-dependencies test installs prometheus-alertmanager")
            return
        }
        let rows = try JSON.parse(try #require(TestFiles.read(Self.folder + "table.json"))).array ?? []
        #expect(rows.count > 200)
        for row in rows {
            let text = try #require(row["text"]?.string)
            let globs = [Self.defaults + "default.tmpl", Self.defaults + "email.tmpl", Self.folder + "library.tmpl"].map { "--template.glob=\($0)" }
            let (exit, output) = try ChildProcess.run(
                ["amtool", "template", "render", "--template.data=\(Self.folder)data.json", "--template.type=\(row["type"]?.string ?? "")"] + globs
                    + ["--template.text=\(text)"]
            )
            if let says = row["says"]?.string {
                #expect(exit == .code(0) && output == says, "\(text): \(exit) \(output)")
            } else {
                #expect(exit != .code(0), "\(text): \(output)")
            }
        }
    }
}
