import IKEMessage
import IKEv2
import IPsecTypes
import RADIUS

/// The EAP conversations that go on with RADIUS servers, by the engine's number.
struct RADIUSConversations {
    /// What a step of a conversation needs.
    enum Next {
        /// Nothing: this is the answer.
        case answer(EAPServerStep)
        /// A RADIUS server has to be asked.
        case ask(RADIUSRequest)
    }

    private struct Entry {
        /// nil until the peer has said its EAP identity.
        var exchange: EAPPassThrough?
        var attributes: [RADIUSAttribute]
        var identityIdentifier: UInt8
        var until: Instant
        var completion: (@Sendable (EAPServerStep) -> Void)?
    }

    /// A conversation is forgotten this long after its last packet: its IKE SA is no longer half-open then.
    private static let patience: Duration = .seconds(60)
    /// Conversations at once: more than IKE SAs can be half-open.
    private static let limit = 65_536
    private static let identityRequestIdentifier: UInt8 = 1

    private let parts: RADIUSService.Parts
    private let accepted: RADIUSAcceptances
    private var entries: [EAPSessionID: Entry] = [:]
    private var sessions: [RADIUSRequestID: EAPSessionID] = [:]
    private(set) var nextDeadline: Instant?

    /// Conversations that go on.
    var count: Int { entries.count }

    init(_ parts: RADIUSService.Parts, _ accepted: RADIUSAcceptances) {
        self.parts = parts
        self.accepted = accepted
    }

    mutating func take(
        _ request: EAPServerRequest,
        _ completion: @escaping @Sendable (EAPServerStep) -> Void,
        now: Instant
    ) -> Next {
        guard let response = request.response else { return begin(request, completion, now) }
        guard var entry = entries[request.session] else {
            return .answer(.failed(failure: Self.failure(0), reason: "no such EAP conversation"))
        }
        entry.until = now + Self.patience
        entry.completion = completion
        if entry.exchange == nil {
            guard let identity = Self.identity(response, answering: entry.identityIdentifier) else {
                entries[request.session] = nil
                let failure = Self.failure(entry.identityIdentifier)
                return .answer(.failed(failure: failure, reason: "the peer says no EAP identity that can be sent on"))
            }
            entry.exchange = EAPPassThrough(userName: identity, attributes: entry.attributes)
        }
        return ask(request.session, entry, response)
    }

    /// RFC 7296 §3.16: IDi spares the peer the question for its identity, where it can be a user's name at all.
    private mutating func begin(
        _ request: EAPServerRequest,
        _ completion: @escaping @Sendable (EAPServerStep) -> Void,
        _ now: Instant
    ) -> Next {
        guard entries.count < Self.limit, !parts.access.isEmpty else {
            return .answer(.failed(failure: Self.failure(0), reason: "no RADIUS server can be asked"))
        }
        var entry = Entry(
            attributes: attributes(request),
            identityIdentifier: Self.identityRequestIdentifier,
            until: now + Self.patience,
            completion: completion
        )
        nextDeadline = nextDeadline ?? entry.until
        guard !parts.asksIdentity, let name = Self.userName(request.claimed) else {
            entries[request.session] = entry
            return .answer(.request([1, Self.identityRequestIdentifier, 0, 5, 1]))
        }
        entry.exchange = EAPPassThrough(userName: name, attributes: entry.attributes)
        var response = WireWriter(capacity: 64)
        response.writeUInt8(2)
        response.writeUInt8(0)
        response.writeUInt16(UInt16(clamping: name.utf8.count + 5))
        response.writeUInt8(1)
        response.writeBytes(name.utf8)
        return ask(request.session, entry, response.bytes)
    }

    private mutating func ask(_ session: EAPSessionID, _ made: Entry, _ response: [UInt8]) -> Next {
        var entry = made
        guard let question = entry.exchange?.request(response) else {
            entries[session] = nil
            return .answer(.failed(failure: Self.failure(0), reason: "no EAP response, or too many rounds"))
        }
        entries[session] = entry
        return .ask(question)
    }

    /// Says under which request a conversation waits.
    mutating func asked(_ session: EAPSessionID, as id: RADIUSRequestID) { sessions[id] = session }

