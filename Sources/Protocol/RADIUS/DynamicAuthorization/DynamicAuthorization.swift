public import IPsecTypes

/// The server's side of dynamic authorization (RFC 5176): checks requests, knows what it has answered, seals answers.
public struct DynamicAuthorization: Sendable {
    /// How far a request's Event-Timestamp may be from our clock (RFC 5176 §6.3).
    public static let window: Int64 = 300
    /// Requests remembered: each for twice the window. When the memory is full new ones are refused, never believed.
    public static let memoryLimit = 4096

    private struct Seen: Sendable {
        var source: Endpoint
        var until: WallTime
        /// nil while it is worked on.
        var answer: [UInt8]?
    }

    private let clients: [DynamicClient]
    private let nasIdentifier: String
    private let nasAddresses: [IPAddress]
    /// By Request Authenticator, which covers all of a request and the secret.
    private var seen: [[UInt8]: Seen] = [:]
    private var nextForgetting = WallTime(secondsSinceEpoch: 0)

    /// Datagrams thrown away, by reason.
    public private(set) var discarded: [DynamicDiscard: UInt64] = [:]

    /// A server for some clients. A request that names another NAS than ours is refused.
    public init(clients: [DynamicClient], nasIdentifier: String, nasAddresses: [IPAddress]) {
        self.clients = clients
        self.nasIdentifier = nasIdentifier
        self.nasAddresses = nasAddresses
    }

    /// A server of other settings that remembers which requests this one has seen: a reload lets nobody play one back.
    public func reconfigured(
        clients: [DynamicClient],
        nasIdentifier: String,
        nasAddresses: [IPAddress]
    ) -> DynamicAuthorization {
        var next = DynamicAuthorization(clients: clients, nasIdentifier: nasIdentifier, nasAddresses: nasAddresses)
        next.seen = seen
        next.nextForgetting = nextForgetting
        next.discarded = discarded
        return next
    }

    /// Takes a datagram.
    public mutating func receive(_ bytes: [UInt8], from source: Endpoint, wallClock: WallTime) -> DynamicOutcome {
        do throws(DynamicDiscard) {
            return try take(bytes, source, wallClock)
        } catch {
            discarded.updateValue((discarded[error] ?? 0) &+ 1, forKey: error)
            return .discarded(error)
        }
    }

    /// Seals the answer to a request: an ACK, or a NAK with its Error-Cause.
    public mutating func answer(_ request: DynamicRequest, _ refusal: DynamicRefusal?) -> [UInt8] {
        guard let client = client(request.client) else { return [] }
        let isDisconnect = request.kind == .disconnect
        let code: RADIUSCode =
            switch (isDisconnect, refusal == nil) {
            case (true, true): .disconnectACK
            case (true, false): .disconnectNAK
            case (false, true): .coaACK
            case (false, false): .coaNAK
            }
        return seal(code, request.identifier, request.authenticator, request.echoed, refusal, client.secret)
    }

    private mutating func take(
        _ bytes: [UInt8],
        _ source: Endpoint,
        _ wallClock: WallTime
    ) throws(DynamicDiscard) -> DynamicOutcome {
        // RFC 5176 §2.3: the source address says which secret.
        guard let client = client(source) else { throw .unknownClient }
        guard let packet = try? RADIUSPacket(parsing: bytes) else { throw .malformed }
        guard packet.code == .disconnectRequest || packet.code == .coaRequest else { throw .unexpectedCode }
        do throws(RADIUSForgery) {
            try packet.checkRequest(client.secret)
        } catch {
            throw DynamicDiscard(error)
        }
        // RFC 5176 §6.3: what carries no time, or another than now, is an old request as far as we can know.
        let stamp = (try? packet.attributes.number(.eventTimestamp)) ?? nil
        guard let stamp, abs(wallClock.secondsSinceEpoch &- Int64(stamp)) <= Self.window else { throw .notCurrent }
        forget(wallClock)
        if let known = seen[packet.authenticator] ?? nil {
            guard known.source == source, let answer = known.answer else { throw .replayed }
            return .answer(answer)
        }
        let nak: RADIUSCode = packet.code == .coaRequest ? .coaNAK : .disconnectNAK
        let echoed = packet.attributes.filter { $0.type == .proxyState || $0.type == .state }
        guard seen.count < Self.memoryLimit else {
            let refusal = DynamicRefusal.resourcesUnavailable
            return .answer(seal(nak, packet.identifier, packet.authenticator, echoed, refusal, client.secret))
        }
        let until = wallClock.advanced(bySeconds: 2 * Self.window)
        seen.updateValue(Seen(source: source, until: until, answer: nil), forKey: packet.authenticator)
        do throws(DynamicRefusal) {
            return .request(try request(packet, source, echoed))
        } catch {
            return .answer(seal(nak, packet.identifier, packet.authenticator, echoed, error, client.secret))
        }
    }

