import IKECrypto
import IKEMessage
import IPsecTypes

/// An operation outside the engine that an IKE SA waits for.
struct PendingOperation {
    var id: OperationID
    var step: Step
}

/// What happens when a pending operation is done. Whatever the step needs travels with it.
enum Step {
    /// Initiator: our public value, then IKE_SA_INIT goes out.
    case generateInitial
    /// Responder: our public value, then the response goes out.
    case generateInitialResponse
    /// Both: the shared secret of IKE_SA_INIT.
    case shareInitial
    /// Initiator: our AUTH, then IKE_AUTH goes out.
    case proveInitiator
    /// Initiator: the responder's AUTH.
    case verifyResponder(AuthResponse)
    /// Responder: the initiator's AUTH.
    case verifyInitiator
    /// Responder: what the initiator gets.
    case authorizeInitiator(AuthRequest, VerifiedPeer)
    /// Responder: our AUTH, then the response goes out.
    case proveResponder(AuthRequest, VerifiedPeer, AuthOutcome)
    /// Responder: our AUTH, then the response goes out and the initiator's next round begins.
    case proveBetweenRounds
    /// Responder: our AUTH, then the EAP server begins.
    case proveBeforeEAP
    /// Responder: the EAP server's next packet.
    case eapServer
    /// Initiator: our answer to the EAP server.
    case eapPeer
    /// CREATE_CHILD_SA, our request.
    case generateChild(ChildNegotiation)
    case shareChild(ChildNegotiation, ChildAgreement)
    /// CREATE_CHILD_SA, the peer's request.
    case authorizeChild(ChildRequest)
    case generateChildResponse(ChildRequest, ChildAgreement)
    case shareChildResponse(ChildRequest, ChildAgreement)
    /// Rekeying of the IKE SA, our request.
    case generateRekey(IKERekeying)
    case shareRekey(IKERekeying)
    /// Rekeying of the IKE SA, the peer's request.
    case generateRekeyResponse(IKERekeying)
    case shareRekeyResponse(IKERekeying)
    /// Both: the keys with a post-quantum pre-shared key in them.
    case mixPPK
    /// IKE_INTERMEDIATE, our request.
    case generateIntermediate
    case shareIntermediate
    /// IKE_INTERMEDIATE, the peer's request.
    case generateIntermediateResponse
    case shareIntermediateResponse
    /// IKE_FOLLOWUP_KE, our request.
    case generateFollowUp(KeyExchangeSeries)
    case shareFollowUp(KeyExchangeSeries)
    /// IKE_FOLLOWUP_KE, the peer's request.
    case generateFollowUpResponse(KeyExchangeSeries)
    case shareFollowUpResponse(KeyExchangeSeries)
    /// Initiator: a puzzle, then IKE_SA_INIT goes out again.
    case solvePuzzle
    /// Initiator: the puzzle of IKE_AUTH, then the keys are made.
    case solveAuthPuzzle
}

/// What our outstanding request is about.
enum ExchangeContext {
    case initial
    case authentication
    case createChild(ChildNegotiation)
    case rekeyIKE(IKERekeying)
    case deleteChildren([SPI])
    case deleteIKE
    case probe
    /// Says AUTHENTICATION_FAILED to a responder that took us in (RFC 7296 §2.21.2).
    case authenticationFailed
    case intermediate
    case followUp(KeyExchangeSeries)
    /// Tells or asks something about fast return.
    case announcement
    /// Tells or asks the peer about addresses (RFC 4555).
    case mobility(MobilityExchange)
}

/// Something to be done by an exchange of our own, once the window is free.
enum ExchangeTask: Hashable, Sendable {
    case createChild(ChildConfiguration)
    case rekeyChild(SPI)
    case deleteChild(SPI)
    /// Deletes what the peer made of a request whose response we cannot use.
    case deleteUnused(SPI)
    case rekeyIKE
    case deleteIKE
    case probe
    case authenticationFailed
    case announce(Announcement)
    /// Asks the peer to go to another gateway.
    case redirect
    /// UPDATE_SA_ADDRESSES with what the path is then.
    case updateAddresses
    /// A return routability check of the way that is not proven then.
    case returnCheck
    /// The list of our addresses as it is then.
    case announceAddresses
}

/// A task, with the earliest time for it.
struct QueuedTask: Sendable {
    var task: ExchangeTask
    var notBefore: Instant?
}

