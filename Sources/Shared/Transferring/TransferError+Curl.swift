import CCurl

extension TransferError {
    /// libcurl's result as an error with a sentence; `peer` is scheme, host and port.
    static func of(_ outcome: CurlHandle.Outcome, exchange: Exchange, peer: String, timeout: Duration) -> TransferError {
        let detail = outcome.detail
        if exchange.isCancelled { return .cancelled }
        if exchange.isTooLarge {
            return .responseTooLarge("the answer of \(peer) is larger than allowed and was cut: check that the address is right")
        }
        switch outcome.code {
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_BAD_FUNCTION_ARGUMENT:
            return .invalid("the address at \(peer) cannot be used (\(detail)): write http(s)://host:port/path")
        case CURLE_COULDNT_RESOLVE_PROXY:
            return .unresolved("no address for the proxy on the way to \(peer) (\(detail)): check proxy_url and this host's DNS")
        case CURLE_PROXY:
            return .unreachable("the proxy on the way to \(peer) refused (\(detail)): check proxy_url")
        case CURLE_RECV_ERROR where detail.hasPrefix("CONNECT tunnel failed"):
            // Nothing was sent: there was no tunnel yet.
            return .unreachable("the proxy on the way to \(peer) made no tunnel (\(detail)): check its name and password in proxy_url, and its rules")
        case CURLE_COULDNT_RESOLVE_HOST:
            return .unresolved("no address for \(peer) (\(detail)): check the name and this host's DNS")
        case CURLE_COULDNT_CONNECT:
            return .unreachable("no connection to \(peer) (\(detail)): check that it runs and that no firewall is between")
        case CURLE_OPERATION_TIMEDOUT:
            return .timeout("\(peer) did not answer within \(timeout) (\(detail)): check its load and the network")
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE,
            CURLE_USE_SSL_FAILED, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            return .tls("TLS with \(peer) failed (\(detail)): check its certificate, its name, and the certificate authority file")
        case CURLE_LOGIN_DENIED:
            return .unauthenticated("\(peer) did not accept user name and password (\(detail)): check auth_username and the password file")
        case CURLE_OUT_OF_MEMORY:
            return .busy("no memory for a transfer to \(peer): it is tried again later")
        default:
            return .interrupted("the exchange with \(peer) broke off (\(detail)): the other end or something between closed it")
        }
    }
}
