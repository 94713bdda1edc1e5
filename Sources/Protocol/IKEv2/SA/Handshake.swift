import IKECrypto
import IKEMessage
import IPsecTypes

/// The ticket of a resumption, as each end sees it.
enum Resumption {
    /// Initiator: the ticket that we have.
    case held(SessionTicket)
    /// Responder: what the peer's ticket says.
    case presented(TicketContent)
}

/// What IKE_SA_INIT and IKE_AUTH need and nobody needs afterwards. Letting go of it wipes its secrets.
final class Handshake {
    /// How the table of half-open IKE SAs knows it (responder).
    var halfOpenKey: HalfOpenTable.Key?
    var localNonce: [UInt8]
    var remoteNonce: [UInt8] = []
    /// The IKE_SA_INIT messages as they went over the wire: AUTH covers them.
    var request: [UInt8] = []
    var response: [UInt8] = []
    var cookie: [UInt8]?
    /// Goes with the cookie (RFC 8019).
    var puzzleSolution: PuzzleSolutionPayload?
    /// The puzzle of IKE_AUTH that we gave (responder, RFC 8019 §7.2).
    var authPuzzle: AuthPuzzle?
    /// Goes with the first IKE_AUTH request (initiator).
    var authSolution: PuzzleSolutionPayload?
    /// The initiator solved a puzzle to get here (responder).
    var hasSolvedPuzzle = false
    var method: KeyExchangeMethod
    var publicValue: [UInt8] = []
    var handle: KeyExchangeHandle?
    var peerPublic: [UInt8] = []
    /// Methods the initiator has tried, so that INVALID_KE_PAYLOAD cannot send it in circles.
    var triedMethods: [KeyExchangeMethod] = []
    var retries = 0
    /// Until when IKE_SA_INIT is tried, whatever its retries.
    var giveUpAt: Instant?
    /// What the peer listed in SIGNATURE_HASH_ALGORITHMS; nil when it sent none.
    var peerHashes: Set<SignatureHash>?
    /// An unauthenticated error notify: believed only when nothing better comes (RFC 7296 §2.21.1).
    var refusal: NotifyType?
    /// The first child, as the initiator asked for it.
    var child: ChildNegotiation?
    /// What we offered (initiator).
    var offered: [Proposal] = []
    /// The selected proposal, to be repeated in the response (responder).
    var selectedProposal: Proposal?
    /// The ticket by which the session is resumed (RFC 5723).
    var resumption: Resumption?
    /// The gateway that sent us here (initiator, RFC 5685).
    var redirectedFrom: IPAddress?
    /// The inner addresses that we had before and ask for again (initiator).
    var formerAddresses: [IPAddress] = []
    /// Whether the responder announced that IKE_AUTH may do without a child (RFC 6023).
    var peerTakesChildless = false

    /// Where the conversation of IKE_AUTH stands.
    var conversation = AuthConversation()
    /// IKE_INTERMEDIATE exchanges between IKE_SA_INIT and IKE_AUTH.
    var intermediate = IntermediateState()
    /// Post-quantum pre-shared keys.
    var ppk = PPKState()

    init(localNonce: [UInt8], method: KeyExchangeMethod) {
        self.localNonce = localNonce
        self.method = method
    }

    /// Whether a proposal of ours has an additional key exchange.
    var offersAdditional: Bool {
        offered.contains { proposal in
            proposal.transforms.contains { TransformType.additionalKeyExchanges.contains($0.type) }
        }
    }

    func context(weInitiated: Bool) -> NoncePair {
        weInitiated
            ? NoncePair(initiatorNonce: localNonce, responderNonce: remoteNonce)
            : NoncePair(initiatorNonce: remoteNonce, responderNonce: localNonce)
    }
}
