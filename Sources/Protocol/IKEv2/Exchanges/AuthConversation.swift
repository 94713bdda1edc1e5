import IKECrypto
import IKEMessage
import IPsecTypes

// IKE_AUTH as a conversation: rounds of authentication (RFC 4739), each by AUTH at once or by EAP (RFC 7296 §2.16).
//
// An IKE SA is established by the last message only, after all rounds that the connection lists have passed, in both
// directions. What is here knows what has been proved; what comes next is decided in AuthConversation+Initiator and
// AuthConversation+Responder.

/// How far the conversation of IKE_AUTH has come. It goes with its handshake.
struct AuthConversation {
    /// What the initiator's next request must hold (responder), or what our outstanding request held (initiator).
    enum Stage {
        /// IDi, maybe AUTH, and what the first Child SA needs.
        case first
        /// The EAP answer to the last packet.
        case eap
        /// AUTH that concludes an EAP conversation.
        case eapProof
        /// IDi and maybe AUTH: another round of the initiator's.
        case round
        /// Nothing of the initiator's: the responder has another round.
        case remainder
    }

    var stage = Stage.first
    /// When IKE_AUTH began.
    var startedAt: Instant?
    /// Whether the peer knows rounds (MULTIPLE_AUTH_SUPPORTED).
    var peerHasRounds = false
    /// Rounds that we have proved, those under way included.
    var localRounds = 0
    /// Whether the last AUTH of ours said that another round of ours follows.
    var weFollow = false
    /// Whether the peer's last AUTH said so.
    var peerFollows = false
    /// What the peer has proved.
    var passed: [AuthenticatedRound] = []
    /// How, for tickets (responder).
    var evidence: [RoundEvidence] = []
    /// Whether the responder proves itself by the EAP method alone (RFC 5998).
    var isEAPOnly = false
    /// The responder's identity that only EAP will prove (initiator).
    var unprovedResponder: Identity?
    /// The EAP conversation under way.
    var eap: EAPConversation?
    /// The initiator's first request (responder).
    var request: AuthRequest?
    /// The peer's latest claim.
    var claim: PeerClaim?
    /// Our proof, which goes before the first EAP packet (responder).
    var proof: [Payload] = []
    /// How the peer wants us to authenticate, when it said so (RFC 9593).
    var announced = AnnouncedMethods()
    /// Whether IKE_SA_INIT promised an announcement of ours for IKE_INTERMEDIATE (responder, RFC 9593 §3.1).
    var announcesLater = false
}

/// One EAP conversation.
struct EAPConversation {
    let session: EAPSessionID
    /// Packets of the server so far.
    var exchanges = 0
    /// The identifier of the server's last packet (RFC 3748 §4.1).
    var identifier: UInt8 = 0
    /// Whether the method said that it succeeded.
    var hasSucceeded = false
    /// Whether the packet that our EAP peer was asked about is EAP Success (initiator).
    var endsWithSuccess = false
    /// The MSK; nil where the method makes none.
    var key: SecretBytes?
    /// Whom the method authenticated (responder).
    var peer: VerifiedPeer?
    /// Whether the driver has been told that it is over.
    var isEnded = false
}

extension Engine {
    /// Our round under way.
    func localRound(_ sa: IKESA) -> LocalRound {
        let rounds = sa.connection.localRounds
        let index = max(0, (sa.handshake?.conversation.localRounds ?? 1) - 1)
        return index < rounds.count ? rounds[index] : rounds[0]
    }

    /// The peer's round under way; nil after the last.
    func remoteRound(_ sa: IKESA) -> RemoteRound? {
        let rounds = sa.connection.remoteRounds
        let index = sa.handshake?.conversation.passed.count ?? 0
        return index < rounds.count ? rounds[index] : nil
    }

    /// Tells the driver that the EAP conversation is over.
    func endEAP(_ handshake: Handshake?) {
        guard let handshake, let eap = handshake.conversation.eap, !eap.isEnded else { return }
        handshake.conversation.eap?.isEnded = true
        emit(.eapEnd(eap.session))
    }

    /// Lets go of what only IKE_AUTH needed.
    func dropHandshake(_ sa: IKESA) {
        endEAP(sa.handshake)
        sa.handshake = nil
    }

    /// A peer that answers gets more time, within a bound: people type, and RADIUS servers are far.
    func extendConversation(_ sa: IKESA, _ handshake: Handshake, by patience: Duration) {
        let started = handshake.conversation.startedAt ?? now
        handshake.conversation.startedAt = started
        sa.timers[.forget] = min(now + patience, started + configuration.limits.conversationLifetime)
    }

    // MARK: AUTH that concludes EAP

    /// The AUTH payload of ours, made from the MSK, or from SK_pi or SK_pr where the method makes no key (RFC 7296 §2.16).
    func eapProof(_ sa: IKESA, _ handshake: Handshake) -> AuthenticationPayload? {
        guard let eap = handshake.conversation.eap, eap.hasSucceeded, let keys = sa.keys, let suite = sa.suite,
            let octets = ownOctets(sa, handshake),
            let data = try? crypto.sharedKeyAuthentication(
                suite.prf,
                secret: eap.key ?? (sa.isInitiator ? keys.skPi : keys.skPr),
                octets: octets
            )
        else { return nil }
        return AuthenticationPayload(method: .sharedKey, data: data)
    }

    /// Whether the peer's AUTH payload is made from the same key.
    func isValidEAPProof(
        _ sa: IKESA,
        _ handshake: Handshake,
        _ payload: AuthenticationPayload,
        _ identification: IdentificationPayload
    ) -> Bool {
        guard payload.method == .sharedKey, let eap = handshake.conversation.eap, eap.hasSucceeded,
            let keys = sa.keys, let suite = sa.suite, let octets = peerOctets(sa, handshake, identification)
        else { return false }
        return crypto.isValidSharedKeyAuthentication(
            payload.data,
            prf: suite.prf,
            secret: eap.key ?? (sa.isInitiator ? keys.skPr : keys.skPi),
            octets: octets
        )
    }
}

extension EAPIdentity {
    /// The IKE identity that stands for it: one form for one name, whatever stood in IDi.
    var identity: Identity {
        let bytes = Array(name.utf8.prefix(Identity.maximumLength))
        if let mailbox = try? Identity(IdentificationPayload(type: .rfc822, data: bytes)) { return mailbox }
        return .keyID(bytes)
    }

    /// Whether an identity of names or octets reads the same. An address or a distinguished name never does.
    func reads(as identity: Identity) -> Bool {
        switch identity {
        case .fqdn(let text): text == name
        case .rfc822: identity == self.identity
        case .keyID(let bytes): bytes == Array(name.utf8)
        case .address, .distinguishedName, .generalName, .null, .other: false
        }
    }
}

extension [Payload] {
    var eap: EAPPayload? {
        for case .eap(let payload) in self { return payload }
        return nil
    }
}
