/// The version of both programs, and of `agentctl`.
package enum Version {
    package static let current = "0.1.0"
}
