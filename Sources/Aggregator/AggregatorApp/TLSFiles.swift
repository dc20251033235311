import HummingbirdCore
import Logging
import NIOCore
import NIOSSL
import Synchronization

/// `listen.tls`: PEM files.
package struct TLSFiles: Sendable, Hashable {
    /// The certificate, and behind it those that lead to a known authority.
    package var certificate: String
    package var key: String

    package init(certificate: String, key: String) { (self.certificate, self.key) = (certificate, key) }

    /// Reads both files. TLS 1.2 and 1.3.
    fileprivate func context() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }

    /// Whether both can be read and belong together; the sentence says what is wrong.
    package func problem() -> String? {
        do {
            _ = try context()
            return nil
        } catch {
            return "cannot use \(certificate) and \(key) for TLS: \(error)"
        }
    }
}

/// The certificate in force. A renewed one counts for new connections as soon as it is read; those that are open go on.
final class Certificates: Sendable {
    private let files: TLSFiles
    private let state: Mutex<NIOSSLContext>

    init(_ files: TLSFiles) throws {
        self.files = files
        state = Mutex(try files.context())
    }

    var context: NIOSSLContext { state.withLock { $0 } }

    /// Throws when the files cannot be used: then the old certificate stays.
    func reload() throws {
        let fresh = try files.context()
        state.withLock { $0 = fresh }
    }
}

/// A connection that begins with TLS. HummingbirdTLS reads the certificate once at start; this asks for the one in force each time.
struct SecureChannel<Base: ServerChildChannel>: ServerChildChannel {
    private let base: Base
    private let certificates: Certificates

    init(_ base: Base, certificates: Certificates) { (self.base, self.certificates) = (base, certificates) }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: certificates.context))
        }.flatMap {
            base.setup(channel: channel, logger: logger)
        }
    }

    @concurrent
    func handle(value: Base.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}
