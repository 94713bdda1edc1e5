import IPsecTypes

/// The versions of TLS that Culvert speaks; RFC 8996 ended the others.
public enum TLSVersion: Int, Comparable, Sendable {
    /// TLS 1.2 (RFC 5246).
    case tls12 = 0x0303
    /// TLS 1.3 (RFC 8446).
    case tls13 = 0x0304

    /// Whether `left` is the older version.
    public static func < (left: TLSVersion, right: TLSVersion) -> Bool { left.rawValue < right.rawValue }
}

/// What came of bytes that a TLS session was given.
public struct TLSProgress: Sendable {
    /// How the session stands.
    public enum State: Hashable, Sendable {
        /// The handshake goes on.
        case handshaking
        /// The handshake is complete at this end.
        case established
        /// The other side has said that it is done.
        case closed
        /// The session failed; the text is for the log.
        case failed(String)
    }

    /// How the session stands now.
    public var state: State
    /// What goes to the other side: handshake messages, or the alert of a failure.
    public var output: [UInt8]
    /// What the other side said inside the session.
    public var plaintext: [UInt8]

    /// Makes a value.
    public init(state: State, output: [UInt8] = [], plaintext: [UInt8] = []) {
        self.state = state
        self.output = output
        self.plaintext = plaintext
    }
}

/// One TLS session over bytes in memory. The library behind it brings its own randomness; a test can put a double here.
///
/// An engine accepts no peer without a certificate (a server that was made to ask for none apart), none whose chain does
/// not lead to a configured anchor, no version before TLS 1.2, no renegotiation and no resumption.
public protocol TLSEngine: AnyObject, Sendable {
    /// Takes bytes from the other side. A client begins with none.
    func receive(_ bytes: [UInt8]) -> TLSProgress
    /// Encrypts; nil when the session cannot. Not before the handshake is complete.
    func encrypt(_ plaintext: [UInt8]) -> [UInt8]?
    /// Keying material (RFC 5705, RFC 8446 §7.5), nil before the handshake is complete. No context and an empty one differ.
    func exportKey(label: String, context: [UInt8]?, count: Int) -> SecretBytes?
    /// The version, once it is negotiated.
    var version: TLSVersion? { get }
    /// The other side's certificates, DER, leaf first; empty when it showed none.
    var peerChain: [[UInt8]] { get }
}

/// For which end, and how strictly, an engine is wanted.
public enum TLSRole: Hashable, Sendable {
    /// A server; without `asksCertificate` the client stays anonymous to TLS, as in EAP-TTLS.
    case server(asksCertificate: Bool)
    /// A client, with its certificate when `showsCertificate` and there is one.
    case client(showsCertificate: Bool)
}

/// Makes engines from the certificates, keys, anchors and names of one connection.
public protocol TLSEngineProvider: Sendable {
    /// A new session; certificates are judged at `wallClock`. Nil when the settings allow no such session, for instance a
    /// server without a certificate.
    func makeEngine(_ role: TLSRole, wallClock: WallTime) -> (any TLSEngine)?
}
