/// One rota of `oncall`, as it is now.
package struct OnCallRecord: Sendable, Hashable {
    package struct Turn: Sendable, Hashable {
        /// A receiver's name.
        package var person: String
        package var start: Timestamp
        package var end: Timestamp
        package var isOverride: Bool

        package init(person: String, start: Timestamp, end: Timestamp, isOverride: Bool) {
            (self.person, self.start, self.end, self.isOverride) = (person, start, end, isOverride)
        }
    }

    package var name: String
    package var timeZone: String
    /// The present turn first, then those to come.
    package var turns: [Turn]

    package init(name: String, timeZone: String, turns: [Turn]) { (self.name, self.timeZone, self.turns) = (name, timeZone, turns) }
}
