import IPsecTypes

/// Why an EAP conversation failed. For our log only: the peer sees EAP Failure, whatever the cause.
public enum EAPFailure: Error, Hashable, Sendable {
    /// A packet cannot be read.
    case malformed(ParseError)
    /// A packet, message or field exceeds a bound.
    case tooLarge(what: String, count: Int, limit: Int)
    /// The conversation has gone on for too long.
    case tooManyRounds(limit: Int)
    /// A sound packet at a point where it may not come.
    case unexpected(String)
    /// The other side knows or allows none of our methods.
    case noCommonMethod(wanted: [EAPMethodType], offered: [EAPMethodType])
    /// Only methods that RFC 5998 §4 calls unsafe would be left, and nothing else authenticates the server.
    case noSafeMethod
    /// The identity is empty, too long, no UTF-8 or holds a NUL.
    case badIdentity
    /// The password is wrong, or there is no such user.
    case wrongPassword(identity: String)
    /// The server refused us, with what it said.
    case refused(String)
    /// The server could not prove that it knows the password.
    case serverUnproven
    /// The TLS handshake or record layer failed.
    case tls(String)
    /// The certificate leads to an anchor, but is refused.
    case certificate(String)
    /// A method is to be used that lacks its secret or its certificates.
    case notConfigured(String)

    /// A machine-readable reason.
    public var code: String {
        switch self {
        case .malformed: "eap_malformed"
        case .tooLarge: "eap_too_large"
        case .tooManyRounds: "eap_rounds"
        case .unexpected: "eap_unexpected"
        case .noCommonMethod: "eap_no_common_method"
        case .noSafeMethod: "eap_no_safe_method"
        case .badIdentity: "eap_identity"
        case .wrongPassword: "eap_password"
        case .refused: "eap_refused"
        case .serverUnproven: "eap_server_unproven"
        case .tls: "eap_tls"
        case .certificate: "eap_certificate"
        case .notConfigured: "eap_not_configured"
        }
    }
}

extension EAPFailure: CustomStringConvertible {
    /// The code and one sentence; what a peer chose is escaped.
    public var description: String { "\(code): \(sentence)" }

    private var sentence: String {
        switch self {
        case .malformed(let error): "a packet cannot be read (\(error))"
        case .tooLarge(let what, let count, let limit): "\(what) of \(count), allowed are \(limit)"
        case .tooManyRounds(let limit): "no end after \(limit) rounds"
        case .unexpected(let what): what
        case .noCommonMethod(let wanted, let offered):
            "allowed here: \(Self.list(wanted)); the other side offers: \(Self.list(offered))"
        case .noSafeMethod: "without a certificate of the server only EAP-TLS and EAP-TTLS are safe (RFC 5998)"
        case .badIdentity: "the identity is empty, too long or no text"
        case .wrongPassword(let identity): "wrong password or unknown user \(identity.printable(limit: 64))"
        case .refused(let text):
            text.isEmpty ? "the server refused" : "the server refused: \(text.printable(limit: 128))"
        case .serverUnproven: "the server did not prove that it knows the password"
        case .tls(let text): text.printable(limit: 128)
        case .certificate(let text): text.printable(limit: 256)
        case .notConfigured(let text): text
        }
    }

    private static func list(_ types: [EAPMethodType]) -> String {
        types.isEmpty ? "none" : types.map(\.description).joined(separator: ", ")
    }
}
