import AggregatorApp
import ArgumentParser

/// Which log is meant.
struct StorageOptions: ParsableArguments {
    @Option(name: .long, help: "The configuration that names the log. Default: /etc/tocsin/aggregator.yaml, or built-in defaults when there is none.")
    var config: String?

    @Option(name: .long, help: "The log's folder, instead of the configuration's storage.path.")
    var storage: String?

    @Flag(name: .long, help: "Print one JSON object.")
    var json = false
}

struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read the whole log and compare every checksum.",
        discussion: """
            The aggregator may be running; what is checked is the log as it was when the check began. Every finding says what it means for the data. \
            Exit code: 0 sound, 1 damaged, 2 not checked.
            """
    )

    @OptionGroup var options: StorageOptions

    func run() async throws {
        let code = await UpkeepProgram.verify(storage: options.storage, config: options.config, json: options.json)
        if code != 0 { throw ExitCode(code) }
    }
}

struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copy the log, the alerts' state and the notifications into an empty folder.",
        discussion:
            "The aggregator may be running. A backup is complete when its backup.json is there. Exit code: 0, or 1 with a sentence on standard error."
    )

    @Argument(help: "A folder that is empty or not there.")
    var folder: String

    @OptionGroup var options: StorageOptions

    func run() async throws {
        let code = await UpkeepProgram.backup(to: folder, storage: options.storage, config: options.config, json: options.json)
        if code != 0 { throw ExitCode(code) }
    }
}

struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copy a backup to where the aggregator looks for its log.",
        discussion: """
            The log's folder must be empty or not there, and the aggregator stopped. Every checksum of the backup is compared. Exit code: 0, or 1 with a \
            sentence on standard error.
            """
    )

    @Argument(help: "The folder of the backup.")
    var folder: String

    @OptionGroup var options: StorageOptions

    func run() async throws {
        let code = await UpkeepProgram.restore(from: folder, storage: options.storage, config: options.config, json: options.json)
        if code != 0 { throw ExitCode(code) }
    }
}
