/// The limits of the room Exposing.
package enum ExposingLimits {
    /// Connections at a time; a Prometheus needs one. A new one takes the place of the longest idle one, else it is told 503.
    package static let connectionsMax = 16
    /// A request's line and headers; Prometheus sends some 400 bytes.
    package static let headBytesMax = 8 * 1024
    /// From a request's first byte to the end of its headers.
    package static let headPatience = Duration.seconds(5)
    /// Between two requests of a connection that is kept: above Prometheus's longest usual interval, so that it need not connect anew.
    package static let idlePatience = Duration.seconds(150)
    /// A collection takes at most two seconds; what is not there by then is not coming.
    package static let answerPatience = Duration.seconds(10)
    /// For taking a whole answer.
    package static let writePatience = Duration.seconds(20)
    /// After a refusal, for the other side to hang up.
    package static let drainPatience = Duration.seconds(1)
    /// While this process has no descriptor left for a new connection.
    package static let acceptPause = Duration.milliseconds(200)
    /// An answer that is younger is given again.
    package static let freshFor = Duration.seconds(1)
}
