import IPsecTypes

/// What a server asks about a user. A file, a directory, RADIUS or a vault can answer.
public struct EAPCredentialQuestion: Sendable {
    /// Who authenticates, as the method itself says; nothing has proved it.
    public var identity: String
    /// The method that asks: ``EAPMethodType/mschapv2`` needs a password or its NT hash.
    public var method: EAPMethodType
    /// The password as the peer gave it (GTC and PAP), so that whoever cannot reveal one can judge it; else nil.
    public var presented: SecretBytes?
}

/// The answer about a user.
public enum EAPCredential: Sendable {
    /// The password, UTF-8.
    case password(SecretBytes)
    /// MD4 of the password in UTF-16 (RFC 2759 §8.3), 16 bytes.
    case ntHash(SecretBytes)
    /// The password presented is right; whoever answers has checked it. No answer for MSCHAPv2.
    case accepted
    /// No such user, a wrong password, or nobody can be asked.
    case refused
}

/// What is asked about a certificate. TLS has checked path, times, purpose and name against the anchors already; revocation,
/// strength and whose certificate it is are the business of whoever answers.
public struct EAPCertificateQuestion: Hashable, Sendable {
    /// The peer's certificates as it sent them, DER, leaf first.
    public var chain: [[UInt8]]
    /// Who the other side says it is; empty when it said nothing.
    public var claimed: String
    /// Whether the certificate is a server's (we are the peer).
    public var isServer: Bool
}

/// The answer about a certificate.
public enum EAPCertificateVerdict: Hashable, Sendable {
    /// It is good, and proves this identity.
    case accepted(identity: String)
    /// It is not; the reason goes to the log.
    case refused(reason: String)
}

/// The outcome of a conversation that succeeded.
public struct EAPSuccess: Sendable {
    /// The MSK, 64 octets; nil with GTC.
    public var key: SecretBytes?
    /// At a server, who the method proved the peer to be, which may differ from its Identity response; at a peer, whom it
    /// proved the server to be, empty where the method knows no name.
    public var identity: String
    /// The method.
    public var method: EAPMethodType
    /// The method in the tunnel of EAP-TTLS.
    public var inner: TTLSInnerMethod?
    /// The certificates that the other side showed, DER, leaf first.
    public var chain: [[UInt8]] = []

    /// Whether the method authenticated both ends.
    public var isMutual: Bool { method.makesKey }
    /// Whether the method may stand alone, with no certificate or key of the server beside it (RFC 5998 §4).
    public var isSafeAlone: Bool { method.isSafeAlone }
}