/// A Child SA being negotiated by us.
struct ChildNegotiation {
    var configuration: ChildConfiguration
    var owner: ChildSAOwner
    var inboundSPI: SPI
    var nonce: [UInt8]
    var localSelectors: [TrafficSelector]
    var remoteSelectors: [TrafficSelector]
    /// What we ask for.
    var mode = ChildSAParameters.Mode.tunnel
    /// Whether tunnel mode will do where transport mode is declined.
    var allowsTunnelFallback = false
    var offered: [Proposal] = []
    var method: KeyExchangeMethod?
    var publicValue: [UInt8] = []
    var handle: KeyExchangeHandle?
    var triedMethods: [KeyExchangeMethod] = []
    /// The Child SA to be replaced, by our SPI.
    var rekeyed: SPI?
}

/// What both ends of a Child SA have agreed on, before its keys.
struct ChildAgreement {
    var suite: ESPSuite
    var proposal: Proposal
    /// The SPI we send with.
    var outboundSPI: SPI
    /// The SPI we receive with.
    var inboundSPI: SPI
    var mode = ChildSAParameters.Mode.tunnel
    var originalAddresses: OriginalAddresses?
    var localSelectors: [TrafficSelector]
    var remoteSelectors: [TrafficSelector]
    var remoteNonce: [UInt8]
    var localNonce: [UInt8] = []
    var localPublic: [UInt8] = []
    /// What links the first additional key exchange to this one (RFC 9370 §2.2.4).
    var link: [UInt8] = []
}

/// The peer's request for a Child SA.
struct ChildRequest {
    var offered: [Proposal]
    var nonce: [UInt8]
    var keyExchange: KeyExchangePayload?
    /// The peer's side.
    var remoteSelectors: [TrafficSelector]
    /// Our side.
    var localSelectors: [TrafficSelector]
    /// Whether the peer asks for transport mode, and whether it may have it.
    var wantsTransport = false
    var allowsTransport = false
    var configuration: ChildConfiguration
    var owner: ChildSAOwner
    /// The Child SA to be replaced, by our SPI.
    var rekeyed: SPI?
}

/// A peer's rekeying of a Child SA: its outcome, and the lower of its two nonces.
struct PeerChildRekeying: Hashable, Sendable {
    var successor: SPI
    var lowestNonce: [UInt8]
}

/// A peer's rekeying of the IKE SA: its outcome, and the lower of its two nonces.
struct PeerIKERekeying: Hashable {
    var successor: IKESPI
    var lowestNonce: [UInt8]
}

/// A rekeying of the IKE SA, by either end.
struct IKERekeying {
    var localSPI: IKESPI
    var remoteSPI: IKESPI = .zero
    var localNonce: [UInt8]
    var remoteNonce: [UInt8] = []
    var offered: [Proposal] = []
    var proposal: Proposal?
    var suite: IKESuite?
    var method: KeyExchangeMethod
    var localPublic: [UInt8] = []
    var peerPublic: [UInt8] = []
    /// The peer's token of the new IKE SA (RFC 6290 §4.3).
    var crashToken: [UInt8]?
    var handle: KeyExchangeHandle?
    var triedMethods: [KeyExchangeMethod] = []
    /// What links the first additional key exchange to this one (RFC 9370 §2.2.4).
    var link: [UInt8] = []
}

/// The additional key exchanges of one CREATE_CHILD_SA exchange, by either end (RFC 9370 §2.2.4).
struct KeyExchangeSeries {
    /// What is made when all are done.
    enum Purpose {
        /// A Child SA that we asked for.
        case ourChild(ChildNegotiation, ChildAgreement)
        /// Our rekeying of the IKE SA.
        case ourIKE(IKERekeying)
        /// A Child SA that the peer asked for.
        case peersChild(ChildRequest, ChildAgreement)
        /// The peer's rekeying of the IKE SA.
        case peersIKE(IKERekeying)
    }

    var purpose: Purpose
    /// Methods still to be done, in their order.
    var remaining: [KeyExchangeMethod]
    /// SK(0), SK(1), ...
    var secrets: [SecretBytes]
    /// The responder's name for the next exchange.
    var link: [UInt8]
    var handle: KeyExchangeHandle?
    var peerPublic: [UInt8] = []
    var localPublic: [UInt8] = []
    /// Until when the responder waits for the next exchange.
    var until: Instant?
}
