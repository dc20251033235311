/// The door of a room: what the room before it may hand over.
package protocol Sink<Element>: Sendable {
    associatedtype Element: Sendable
    /// Takes one element; suspends while the room is full (this is the back-pressure). Returns when the element is the room's own:
    /// for a durable room, when it is on disk.
    func accept(_ element: Element) async throws(SinkError)
    /// The same for several, in their order: all of them are the room's own, or none where the room can say so. Whoever gave them gives all again after an
    /// error, and the room knows repeats.
    func accept(contentsOf elements: [Element]) async throws(SinkError)
}

extension Sink {
    package func accept(contentsOf elements: [Element]) async throws(SinkError) {
        for element in elements { try await accept(element) }
    }
}

/// Why a room did not take an element. The giver still has it.
package enum SinkError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The room is closing; nothing more is taken.
    case stopped
    /// It could not be stored now; the sentence says why and what to do. Trying again later may help.
    case failed(String)

    package var description: String {
        switch self {
        case .stopped: "the next room has stopped"
        case .failed(let reason): reason
        }
    }

    /// A metric label; never holds a value.
    package var label: StaticString {
        switch self {
        case .stopped: "stopped"
        case .failed: "failed"
        }
    }
}
