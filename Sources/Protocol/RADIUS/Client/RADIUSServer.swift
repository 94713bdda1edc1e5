public import IPsecTypes

/// A RADIUS server.
public struct RADIUSServer: Sendable {
    /// Its name in logs and status.
    public var name: String
    /// Where it listens; answers from anywhere else are discarded.
    public var endpoint: Endpoint
    /// The shared secret.
    public var secret: SecretBytes

    /// Gathers the parts.
    public init(name: String, endpoint: Endpoint, secret: SecretBytes) {
        self.name = name
        self.endpoint = endpoint
        self.secret = secret
    }
}

/// How a client deals with its servers.
public struct RADIUSClientSettings: Hashable, Sendable {
    /// How long the first answer may take before the request is sent again.
    public var timeout: Duration = .seconds(1)
    /// Transmissions to one server, without an answer to any, before the next server is asked.
    public var transmissions = 2
    /// How long a request may take, all servers and repetitions together: below the 30 s that a half-open IKE SA lives, so
    /// that its end can still be told (E11).
    public var budget: Duration = .seconds(20)
    /// How often a dead server is asked whether it is back (RFC 5997 §4.2).
    public var probeInterval: Duration = .seconds(10)
    /// When a dead server that answers no Status-Server is tried with a request again.
    public var deadTime: Duration = .seconds(60)
    /// What a Status-Server says of us: NAS-Identifier and the like (RFC 5997 §3).
    public var identification: [RADIUSAttribute] = []

    /// The defaults.
    public init() {}
}

/// A socket towards a server. Each has 256 identifiers (RFC 2865 §3), so a busy client needs several.
public struct RADIUSLane: Hashable, Sendable {
    /// The index of the server.
    public var server: Int
    /// The number of the socket.
    public var socket: Int

    /// Names a lane.
    public init(server: Int, socket: Int) {
        self.server = server
        self.socket = socket
    }
}

/// A request, as its caller knows it.
public struct RADIUSRequestID: Hashable, Sendable {
    /// Unique within a client.
    public var rawValue: UInt64
}

/// What is to be asked.
public struct RADIUSRequest: Sendable {
    /// Access-Request or Accounting-Request.
    public var code: RADIUSCode
    /// The attributes without Message-Authenticator and User-Password.
    public var attributes: [RADIUSAttribute]
    /// The User-Password (RFC 2865 §5.2), 1 to 128 octets: hidden for the server that is asked.
    public var password: SecretBytes?
    /// The server that must be asked, because the conversation's State is its own.
    public var server: Int?
    /// How long the answer may take; nil for the settings' budget.
    public var budget: Duration?

    /// Gathers the parts.
    public init(
        _ code: RADIUSCode,
        _ attributes: [RADIUSAttribute],
        password: SecretBytes? = nil,
        server: Int? = nil,
        budget: Duration? = nil
    ) {
        self.code = code
        self.attributes = attributes
        self.password = password
        self.server = server
        self.budget = budget
    }
}

/// An answer that is proved to come from the server.
public struct RADIUSAnswer: Sendable {
    /// The index of the server.
    public var server: Int
    /// What it answers.
    public var code: RADIUSCode
    /// With these attributes.
    public var attributes: [RADIUSAttribute]
    /// The MSK of an Access-Accept's MPPE keys; nil without both.
    public var masterSessionKey: SecretBytes?
    /// From the first transmission to this server to its answer.
    public var roundTrip: Duration
}

/// How a request ended.
public enum RADIUSOutcome: Sendable {
    /// The server answered.
    case answered(RADIUSAnswer)
    /// No server answered within the budget.
    case unanswered
    /// Too many requests wait for answers, or the request does not fit into a packet.
    case notSent(String)
}

/// Why a datagram was thrown away.
public enum RADIUSDiscard: String, Error, Hashable, Sendable, CaseIterable {
    /// It is no RADIUS packet (E09).
    case malformed
    /// It comes from another address or port than the server's (E10).
    case wrongSource = "wrong_source"
    /// Nobody waits for this identifier: a late answer, a duplicate or a guess (E10).
    case unexpectedIdentifier = "unexpected_identifier"
    /// It does not answer the request of its identifier.
    case unexpectedCode = "unexpected_code"
    /// No usable Message-Authenticator: the server must be told to send it, always.
    case messageAuthenticatorMissing = "message_authenticator_missing"
    /// The Message-Authenticator does not fit: forged, or another secret.
    case messageAuthenticatorWrong = "message_authenticator_wrong"
    /// The Response Authenticator does not fit: forged, or another secret.
    case authenticatorWrong = "authenticator_wrong"

    init(_ forgery: RADIUSForgery) {
        switch forgery {
        case .messageAuthenticatorMissing: self = .messageAuthenticatorMissing
        case .messageAuthenticatorWrong: self = .messageAuthenticatorWrong
        case .authenticatorWrong: self = .authenticatorWrong
        }
    }
}

/// What log, audit and status want to know of a client.
public enum RADIUSReport: Hashable, Sendable {
    /// A server stopped answering; others are asked first from now on.
    case serverDead(Int)
    /// It answers again.
    case serverAlive(Int)
    /// No server answers.
    case allServersDead
    /// A datagram was thrown away.
    case discarded(RADIUSDiscard, server: Int, from: Endpoint)
}

/// What the driver of a client has to do.
public enum RADIUSAction: Sendable {
    /// Send a datagram to the lane's server from the lane's own socket.
    case send([UInt8], RADIUSLane)
    /// A request ended.
    case finished(RADIUSRequestID, RADIUSOutcome)
    /// Something for log, audit and status.
    case report(RADIUSReport)
}

/// One server's state, for status.
public struct RADIUSServerStatus: Hashable, Sendable {
    /// Its name.
    public var name: String
    /// Where it listens.
    public var endpoint: Endpoint
    /// Whether it is thought to answer.
    public var isAlive: Bool
    /// Requests that wait for its answer.
    public var waiting: Int
    /// Datagrams sent to it.
    public var sent: UInt64
    /// Answers that were believed.
    public var answered: UInt64
    /// Datagrams thrown away, by reason.
    public var discarded: [RADIUSDiscard: UInt64]
}
