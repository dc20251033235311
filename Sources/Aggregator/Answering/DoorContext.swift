package import Hummingbird
package import NIOCore
import Synchronization
package import Telemetry

/// What goes along with a request from the door to its handler.
package struct DoorContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// The connection, to end it when a body is not read to its end.
    package let channel: any Channel
    /// Who asks; set by the door before a handler runs. Nobody, until then: a viewer without a name reads nothing by accident because
    /// routes check it, but the safest value stands here.
    package var principal: Principal
    /// Whether somebody began to read the body: it can be read once only.
    let bodyUse: BodyUse

    package init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
        principal = Principal(name: "", role: .viewer)
        bodyUse = BodyUse()
    }
}

/// Whether a body's one iterator was taken.
final class BodyUse: Sendable {
    private let taken = Atomic<Bool>(false)

    /// True the first time.
    func take() -> Bool { !taken.exchange(true, ordering: .relaxed) }
}
