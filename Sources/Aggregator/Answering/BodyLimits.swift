/// The limits on reading a request's body.
package struct BodyLimits: Sendable, Hashable {
    /// Most bytes of a body as it comes. 16 MiB hold some 100 000 events as NDJSON.
    package var bytesMax: Int
    /// How long a body may take. 16 MiB in 60 s is 280 kB/s, less than a bad mobile line.
    package var duration: Duration
    /// A refused body is read and thrown away up to here, so that clients which write everything first see the answer.
    package var discardedBytesMax: Int
    /// And this long.
    package var discardDuration: Duration

    package init(
        bytesMax: Int = 16 << 20,
        duration: Duration = .seconds(60),
        discardedBytesMax: Int = 256 << 20,
        discardDuration: Duration = .seconds(10)
    ) {
        (self.bytesMax, self.duration) = (bytesMax, duration)
        (self.discardedBytesMax, self.discardDuration) = (discardedBytesMax, discardDuration)
    }

    /// For forms and silences: small things that people type.
    package static let small = BodyLimits(bytesMax: 1 << 20)
}