    /// Takes the end of a request and hands the step to whoever waits for it.
    mutating func finished(_ id: RADIUSRequestID, _ outcome: RADIUSOutcome, now: Instant) {
        guard let session = sessions.removeValue(forKey: id), var entry = entries[session],
            var exchange = entry.exchange
        else { return }
        let completion = entry.completion
        entry.completion = nil
        let step: EAPPassThrough.Step
        var server = ""
        switch outcome {
        case .answered(let answer):
            server = parts.access[answer.server].name
            step = exchange.take(answer)
        case .unanswered: step = exchange.unanswered("radius_unreachable: no RADIUS server answered")
        case .notSent(let reason): step = exchange.unanswered("radius_unreachable: \(reason)")
        }
        entry.exchange = exchange
        entry.until = now + Self.patience
        switch step {
        case .request(let packet):
            entries[session] = entry
            completion?(.request(packet))
        case .accepted(let success, let key, let authorization):
            entries[session] = nil
            let user = authorization.userName ?? exchange.userName
            let token = accepted.add(
                RADIUSAcceptances.Entry(userName: user, authorization: authorization, server: server)
            )
            let identity = EAPIdentity(
                name: user,
                method: "radius",
                isMutual: exchange.isMutual && key != nil,
                groups: authorization.groups
            )
            let peer = VerifiedPeer(attributes: ["radius_server": server], token: token, eap: identity)
            completion?(.succeeded(success: success, key: key, peer))
        case .refused(let failure, let reason):
            entries[session] = nil
            let who = "\(exchange.userName.printable)" + (server.isEmpty ? "" : " by \(server)")
            completion?(.failed(failure: failure, reason: "radius: \(who): \(reason)"))
        }
    }

    /// A conversation is over: the request that may be under way for it, to be cancelled.
    mutating func end(_ session: EAPSessionID) -> RADIUSRequestID? {
        entries[session] = nil
        guard let id = sessions.first(where: { $0.value == session })?.key else { return nil }
        sessions[id] = nil
        return id
    }

    /// Forgets conversations whose peers are gone.
    mutating func expire(now: Instant) {
        guard let due = nextDeadline, due <= now else { return }
        entries = entries.filter { $0.value.until > now }
        nextDeadline = entries.isEmpty ? nil : now + Self.patience
    }

    /// What the server is told of peer and gateway in each request.
    private func attributes(_ request: EAPServerRequest) -> [RADIUSAttribute] {
        parts.identification + RADIUSStations.attributes(request.path) + [
            // RFC 2865 §5.6, §5.41: a Framed session over a Virtual port.
            RADIUSAttribute(.serviceType, number: 2), RADIUSAttribute(.nasPortType, number: 5),
            // RFC 3579 §2.4: what an EAP packet may be long.
            RADIUSAttribute(.framedMTU, number: 1400),
            RADIUSAttribute(.nasPortID, text: request.connection),
        ]
    }

    /// An identity of IKE that can be a user's name: a name, a mailbox, a key ID in printable text.
    private static func userName(_ identity: Identity) -> String? {
        let name: String? =
            switch identity {
            case .fqdn(let name): name
            case .rfc822(let mailbox): mailbox
            case .keyID(let bytes): String(validating: bytes, as: UTF8.self)
            default: nil
            }
        return name.flatMap { usable($0) }
    }

    /// E06: an identity is bounded; RFC 2865 §5.1 wants text.
    private static func usable(_ name: String) -> String? {
        (1...EAPPassThrough.longestIdentity).contains(name.utf8.count) && name.printable == name ? name : nil
    }

    /// The text of an EAP-Response/Identity (RFC 3748 §5.1).
    private static func identity(_ response: [UInt8], answering identifier: UInt8) -> String? {
        guard response.count > 5, response[0] == 2, response[1] == identifier, response[4] == 1,
            Int(response[2]) << 8 | Int(response[3]) == response.count
        else { return nil }
        return String(validating: response.dropFirst(5), as: UTF8.self).flatMap { usable($0) }
    }

    private static func failure(_ identifier: UInt8) -> [UInt8] { [4, identifier, 0, 4] }
}

/// How RADIUS is told where both ends of a tunnel are.
public enum RADIUSStations {
    /// Calling-Station-Id is the peer's outer address and port, Called-Station-Id ours (RFC 2865 §5.30, §5.31).
    public static func attributes(_ path: Path) -> [RADIUSAttribute] {
        [
            RADIUSAttribute(.callingStationID, text: calling(path)),
            RADIUSAttribute(.calledStationID, text: "\(path.local)"),
        ]
    }

    /// Calling-Station-Id of a path.
    public static func calling(_ path: Path) -> String { "\(path.remote)" }
}