    private func client(_ source: Endpoint) -> DynamicClient? { clients.first { $0.address == source.address } }

    /// Forgets what is too old to pass the window, once in a while.
    private mutating func forget(_ wallClock: WallTime) {
        guard wallClock >= nextForgetting || seen.count >= Self.memoryLimit else { return }
        seen = seen.filter { $0.value.until > wallClock }
        nextForgetting = wallClock.advanced(bySeconds: 60)
    }

    private mutating func seal(
        _ code: RADIUSCode,
        _ identifier: UInt8,
        _ authenticator: [UInt8],
        _ echoed: [RADIUSAttribute],
        _ refusal: DynamicRefusal?,
        _ secret: SecretBytes
    ) -> [UInt8] {
        var attributes = echoed
        if let refusal { attributes.append(RADIUSAttribute(.errorCause, number: refusal.rawValue)) }
        var packet = RADIUSPacket(code: code, identifier: identifier, attributes: attributes)
        packet.sealAnswer(to: authenticator, secret)
        let bytes = packet.encoded
        if var known = seen[authenticator] ?? nil {
            known.answer = bytes
            seen.updateValue(known, forKey: authenticator)
        }
        return bytes
    }

    // MARK: Reading

    private static let framing: Set<RADIUSAttributeType> = [
        .messageAuthenticator, .eventTimestamp, .proxyState, .state, .nasIPAddress, .nasIPv6Address, .nasIdentifier,
        .userName, .callingStationID, .acctSessionID, .framedIPAddress, .framedIPv6Address, .class, .replyMessage,
        .acctTerminateCause,
    ]
    private static let changes: Set<RADIUSAttributeType> = [
        .sessionTimeout, .filterID, .acctInterimInterval, .serviceType,
    ]

    /// RFC 5176 §2.3: all attributes are mandatory; one that we do not serve refuses the whole.
    private func request(
        _ packet: RADIUSPacket,
        _ source: Endpoint,
        _ echoed: [RADIUSAttribute]
    ) throws(DynamicRefusal) -> DynamicRequest {
        let attributes = packet.attributes
        let isChange = packet.code == .coaRequest
        let known = isChange ? Self.framing.union(Self.changes) : Self.framing
        // RFC 5176 §3.2: Authorize Only is optional, and refused with its own cause.
        if isChange, attributes.contains(where: { $0.type == .serviceType }) { throw .unsupportedService }
        guard attributes.allSatisfy({ known.contains($0.type) }) else { throw .unsupportedAttribute }
        var selection = DynamicRequest.Selection()
        let change: RADIUSAuthorization
        var isForUs = false
        do throws(RADIUSValueError) {
            let named = try attributes.text(.nasIdentifier)
            let v4 = try attributes.address(.nasIPAddress, .v4)
            let v6 = try attributes.address(.nasIPv6Address, .v6)
            let nas = [v4, v6].compactMap { $0 }
            isForUs = (named == nil || named == nasIdentifier) && nas.allSatisfy { nasAddresses.contains($0) }
            selection.sessionID = try attributes.text(.acctSessionID)
            selection.userName = try attributes.text(.userName)
            selection.callingStation = try attributes.text(.callingStationID)
            let framed = [
                try attributes.address(.framedIPAddress, .v4), try attributes.address(.framedIPv6Address, .v6),
            ]
            selection.addresses = framed.compactMap { $0 }
            if !isChange { selection.classes = attributes.all(.class) }
            // Addresses name the session here; they are nothing to change (RFC 5176 §3, note 1).
            change = try RADIUSAuthorization(
                attributes.filter { ![.framedIPAddress, .framedIPv6Address, .userName].contains($0.type) }
            )
        } catch {
            throw .invalidValue
        }
        guard isForUs else { throw .nasMismatch }
        guard !selection.isEmpty else { throw .missingAttribute }
        guard isChange else { return made(.disconnect, selection, packet, source, echoed) }
        guard change != RADIUSAuthorization() else { throw .missingAttribute }
        return made(.change(change), selection, packet, source, echoed)
    }

    private func made(
        _ kind: DynamicRequest.Kind,
        _ selection: DynamicRequest.Selection,
        _ packet: RADIUSPacket,
        _ source: Endpoint,
        _ echoed: [RADIUSAttribute]
    ) -> DynamicRequest {
        DynamicRequest(
            kind: kind,
            selection: selection,
            client: source,
            identifier: packet.identifier,
            authenticator: packet.authenticator,
            echoed: echoed
        )
    }
}
