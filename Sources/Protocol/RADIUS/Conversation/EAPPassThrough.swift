public import IPsecTypes

/// One peer's EAP conversation, carried to a RADIUS server and back (RFC 3579): a NAS that understands nothing of the
/// method.
public struct EAPPassThrough: Sendable {
    /// Rounds of a conversation (E06).
    public static let maximumRounds = 50
    /// The longest identity that is carried (E06).
    public static let longestIdentity = 253

    /// What came of an answer.
    public enum Step: Sendable {
        /// This EAP packet goes to the peer.
        case request([UInt8])
        /// The server lets the peer in. `success` is the EAP Success; `key` the MSK, nil where the method has none.
        case accepted(success: [UInt8], key: SecretBytes?, RADIUSAuthorization)
        /// It does not, or its answer cannot be used; the reason is for our log.
        case refused(failure: [UInt8], reason: String)
    }

    /// Who the peer says it is: its EAP identity.
    public private(set) var userName: String
    private let attributes: [RADIUSAttribute]
    private var state: [UInt8]?
    private var server: Int?
    private var rounds = 0
    /// The identifier and method of the newest EAP request, for a Failure of our own and for what keys to expect.
    private var lastIdentifier: UInt8 = 0
    private var method: UInt8?

    /// Whether the method authenticates both ends, makes a key and withstands dictionaries (RFC 5998 §4): TLS, SIM, TTLS,
    /// AKA, FAST, IKEv2, AKA', GPSK, pwd and EKE by their numbers. Not MSCHAPv2.
    public var isMutual: Bool { [13, 18, 21, 23, 43, 49, 50, 51, 52, 53].contains(method ?? 0) }

    /// Begins a conversation.
    ///
    /// - Parameters:
    ///   - userName: the EAP identity, sent as User-Name.
    ///   - attributes: what else the server is told of peer and gateway in each request.
    public init(userName: String, attributes: [RADIUSAttribute]) {
        self.userName = userName
        self.attributes = attributes
    }

    /// The Access-Request for an EAP response of the peer. nil when the conversation has gone on for too long or the
    /// packet cannot be an EAP response.
    public mutating func request(_ response: [UInt8]) -> RADIUSRequest? {
        rounds += 1
        guard rounds <= Self.maximumRounds, let header = EAPHeader(response), header.code == EAPHeader.response else {
            return nil
        }
        lastIdentifier = header.identifier
        var all = [RADIUSAttribute(.userName, text: userName)] + attributes
        all.append(eapPacket: response)
        if let state { all.append(RADIUSAttribute(.state, state)) }
        return RADIUSRequest(.accessRequest, all, server: server)
    }

    /// Takes the server's answer.
    public mutating func take(_ answer: RADIUSAnswer) -> Step {
        // RFC 2865 §5.24: State belongs to this server and goes back as it came; a server without it may be any.
        state = answer.attributes.first(.state)
        server = state == nil ? nil : answer.server
        let packet = answer.attributes.eapPacket
        switch answer.code {
        case .accessChallenge: return challenge(packet)
        case .accessAccept: return accept(answer, packet)
        default:
            let message = try? answer.attributes.text(.replyMessage)
            return refuse("Access-Reject" + (message.map { ": \($0.printable)" } ?? ""), packet)
        }
    }

    /// The step for a request that no server answered.
    public func unanswered(_ reason: String) -> Step { refuse(reason, nil) }

    private mutating func challenge(_ packet: [UInt8]?) -> Step {
        guard let packet, let header = EAPHeader(packet), header.code == EAPHeader.request else {
            // RFC 3579 §2.6.3: nothing may be made up in the place of what is missing or contradicts the code.
            return refuse("the Access-Challenge carries no EAP request", nil)
        }
        lastIdentifier = header.identifier
        // Notifications and identities belong to no method.
        if let type = header.type, type > 3 { method = type }
        return .request(packet)
    }

    private func accept(_ answer: RADIUSAnswer, _ packet: [UInt8]?) -> Step {
        guard let packet, let header = EAPHeader(packet), header.code == EAPHeader.success else {
            return refuse("the Access-Accept carries no EAP Success", nil)
        }
        // MSK, E02: a method that makes keys and a server that does not hand them out is no proof for us.
        if answer.masterSessionKey == nil, EAPHeader.makesKeys(method) {
            return refuse("msk_missing: the Access-Accept carries no MS-MPPE keys", nil)
        }
        do throws(RADIUSValueError) {
            return .accepted(
                success: packet,
                key: EAPHeader.makesKeys(method) ? answer.masterSessionKey : nil,
                try RADIUSAuthorization(answer.attributes)
            )
        } catch {
            return refuse("\(error)", nil)
        }
    }

    /// The server's EAP Failure, else one of ours (RFC 3748 §4.2).
    private func refuse(_ reason: String, _ packet: [UInt8]?) -> Step {
        if let packet, EAPHeader(packet)?.code == EAPHeader.failure { return .refused(failure: packet, reason: reason) }
        return .refused(failure: [EAPHeader.failure, lastIdentifier, 0, 4], reason: reason)
    }
}

/// The first octets of an EAP packet (RFC 3748 §4): all that a pass-through looks at.
struct EAPHeader {
    static let request: UInt8 = 1
    static let response: UInt8 = 2
    static let success: UInt8 = 3
    static let failure: UInt8 = 4

    let code: UInt8
    let identifier: UInt8
    /// The type; nil for Success and Failure.
    let type: UInt8?

    /// nil when the length does not fit (E03).
    init?(_ packet: [UInt8]) {
        var reader = WireReader(count: packet.count)
        guard let code = try? reader.readUInt8(packet.span), let identifier = try? reader.readUInt8(packet.span),
            let length = try? reader.readUInt16(packet.span), Int(length) == packet.count
        else { return nil }
        self.code = code
        self.identifier = identifier
        type = try? reader.readUInt8(packet.span)
        let hasType = code == Self.request || code == Self.response
        guard hasType ? type != nil : type == nil else { return nil }
    }

    /// Whether a method makes keys (RFC 3748 §7.10). Those that do not: MD5, one-time passwords, generic token cards;
    /// any other that is not known is expected to.
    static func makesKeys(_ method: UInt8?) -> Bool { ![4, 5, 6].contains(method ?? 0) }
}
