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
            identification: sa.connection.localIdentity.payload.restOfPayload,
            prf: suite.prf,
            skP: sa.isInitiator ? keys.skPi : keys.skPr,
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
            provider: crypto
        )
    }

    /// Asks the oracle for our AUTH payload; false when there is nothing to ask.
    func requestProof(_ sa: IKESA, _ step: Step) -> Bool {
        guard let handshake = sa.handshake, let suite = sa.suite, let octets = ownOctets(sa, handshake) else {
            return false
        }
        let id = begin(step, sa)
        switch sa.connection.localAuthentication {
        case .certificate(_, let key):
            emit(
                .sign(
                    id,
                    SignRequest(
                        ikeSA: sa.id,
                        key: key,
                        octets: octets,
                        peerHashes: handshake.peerHashes,
                        policy: sa.connection.signatures
                    )
                )
            )
        case .preSharedKey(let key):
            emit(.provePreSharedKey(id, PreSharedKeyRequest(ikeSA: sa.id, key: key, prf: suite.prf, octets: octets)))
        }
        return true
    }

    /// Asks verifier or oracle whether the peer is who it says; false when method or octets do not allow to ask.
    func requestVerification(_ sa: IKESA, _ step: Step, _ claim: PeerClaim) -> Bool {
        guard let handshake = sa.handshake, let suite = sa.suite,
            let octets = peerOctets(sa, handshake, claim.identification),
            sa.connection.remoteAuthentication.isPreSharedKey == (claim.authentication.method == .sharedKey)
        else { return false }
        let id = begin(step, sa)
        switch sa.connection.remoteAuthentication {
        case .preSharedKey(let key):
            let request = PreSharedKeyRequest(ikeSA: sa.id, key: key, prf: suite.prf, octets: octets)
            emit(.verifyPreSharedKey(id, request, claimed: claim.authentication.data))
        case .certificate:
            emit(
                .verifyPeer(
                    id,
                    PeerVerificationRequest(
                        ikeSA: sa.id,
                        connection: sa.connection.name,
                        weAreInitiator: sa.isInitiator,
                        identity: claim.identity,
                        expected: sa.connection.remoteIdentity,
                        certificates: claim.certificates,
                        method: claim.authentication.method,
                        authentication: claim.authentication.data,
                        octets: octets,
                        policy: sa.connection.signatures
                    )
                )
            )
        }
        return true
    }

    /// CERT payloads of our chain, leaf first.
    func certificatePayloads(_ connection: ConnectionConfiguration) -> [Payload] {
        guard case .certificate(let chain, _) = connection.localAuthentication else { return [] }
        return chain.prefix(configuration.limits.certificates).map {
            .certificate(CertificatePayload(encoding: .x509Signature, data: $0))
        }
    }

    /// Reads what the peer says of itself; the text names what is wrong with it.
    func readClaim(_ identification: IdentificationPayload, _ payloads: [Payload]) -> Result<PeerClaim, ClaimError> {
        guard let authentication = payloads.authentication else {
            return .failure(ClaimError(reason: "no AUTH payload: EAP is not supported"))
        }
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
                authentication: authentication,
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
    var authentication: AuthenticationPayload
    var certificates: [[UInt8]]
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
    var initialContact: Bool
}

/// What an authorized initiator gets besides the IKE SA.
enum AuthOutcome {
    case child(AuthorizationGrant, ChildConfiguration, ChildAgreement)
    case noChild(AuthorizationGrant?, NotifyType, FailureReport.Cause)
}

/// An IKE_AUTH response that waits for verification.
struct AuthResponse {
    var claim: PeerClaim
    var payloads: [Payload]
}
