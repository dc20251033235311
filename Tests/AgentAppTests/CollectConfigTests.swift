import AgentApp
import Collecting
import Configuring
import Exposing
import Matching
import TestSupport
import Testing

@Suite struct CollectConfigTests {
    private func read(_ text: String) throws -> (AgentConfig, [String]) {
        let folder = try TemporaryFolder()
        try TestFiles.write(text, to: folder("agent.yaml"))
        let problems = ConfigProblems()
        let config = AgentConfig.read(path: folder("agent.yaml"), hostName: "here", environment: { _ in nil }, problems: problems)
        return (config, problems.all.map { "\($0.line): \($0.key)" })
    }

    @Test func `every key reaches its collector`() throws {
        let (config, problems) = try read(
            """
            rule_files: []
            metrics: {listen: "[::1]:9100"}
            collect:
              interval: 5s
              disable: [entropy]
              textfile: [/var/lib/a/, /srv/b]
              processes:
                top: 3
                named: [{name: nginx, match: '^nginx: '}]
              cgroups: {max: 7}
              systemd: {units: ["*.service", "*.timer"]}
              exec:
                - {name: raid, command: [/usr/local/bin/raid, --all], interval: 5m, timeout: 20s, output_max: 64KiB}
                - {name: plain, command: [/bin/true]}
            """
        )
        #expect(problems.isEmpty)
        #expect(config.metricsListen?.description == "[::1]:9100")
        let collect = config.collect
        #expect(collect.textfileFolders == ["/var/lib/a", "/srv/b"])
        #expect(collect.topProcesses == 3)
        #expect(collect.namedProcesses == [NamedProcess(name: "nginx", match: try Pattern("^nginx: "))])
        #expect(collect.cgroupsMax == 7)
        #expect(collect.systemdUnits == ["*.service", "*.timer"])
        #expect(
            collect.commands == [
                CommandConfig(
                    name: "raid",
                    command: ["/usr/local/bin/raid", "--all"],
                    interval: .seconds(300),
                    timeout: .seconds(20),
                    outputBytesMax: 65_536
                ),
                CommandConfig(name: "plain", command: ["/bin/true"], interval: .seconds(60), timeout: .seconds(10)),
            ]
        )
    }

    @Test func `without keys nothing listens, nothing is run, and the rest is as documented`() throws {
        let (config, problems) = try read("rule_files: []\n")
        #expect(problems.isEmpty)
        #expect(config.metricsListen == nil)
        #expect(config.collect == CollectConfig())
        #expect(config.collect.textfileFolders == ["/var/lib/prometheus/node-exporter"])
        #expect(config.collect.topProcesses == 5 && config.collect.commands.isEmpty && config.collect.systemdUnits == ["*.service"])
    }

    @Test func `each mistake is named with its line`() throws {
        let (_, problems) = try read(
            """
            rule_files: []
            metrics: {listen: localhost:9100}
            collect:
              textfile: relative/path
              processes:
                top: 51
                named:
                  - {name: a, match: '('}
                  - {name: a, match: x}
                  - {match: x}
              cgroups: {most: 5}
              exec:
                - {name: x, command: [true]}
                - {name: y, command: /bin/true}
                - {name: z, command: [/bin/true], timeout: 1h, interval: 10}
                - {name: z}
            """
        )
        #expect(
            problems.sorted() == [
                "10: collect.processes.named[2].name", "11: collect.cgroups.most", "13: collect.exec[0].command", "14: collect.exec[1].command",
                "15: collect.exec[2].interval", "15: collect.exec[2].timeout", "16: collect.exec[3].command", "16: collect.exec[3].name",
                "2: metrics.listen", "4: collect.textfile", "6: collect.processes.top", "8: collect.processes.named[0].match",
                "9: collect.processes.named[1].name",
            ]
        )
    }
}
