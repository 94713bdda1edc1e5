import IKECrypto
import IKEMessage
import IPsecTypes

/// What the driver has to do, in this order.
///
/// Actions with an ``OperationID`` are answered by the ``IKEEvent`` of the same name, sooner or later, once. While one is
/// open its IKE SA holds back what arrives (bounded), so each message is handled as one step.
public enum IKEAction: Sendable {
    /// Send an IKE message. The data plane adds the non-ESP marker on ``Path/Transport/udp4500``.
    case send([UInt8], Path)
    /// Send a NAT keepalive, a single 0xFF (RFC 3948 §2.3).
    case sendKeepalive(Path)

    /// Generate an ephemeral key pair and keep the private key. Answer: ``IKEEvent/keyExchangeGenerated(_:handle:publicValue:)``.
    case generateKeyExchange(OperationID, KeyExchangeMethod)
    /// The responder's side of a key encapsulation: make a fresh secret for the initiator's public value, and keep it as the
    /// private key is kept. Answer: ``IKEEvent/keyExchangeGenerated(_:handle:publicValue:)`` with the ciphertext, without a
    /// handle when the peer's value is refused; ``computeSharedSecret(_:handle:method:peerPublic:)`` then gives the secret.
    case encapsulateKeyExchange(OperationID, KeyExchangeMethod, peerPublic: [UInt8])
    /// Check the peer's public value, compute the shared secret and forget the private key. Answer:
    /// ``IKEEvent/sharedSecretComputed(_:_:)``.
    case computeSharedSecret(
        OperationID,
        handle: KeyExchangeHandle,
        method: KeyExchangeMethod,
        peerPublic: [UInt8]
    )
    /// Mix a post-quantum pre-shared key into three keys (RFC 8784). Answer: ``IKEEvent/ppkMixed(_:_:)``.
    case mixPPK(OperationID, PPKRequest)
    /// Forget a private key that will not be used.
    case discardKeyExchange(KeyExchangeHandle)
    /// Sign AUTH octets with a long-term key. Answer: ``IKEEvent/signed(_:_:)``.
    case sign(OperationID, SignRequest)
    /// Compute AUTH from a pre-shared key. Answer: ``IKEEvent/preSharedKeyProof(_:_:)``.
    case provePreSharedKey(OperationID, PreSharedKeyRequest)
    /// Compute AUTH from a pre-shared key and compare it, in constant time, with what the peer sent. Answer:
    /// ``IKEEvent/preSharedKeyVerified(_:_:)``.
    case verifyPreSharedKey(OperationID, PreSharedKeyRequest, claimed: [UInt8])
    /// Verify a peer's certificates, its identity and its signature. Answer: ``IKEEvent/peerVerified(_:_:)``.
    case verifyPeer(OperationID, PeerVerificationRequest)
    /// Decide what an authenticated peer gets. Answer: ``IKEEvent/authorized(_:_:)``.
    case authorize(OperationID, AuthorizationRequest)

    /// Solve a puzzle: a second of work or more, which may be given up. Answer: ``IKEEvent/puzzleSolved(_:_:)``.
    case solvePuzzle(OperationID, PuzzleRequest)

    /// Make a Child SA in the data plane (``SABackend/install(_:sendNow:)``).
    case installChild(IKESAID, ChildSAParameters, sendNow: Bool)
    /// Send on this Child SA from now on.
    case activateOutbound(SPI)
    /// Stop sending on this Child SA, go on receiving.
    case deactivateOutbound(SPI)
    /// Remove this Child SA.
    case removeChild(SPI)
    /// Move this Child SA's outer addresses.
    case updatePath(SPI, Path, udpEncapsulation: Bool)
    /// Say when authentic packets last arrived on these Child SAs. Answer: ``IKEEvent/activity(_:lastInbound:)``.
    case queryActivity(IKESAID, [SPI])

    /// Something for log, audit and status.
    case report(IKEReport)

    /// Ask the EAP server for its next packet. Answer: ``IKEEvent/eapServerStepped(_:_:)``.
    case eapServer(OperationID, EAPServerRequest)
    /// Ask our EAP peer for its answer to a packet. Answer: ``IKEEvent/eapPeerStepped(_:_:)``.
    case eapPeer(OperationID, EAPPeerRequest)
    /// An EAP conversation is over: forget it and wipe its secrets.
    case eapEnd(EAPSessionID)
    /// Look at chain, identity and revocation of a peer whose ticket proved it. Answer: ``IKEEvent/peerVerified(_:_:)``.
    case revalidatePeer(OperationID, PeerRevalidationRequest)
    /// Keep the ticket of an IKE SA in memory, instead of one that is there.
    case keepTicket(IKESAID, SessionTicket)
    /// Forget the ticket of an IKE SA: it was deleted, or the ticket was refused.
    case dropTicket(IKESAID)
}

/// What the driver tells the endpoint. Events for operations that are no longer of interest are ignored.
public enum IKEEvent: Sendable {
    /// A key pair was generated; `publicValue` goes on the wire. A nil handle means that it failed.
    case keyExchangeGenerated(OperationID, handle: KeyExchangeHandle?, publicValue: [UInt8])
    /// The shared secret; nil when the peer's public value is refused (RFC 6989).
    case sharedSecretComputed(OperationID, SecretBytes?)
    /// The AUTH payload that proves our identity; nil when no algorithm fits or the oracle failed.
    case signed(OperationID, AuthenticationPayload?)
    /// AUTH data made from the pre-shared key; nil when the oracle has none.
    case preSharedKeyProof(OperationID, [UInt8]?)
    /// Whether the peer's AUTH data fits the pre-shared key.
    case preSharedKeyVerified(OperationID, Bool)
    /// The keys with the post-quantum pre-shared key in them; nil when the oracle has no such key.
    case ppkMixed(OperationID, PPKKeys?)
    /// The outcome of a peer's verification.
    case peerVerified(OperationID, PeerVerification)
    /// The outcome of a peer's authorization.
    case authorized(OperationID, AuthorizationDecision)
    /// The keys that solve a puzzle, one after the other; nil when it was given up.
    case puzzleSolved(OperationID, [UInt8]?)
    /// When authentic packets last arrived on any of the Child SAs asked about; nil for never.
    case activity(IKESAID, lastInbound: Instant?)
    /// The data plane noticed something.
    case backend(SABackendEvent)
    /// The data plane refused to install a Child SA; both halves are gone.
    case installFailed(SPI, reason: String)
    /// What the EAP server says.
    case eapServerStepped(OperationID, EAPServerStep)
    /// What our EAP peer says.
    case eapPeerStepped(OperationID, EAPPeerStep)
}
