import IKECrypto
import IKEMessage
import IPsecTypes

/// What both sides of IKE_AUTH share (RFC 7296 §2.15, §2.16).
extension Engine {
    /// A certificate ends an IKE SA this long after it ended itself: the skew between our clock and its issuer's.
    static let certificateGrace: Int64 = 60

    /// The octets that our AUTH payload covers.
    func ownOctets(_ sa: IKESA, _ handshake: Handshake) -> [UInt8]? {
        guard let keys = sa.keys, let suite = sa.suite else { return nil }
        return try? AuthenticationOctets.make(
            message: sa.isInitiator ? handshake.request : handshake.response,
            otherNonce: handshake.remoteNonce,
            identification: localRound(sa).identity.payload.restOfPayload,
            prf: suite.prf,
            skP: sa.isInitiator ? keys.skPi : keys.skPr,
            intermediate: handshake.intermediate.authenticated,
            provider: crypto
        )
    }

    /// The octets that the peer's AUTH payload covers.
    func peerOctets(_ sa: IKESA, _ handshake: Handshake, _ identification: IdentificationPayload) -> [UInt8]? {
        guard let keys = sa.keys, let suite = sa.suite else { return nil }
        return try? AuthenticationOctets.make(
            message: sa.isInitiator ? handshake.response : handshake.request,
            otherNonce: handshake.localNonce,
            identification: identification.restOfPayload,
            prf: suite.prf,
            skP: sa.isInitiator ? keys.skPr : keys.skPi,
            intermediate: handshake.intermediate.authenticated,
            provider: crypto
        )
    }

    /// Asks the oracle for our AUTH payload; false when there is nothing to ask.
    func requestProof(_ sa: IKESA, _ step: Step) -> Bool {
        guard let handshake = sa.handshake, let suite = sa.suite, let octets = ownOctets(sa, handshake),
            case let authentication = localRound(sa).authentication, !authentication.isEAP
        else { return false }
        let id = begin(step, sa)
        switch authentication {
        case .certificate(_, let key):
            emit(
                .sign(
                    id,
                    SignRequest(
                        ikeSA: sa.id,
                        key: key,
                        octets: octets,
                        peerHashes: handshake.peerHashes,
                        policy: sa.connection.signatures,
                        announced: sa.connection.announcesMethods
                            ? handshake.conversation.announced.signatures(for: sa.connection.localAuthorityHashes)
                            : nil
                    )
                )
            )
        case .preSharedKey(let key):
            emit(.provePreSharedKey(id, PreSharedKeyRequest(ikeSA: sa.id, key: key, prf: suite.prf, octets: octets)))
        case .eap: return false
        }
        return true
    }

    /// Asks verifier or oracle whether the peer is who it says; false when method or octets do not allow to ask.
    func requestVerification(_ sa: IKESA, _ step: Step, _ claim: PeerClaim) -> Bool {
        guard let handshake = sa.handshake, let suite = sa.suite, let authentication = claim.authentication,
            let octets = peerOctets(sa, handshake, claim.identification), let round = remoteRound(sa),
            round.authentication.fits(authentication.method)
        else { return false }
        let id = begin(step, sa)
        switch round.authentication {
        case .eap: return false
        case .preSharedKey(let key):
            let request = PreSharedKeyRequest(ikeSA: sa.id, key: key, prf: suite.prf, octets: octets)
            emit(.verifyPreSharedKey(id, request, claimed: authentication.data))
        case .certificate:
            emit(
                .verifyPeer(
                    id,
                    PeerVerificationRequest(
                        ikeSA: sa.id,
                        connection: sa.connection.name,
                        weAreInitiator: sa.isInitiator,
                        identity: claim.identity,
                        expected: round.identity,
                        certificates: claim.certificates,
                        method: authentication.method,
                        authentication: authentication.data,
                        octets: octets,
                        policy: sa.connection.signatures,
                        round: handshake.conversation.passed.count
                    )
                )
            )
        }
        return true
    }

    /// CERT payloads of our chain, leaf first.
    func certificatePayloads(_ round: LocalRound) -> [Payload] {
        guard case .certificate(let chain, _) = round.authentication else { return [] }
        return chain.prefix(configuration.limits.certificates).map {
            .certificate(CertificatePayload(encoding: .x509Signature, data: $0))
        }
    }

    /// Reads what the peer says of itself; the text names what is wrong with it.
    func readClaim(_ identification: IdentificationPayload, _ payloads: [Payload]) -> Result<PeerClaim, ClaimError> {
        let identity: Identity
        do { identity = try Identity(identification) } catch {
            return .failure(ClaimError(reason: "id_malformed: \(error)"))
        }
        let certificates = payloads.certificates
        guard certificates.count <= configuration.limits.certificates else {
            return .failure(ClaimError(reason: "\(certificates.count) certificates"))
        }
        guard certificates.allSatisfy({ $0.encoding == .x509Signature }) else {
            return .failure(ClaimError(reason: "a certificate that is not X.509"))
        }
        return .success(
            PeerClaim(
                identification: identification,
                identity: identity,
                authentication: payloads.authentication,
                certificates: certificates.map(\.data)
            )
        )
    }

    /// When an IKE SA must end: the earlier of lease and certificate.
    func end(_ lease: WallTime?, _ peer: VerifiedPeer) -> WallTime? {
        let certificate = peer.notAfter?.advanced(bySeconds: Self.certificateGrace)
        return [lease, certificate].compactMap { $0 }.min()
    }
}

/// Who a peer says it is, and how it proves it.
struct PeerClaim {
    var identification: IdentificationPayload
    var identity: Identity
    /// How it proves it; nil when EAP is to do so (RFC 7296 §2.16).
    var authentication: AuthenticationPayload?
    var certificates: [[UInt8]]
}

extension RemoteAuthentication {
    /// Whether an AUTH payload of this method, or none for EAP, is how the peer must prove itself.
    func fits(_ method: AuthenticationMethod?) -> Bool {
        switch self {
        case .preSharedKey: method == .sharedKey
        case .certificate: method != nil && method != .sharedKey
        case .eap: method == nil
        }
    }
}

/// A claim that cannot even be looked at. The peer sees AUTHENTICATION_FAILED as for every other cause.
struct ClaimError: Error {
    var reason: String
}

/// An IKE_AUTH request that waits for verification and authorization.
struct AuthRequest {
    var claim: PeerClaim
    var wantedIdentity: Identity?
    var requestedAttributes: [ConfigurationAttribute]?
    var offered: [Proposal]
    /// The peer's side.
    var remoteSelectors: [TrafficSelector]
    /// Our side.
    var localSelectors: [TrafficSelector]
    var wantsTransport = false
    var initialContact: Bool
    /// Whether the initiator knows rounds (RFC 4739), and whether another one of its own follows this one.
    var hasRounds = false
    var anotherFollows = false
    /// Whether the responder may prove itself by EAP alone (RFC 5998).
    var allowsEAPOnly = false
    var wantsTicket = false
    /// The peer's QCD_TOKEN (RFC 6290).
    var crashToken: NotifyPayload?
}

/// What an authorized initiator gets besides the IKE SA.
enum AuthOutcome {
    case child(AuthorizationGrant, ChildConfiguration, ChildAgreement)
    case noChild(AuthorizationGrant?, NotifyType, FailureReport.Cause)
    /// The peer asked for none (RFC 6023).
    case childless(AuthorizationGrant)
    /// It is to go elsewhere (RFC 5685 §6).
    case redirected(RedirectTarget)
}

/// An IKE_AUTH response that waits for verification.
struct AuthResponse {
    var claim: PeerClaim
    var payloads: [Payload]
}
