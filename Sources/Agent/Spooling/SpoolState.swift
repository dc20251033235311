import Telemetry

/// The spool's numbers: what the tables `meta`, `lane` and `inherited` hold, kept in memory and written with each transaction that changes them.
struct SpoolState: Sendable, Equatable {
    struct Lane: Sendable, Equatable {
        /// The sequence of the next batch, the spool's own count.
        var next: UInt64 = 1
        var acknowledged: UInt64 = 0
        /// Wire sequence = own sequence - base, for what carries today's id.
        var base: UInt64 = 0
        /// Through here batches may have been sent: their content must not change any more.
        var sent: UInt64 = 0
        /// Batches held (given-up ones not counted) and their sealed bytes.
        var batches: UInt64 = 0
        var bytes: UInt64 = 0

        /// Whether these numbers can be a lane's.
        var isPlausible: Bool { next > acknowledged && next > base && next > sent && next < 1 << 55 && batches < next }
    }

    /// A run of batches that goes out under an id that is not today's: the one they were sealed with. So the aggregator, which may have them
    /// already from before or from the machine this spool was copied from, knows them again.
    struct Heirloom: Sendable, Equatable {
        var lane: Telemetry.Lane
        /// The run begins after the lane's heirloom before it (or after what is acknowledged) and ends here.
        var through: UInt64
        var base: UInt64
        var agent: UUID
        var generation: Int64
    }

    /// Under which id and numbers a sequence goes out.
    struct Owner: Sendable, Equatable {
        var agent: UUID
        var generation: Int64
        var base: UInt64
        /// Its sequences of the lane begin after this one and end with `through`.
        var after: UInt64
        var through: UInt64
    }

    var agent: UUID
    var generation: Int64 = 0
    /// Transactions committed: after a commit whose outcome is not known this tells whether it happened.
    var commits: Int64 = 0
    /// A hash of the machine's id; 0: not known.
    var machine: UInt64 = 0
    var lanes: [Lane] = Telemetry.Lane.allCases.map { _ in Lane() }
    /// By lane, then by `through`.
    var heirlooms: [Heirloom] = []
    var gapCounts: [Gap.Reason: UInt64] = [:]

    init(agent: UUID) { self.agent = agent }

    subscript(lane: Telemetry.Lane) -> Lane {
        get { lanes[Int(lane.rawValue)] }
        set { lanes[Int(lane.rawValue)] = newValue }
    }

    func owner(of sequence: UInt64, in lane: Telemetry.Lane) -> Owner {
        var after: UInt64 = 0
        for heirloom in heirlooms where heirloom.lane == lane {
            if sequence <= heirloom.through {
                return Owner(
                    agent: heirloom.agent,
                    generation: heirloom.generation,
                    base: heirloom.base,
                    after: after,
                    through: heirloom.through
                )
            }
            after = heirloom.through
        }
        return Owner(agent: agent, generation: generation, base: self[lane].base, after: after, through: .max)
    }

    /// The part of a lane that goes out under this id; nil when there is none.
    func owner(named agent: UUID, in lane: Telemetry.Lane) -> Owner? {
        for heirloom in heirlooms where heirloom.lane == lane && heirloom.agent == agent { return owner(of: heirloom.through, in: lane) }
        return agent == self.agent ? owner(of: .max, in: lane) : nil
    }

    /// A new id for what comes; what is there goes out under the old one.
    mutating func inherit(as agent: UUID) {
        for lane in Telemetry.Lane.allCases {
            let owner = owner(of: .max, in: lane)
            let last = self[lane].next - 1
            if last > max(self[lane].acknowledged, owner.after) {
                heirlooms.append(Heirloom(lane: lane, through: last, base: owner.base, agent: self.agent, generation: generation))
            }
            self[lane].base = last
            // Whoever has the other copy may have sent all of it.
            self[lane].sent = last
        }
        heirlooms.sort { ($0.lane, $0.through) < ($1.lane, $1.through) }
        (self.agent, generation) = (agent, generation + 1)
    }

    /// A new id, also for what is not acknowledged; sequences on the wire begin at 1 with it.
    mutating func renew(as agent: UUID) {
        heirlooms = []
        for lane in Telemetry.Lane.allCases { self[lane].base = self[lane].acknowledged }
        (self.agent, generation) = (agent, generation + 1)
    }

    /// What is acknowledged needs no owner any more.
    mutating func forgetOldHeirlooms() {
        let lanes = lanes
        heirlooms.removeAll { $0.through <= lanes[Int($0.lane.rawValue)].acknowledged }
    }
}
