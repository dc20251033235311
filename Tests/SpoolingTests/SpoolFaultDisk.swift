import CFaultDisk

/// A disk in memory that forgets what was not synced, for SQLite's files below a prefix; see CFaultDisk.
@safe final class SpoolFaultDisk: @unchecked Sendable {
    enum Fault: Int32, Sendable, CaseIterable { case power = 1, error = 2, full = 3, lie = 4 }
    enum Kept: Int32, Sendable, CaseIterable { case nothing = 0, some = 1, all = 2 }

    private let disk: OpaquePointer

    /// - Precondition: fewer than 64 disks at once.
    init(prefix: String, seed: UInt64) {
        guard let disk = unsafe fault_disk_new(prefix, seed) else { preconditionFailure("more than 64 fault disks at once") }
        unsafe self.disk = disk
    }

    deinit { unsafe fault_disk_free(disk) }

    var steps: UInt64 { unsafe fault_disk_steps(disk) }
    var hasFailed: Bool { unsafe fault_disk_happened(disk) != 0 }
    func plan(_ fault: Fault, atStep step: UInt64) { unsafe fault_disk_plan(disk, step, fault.rawValue) }
    /// The power comes back; the spool on this disk must have been closed.
    func restart(keeping kept: Kept) { unsafe fault_disk_restart(disk, kept.rawValue) }
}
