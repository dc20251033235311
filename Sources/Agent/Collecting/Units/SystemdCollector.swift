import Glibc
import Telemetry

/// The states of systemd's units, asked over its own socket (as root) or the system's message bus. Names are node_exporter's `systemd` collector's.
struct SystemdCollector: Collector {
    static let name = "systemd"
    private static let unitState = MetricFamily("node_systemd_unit_state", .gauge, "Systemd unit")
    private static let running = MetricFamily(
        "node_systemd_system_running",
        .gauge,
        "Whether the system is operational (see 'systemctl is-system-running')"
    )
    private static let omitted = MetricFamily("tocsin_systemd_units_omitted", .gauge, "Units over the limit of 512 that are not shown.")
    /// In node_exporter's order; a unit that reloads is in none of them.
    private static let states = ["active", "activating", "deactivating", "inactive", "failed"]
    /// Each brings five series.
    static let unitsMax = 512

    let families = [unitState, running, omitted]
    private let patterns: [String]
    private let patience: Duration
    private let runningSeries = running.series()
    private let omittedSeries = omitted.series()
    private var connection: DBusConnection?
    private var serial: UInt32 = 1
    private var units: [String: [Labels]] = [:]

    /// A line of ListUnits.
    struct Unit {
        let name: String
        let load: String
        let active: String
        let path: String
    }

    init(_ config: CollectConfig, patience: Duration) { (patterns, self.patience) = (config.systemdUnits, patience) }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let deadline = ContinuousClock.now.advanced(by: patience)
        do throws(DBusConnection.Failure) {
            let kept = connection != nil
            do throws(DBusConnection.Failure) { try ask(files, &readings, deadline) } catch {
                // The bus or systemd may have been started anew since the last collection.
                guard kept, error == .broken else { throw error }
                readings.samples = []
                try ask(files, &readings, deadline)
            }
        } catch {
            connection = nil
            throw Self.describe(error)
        }
    }

    private mutating func ask(_ files: KernelFiles, _ readings: inout Readings, _ deadline: ContinuousClock.Instant) throws(DBusConnection.Failure) {
        do throws(DBusConnection.Failure) {
            let connection = if let kept = connection { kept } else { try Self.connect(files, deadline) }
            self.connection = connection
            let found = try list(connection, deadline).filter { $0.load != "not-found" || $0.active != "inactive" }.sorted { $0.name < $1.name }
            var shown: [String: [Labels]] = [:]
            for unit in found.prefix(Self.unitsMax) {
                let series = if let known = units[unit.name] { known } else { try makeSeries(unit, connection, deadline) }
                shown[unit.name] = series
                for (state, series) in zip(Self.states, series) { readings.add(series, state == unit.active ? 1.0 : 0.0) }
            }
            units = shown
            readings.add(
                runningSeries,
                try property("SystemState", of: "org.freedesktop.systemd1.Manager", at: Self.manager, connection, deadline) == "running" ? 1.0 : 0.0
            )
            readings.add(omittedSeries, UInt64(max(0, found.count - Self.unitsMax)))
        } catch {
            connection = nil
            throw error
        }
    }

    private static let manager = "/org/freedesktop/systemd1"
    private static let service = "org.freedesktop.systemd1"

    private static func connect(_ files: KernelFiles, _ deadline: ContinuousClock.Instant) throws(DBusConnection.Failure) -> DBusConnection {
        if geteuid() == 0, files.exists("run/systemd/private") {
            do throws(DBusConnection.Failure) {
                return try DBusConnection(to: files.root + "/run/systemd/private", isBus: false, until: deadline)
            } catch .unreachable {}
        }
        guard files.exists("run/dbus/system_bus_socket") else { throw .unreachable(ENOENT) }
        return try DBusConnection(to: files.root + "/run/dbus/system_bus_socket", isBus: true, until: deadline)
    }

    private mutating func makeSeries(_ unit: Unit, _ connection: DBusConnection, _ deadline: ContinuousClock.Instant) throws(DBusConnection.Failure)
        -> [Labels]
    {
        var type = ""
        if unit.name.hasSuffix(".service") {
            // A unit that went away since it was listed has no type; it is not there the next time.
            do throws(DBusConnection.Failure) {
                type = try property("Type", of: "org.freedesktop.systemd1.Service", at: unit.path, connection, deadline)
            } catch .refused {}
        }
        return Self.states.map { Self.unitState.series(Label("name", unit.name), Label("state", $0), Label("type", type)) }
    }

    /// ListUnitsByPatterns(states, patterns) → a(ssssssouso): name, description, load, active and sub state, follower, path, job.
    private mutating func list(_ connection: DBusConnection, _ deadline: ContinuousClock.Instant) throws(DBusConnection.Failure) -> [Unit] {
        serial &+= 1
        let answer = try connection.call(
            "ListUnitsByPatterns",
            of: "org.freedesktop.systemd1.Manager",
            at: Self.manager,
            on: Self.service,
            serial: serial,
            arguments: [.strings([]), .strings(patterns)],
            until: deadline
        )
        return try Self.units(in: answer)
    }

    /// The lines of an answer to ListUnitsByPatterns.
    static func units(in answer: DBusMessage) throws(DBusConnection.Failure) -> [Unit] {
        var reader = DBusReader(answer.body)
        guard answer.signature == "a(ssssssouso)", let bytes = reader.number() else { throw .broken }
        // The padding before the first struct is there in an empty array too, and is not counted.
        reader.align(to: 8)
        let end = reader.offset + Int(bytes)
        guard end == answer.body.count else { throw .broken }
        var units: [Unit] = []
        while reader.offset < end {
            reader.align(to: 8)
            guard let name = reader.string(), reader.string() != nil, let load = reader.string(), let active = reader.string(),
                reader.string() != nil, reader.string() != nil, let path = reader.string(), reader.number() != nil, reader.string() != nil,
                reader.string() != nil
            else { throw .broken }
            units.append(Unit(name: name, load: load, active: active, path: path))
        }
        return units
    }

    /// A property that is a string.
    private mutating func property(
        _ name: String,
        of interface: String,
        at path: String,
        _ connection: DBusConnection,
        _ deadline: ContinuousClock.Instant
    ) throws(DBusConnection.Failure) -> String {
        serial &+= 1
        let answer = try connection.call(
            "Get",
            of: "org.freedesktop.DBus.Properties",
            at: path,
            on: Self.service,
            serial: serial,
            arguments: [.string(interface), .string(name)],
            until: deadline
        )
        var reader = DBusReader(answer.body)
        guard answer.signature == "v", reader.signature() == "s", let value = reader.string() else { throw .broken }
        return value
    }

    private static func describe(_ failure: DBusConnection.Failure) -> CollectError {
        switch failure {
        case .unreachable(ENOENT), .unreachable(ECONNREFUSED), .refused("org.freedesktop.DBus.Error.ServiceUnknown"),
            .refused("org.freedesktop.DBus.Error.NameHasNoOwner"):
            .noData("no systemd answers on this host: neither at /run/systemd/private nor on the system's message bus")
        case .unreachable(let code): .call(name: "connect to the system's message bus", errno: code)
        case .timedOut: .call(name: "asking systemd", errno: ETIMEDOUT)
        case .broken: .call(name: "asking systemd", errno: EPROTO)
        case .refused(let name): .malformed(path: "the answer of systemd", line: 1, problem: name)
        }
    }
}
