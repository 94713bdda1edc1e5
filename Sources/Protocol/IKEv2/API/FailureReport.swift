import IKEMessage
import IPsecTypes

/// Why something could not be negotiated, as data: what differed and what was compared.
public struct FailureReport: Hashable, Sendable, CustomStringConvertible {
    /// During which exchange.
    public enum Stage: String, Sendable, Codable {
        /// IKE_SA_INIT.
        case initial = "IKE_SA_INIT"
        /// IKE_AUTH.
        case authentication = "IKE_AUTH"
        /// CREATE_CHILD_SA.
        case child = "CREATE_CHILD_SA"
        /// INFORMATIONAL.
        case informational = "INFORMATIONAL"
        /// IKE_INTERMEDIATE.
        case intermediate = "IKE_INTERMEDIATE"
    }

    /// The reason.
    public enum Cause: Hashable, Sendable {
        /// No common proposal.
        case noProposalChosen(ProposalMismatch)
        /// The selectors share nothing.
        case selectors(SelectorMismatch)
        /// The peer claims an identity that the connection does not allow, or asks for one that we are not.
        case identity(IdentityMismatch)
        /// Certificate, signature, pre-shared key or EAP were refused.
        case authentication(AuthenticationFailure)
        /// Policy refused; the text says why.
        case refused(String)
        /// The peer refused with this notify. It may not be authenticated (`stage` is `initial`).
        case peerRefused(NotifyType)
        /// The peer refused what we offered, listed here.
        case peerRefusedProposals(offered: [String])
        /// The peer refused the selectors we wanted, listed here.
        case peerRefusedSelectors(SelectorMismatch)
        /// The peer declined transport mode, and tunnel mode will not do.
        case transportDeclined
        /// Transport mode was asked for, and refused for this reason.
        case transportRefused(String)
        /// The peer asked again and again for a cookie or another key exchange, so often.
        case tooManyRetries(Int)
        /// The key exchange failed: the public value was refused or the generator failed.
        case keyExchange(KeyExchangeMethod)
        /// The peer's message is malformed.
        case malformed(String)
        /// The peer's answer lacks a payload or contradicts what we asked.
        case protocolViolation(String)
        /// Nothing came back.
        case timeout
        /// A limit was reached.
        case limit(String)
        /// The data plane refused.
        case backend(String)
    }

    /// During which exchange.
    public var stage: Stage
    /// Whether we initiated the exchange.
    public var weInitiated: Bool
    /// The connection, when one was chosen.
    public var connection: String?
    /// The child, when it is about one.
    public var child: String?
    /// The peer.
    public var path: Path
    /// The identity the peer claimed, when it did.
    public var remoteIdentity: Identity?
    /// The reason.
    public var cause: Cause
    /// What is known of the peer's silence, where that is the reason.
    public var silence: PeerSilence?

    /// One line for the log.
    public var description: String {
        let who = remoteIdentity.map { " by \($0)" } ?? ""
        let what = connection.map { " of \($0)" } ?? ""
        let part = child.map { "/\($0)" } ?? ""
        return "\(stage.rawValue)\(what)\(part) with \(path.remote)\(who): \(cause)"
    }
}

/// Proposals compared, with the first transform type that shares nothing.
public struct ProposalMismatch: Hashable, Sendable {
    /// What the initiator offered, a line a proposal.
    public var offered: [String]
    /// What the responder accepts, a line a proposal.
    public var accepted: [String]
    /// For each pair of proposals that shares a protocol: which transform type shares nothing.
    public var reasons: [String]

    /// Makes a mismatch.
    public init(offered: [String], accepted: [String], reasons: [String]) {
        self.offered = offered
        self.accepted = accepted
        self.reasons = reasons
    }
}

/// Selectors compared. "Local" is our side.
public struct SelectorMismatch: Hashable, Sendable {
    /// What was asked for on our side.
    public var wantedLocal: [TrafficSelector]
    /// What was asked for on the peer's side.
    public var wantedRemote: [TrafficSelector]
    /// What is allowed on our side; empty when only the peer knows.
    public var grantedLocal: [TrafficSelector]
    /// What is allowed on the peer's side; empty when only the peer knows.
    public var grantedRemote: [TrafficSelector]
}

/// Identities compared.
public struct IdentityMismatch: Hashable, Sendable {
    /// What was claimed or asked for.
    public var claimed: Identity
    /// What fits.
    public var expected: [Identity]
}
