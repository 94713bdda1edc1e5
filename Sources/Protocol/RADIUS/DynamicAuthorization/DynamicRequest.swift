public import IPsecTypes

/// A Disconnect-Request or CoA-Request that is proved to come from a configured client (RFC 5176).
public struct DynamicRequest: Hashable, Sendable {
    /// What is asked.
    public enum Kind: Hashable, Sendable {
        /// End the sessions.
        case disconnect
        /// Change what they may do, to what the authorization says; what it does not name stays.
        case change(RADIUSAuthorization)
    }

    /// Which sessions are meant: those to which all that is given fits.
    public struct Selection: Hashable, Sendable {
        /// Acct-Session-Id.
        public var sessionID: String?
        /// User-Name.
        public var userName: String?
        /// Framed-IP-Address and Framed-IPv6-Address.
        public var addresses: [IPAddress] = []
        /// Calling-Station-Id.
        public var callingStation: String?
        /// Class, in a Disconnect-Request (RFC 5176 §3.6, note 4).
        public var classes: [[UInt8]] = []

        /// Whether a user is meant, with all that it has.
        public var namesUserAlone: Bool {
            var rest = self
            rest.userName = nil
            return userName != nil && rest.isEmpty
        }

        /// Whether nothing is given.
        public var isEmpty: Bool {
            sessionID == nil && userName == nil && addresses.isEmpty && callingStation == nil && classes.isEmpty
        }
    }

    /// What is asked.
    public var kind: Kind
    /// Of which sessions.
    public var selection: Selection
    /// Who asks.
    public var client: Endpoint

    let identifier: UInt8
    let authenticator: [UInt8]
    let echoed: [RADIUSAttribute]
}

/// Error-Cause of a NAK (RFC 5176 §3.5).
public enum DynamicRefusal: UInt32, Error, Sendable {
    /// An attribute that we do not serve.
    case unsupportedAttribute = 401
    /// Nothing says which session is meant, or what is to change.
    case missingAttribute = 402
    /// NAS-Identifier or NAS-IP-Address is another's.
    case nasMismatch = 403
    /// A value that cannot be, or that policy does not know.
    case invalidValue = 407
    /// Service-Type Authorize Only and the like.
    case unsupportedService = 405
    /// Nobody may do that.
    case prohibited = 501
    /// No session fits.
    case sessionNotFound = 503
    /// Too many requests wait.
    case resourcesUnavailable = 506
}

/// Who may send us Disconnect-Requests and CoA-Requests.
public struct DynamicClient: Sendable {
    /// Its address.
    public var address: IPAddress
    /// The shared secret.
    public var secret: SecretBytes

    /// Gathers the parts.
    public init(address: IPAddress, secret: SecretBytes) {
        self.address = address
        self.secret = secret
    }
}

/// What became of a datagram that came to the port of dynamic authorization.
public enum DynamicOutcome: Sendable {
    /// Thrown away without an answer (RFC 5176 §6.1).
    case discarded(DynamicDiscard)
    /// Answered already: send these octets (again).
    case answer([UInt8])
    /// Ask the sessions, then call ``DynamicAuthorization/answer(_:_:now:)``.
    case request(DynamicRequest)
}

/// Why a request was thrown away.
public enum DynamicDiscard: String, Error, Hashable, Sendable, CaseIterable {
    /// It is no RADIUS packet.
    case malformed
    /// No such client is configured.
    case unknownClient = "unknown_client"
    /// Neither Disconnect-Request nor CoA-Request.
    case unexpectedCode = "unexpected_code"
    /// No usable Message-Authenticator.
    case messageAuthenticatorMissing = "message_authenticator_missing"
    /// The Message-Authenticator does not fit.
    case messageAuthenticatorWrong = "message_authenticator_wrong"
    /// The Request Authenticator does not fit.
    case authenticatorWrong = "authenticator_wrong"
    /// No Event-Timestamp, or one outside the window: it may be an old request played back (E10).
    case notCurrent = "not_current"
    /// It was seen from elsewhere, or is being worked on.
    case replayed

    init(_ forgery: RADIUSForgery) {
        switch forgery {
        case .messageAuthenticatorMissing: self = .messageAuthenticatorMissing
        case .messageAuthenticatorWrong: self = .messageAuthenticatorWrong
        case .authenticatorWrong: self = .authenticatorWrong
        }
    }
}
