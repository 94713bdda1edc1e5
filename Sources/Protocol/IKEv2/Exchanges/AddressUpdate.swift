import IKEMessage
import IPsecTypes

// MOBIKE (RFC 4555): what both ends say about their addresses.

extension Engine {
    // MARK: IKE_AUTH

    /// What the initiator adds to IKE_AUTH (RFC 4555 §3.2, §3.4).
    func mobilityOffer(_ sa: IKESA) -> [Payload] {
        let settings = sa.connection.mobility
        guard settings.isEnabled else { return [] }
        if sa.mobility.localAddresses.isEmpty { sa.mobility.localAddresses = settings.localAddresses }
        let list = additionalAddresses(sa)
        sa.mobility.announced = list
        return [.notify(.mobikeSupported)] + list.map(Self.additional) + noNATs(sa)
    }

    /// Takes what the peer's IKE_AUTH message says. The responder has not chosen its connection yet.
    func noteMobility(_ sa: IKESA, _ payloads: [Payload]) {
        let isOffered = payloads.notify(.mobikeSupported) != nil
        sa.mobility.isOffered = isOffered
        sa.mobility.peerAddresses = isOffered ? Self.addresses(in: payloads, configuration.limits) : []
        if sa.isInitiator { sa.mobility.isNegotiated = isOffered && sa.connection.mobility.isEnabled }
    }

    /// What the responder adds to its answer when the initiator offered MOBIKE.
    func acceptMobility(_ sa: IKESA) -> [Payload] {
        let settings = sa.connection.mobility
        guard sa.mobility.isOffered, settings.isEnabled else {
            sa.mobility.peerAddresses = []
            return []
        }
        sa.mobility.isNegotiated = true
        sa.mobility.localAddresses = settings.localAddresses
        let list = additionalAddresses(sa)
        sa.mobility.announced = list
        return [.notify(.mobikeSupported)] + list.map(Self.additional)
    }

    // MARK: Lists

    /// Our addresses besides the one in use.
    func additionalAddresses(_ sa: IKESA) -> [IPAddress] {
        Array(
            sa.mobility.localAddresses.filter { $0 != sa.path.local.address }
                .prefix(configuration.limits.additionalAddresses)
        )
    }

    static func additional(_ address: IPAddress) -> Payload {
        .notify(address.family == .v4 ? .additionalIP4Address : .additionalIP6Address, address.bytes)
    }

    /// The complete list, as a message has to carry it (RFC 4555 §3.6).
    static func list(_ addresses: [IPAddress]) -> [Payload] {
        addresses.isEmpty ? [.notify(.noAdditionalAddresses)] : addresses.map(additional)
    }

    /// What a peer tells of its addresses, as far as a host can have them.
    private static func addresses(in payloads: [Payload], _ limits: IKELimits) -> [IPAddress] {
        var found: [IPAddress] = []
        for notify in payloads.notifies {
            guard case .additionalAddress(let address) = notify.decoded, address.isUnicastOfOthers,
                !found.contains(address), found.count < limits.additionalAddresses
            else { continue }
            found.append(address)
        }
        return found
    }

    /// Tells the peer when the list it knows is not ours any more.
    func announceChanges(_ sa: IKESA) {
        guard sa.mobility.isNegotiated, additionalAddresses(sa) != sa.mobility.announced else { return }
        enqueue(sa, .announceAddresses)
    }

    func startAnnouncement(_ sa: IKESA) {
        let list = additionalAddresses(sa)
        sendRequest(sa, .informational, Self.list(list) + noNATs(sa), .mobility(.announce(list)))
    }

    // MARK: NAT prohibition (RFC 4555 §3.9)

    /// NO_NATS_ALLOWED for a message along the IKE SA's path; nothing where NATs are allowed.
    func noNATs(_ sa: IKESA) -> [Payload] {
        guard sa.connection.mobility.forbidsNAT else { return [] }
        return [.notify(.noNATsAllowed, Self.noNATs(from: sa.path.local, to: sa.path.remote))]
    }

    private static func noNATs(from source: Endpoint, to destination: Endpoint) -> [UInt8] {
        var writer = WireWriter(capacity: 36)
        writer.writeBytes(source.address.bytes)
        writer.writeBytes(destination.address.bytes)
        writer.writeUInt16(source.port)
        writer.writeUInt16(destination.port)
        return writer.bytes
    }

    /// UNEXPECTED_NAT_DETECTED when a message that changes addresses, which came along the path of the request or of
    /// IKE_AUTH, was changed on its way, or does not say where it was sent though we allow no NATs; else nil.
    func natRefusal(_ sa: IKESA, _ payloads: [Payload]) -> NotifyType? {
        guard sa.mobility.isNegotiated || sa.mobility.isOffered else { return nil }
        let path = sa.responses.current?.path ?? sa.path
        guard let claim = payloads.notify(.noNATsAllowed) else {
            return sa.connection.mobility.forbidsNAT ? .unexpectedNATDetected : nil
        }
        let seen = Self.noNATs(from: path.remote, to: path.local)
        return constantTimeEqual(claim.data, seen) ? nil : .unexpectedNATDetected
    }

    // MARK: The peer's requests

    /// Whether a peer may be at the far end of a path by what is configured.
    func isAcceptable(_ sa: IKESA, _ path: Path) -> Bool {
        matches(sa.connection, path) && path.remote.address.isUnicastOfOthers && path.remote.port != 0
            && (path.transport == sa.path.transport || path.transport == .udp4500)
    }

    /// What an INFORMATIONAL request says about addresses; returns what goes into the answer.
    func mobilityAnswer(_ sa: IKESA, _ payloads: [Payload]) -> [Payload] {
        guard sa.mobility.isNegotiated, sa.isEstablished, let path = sa.responses.current?.path else { return [] }
        var answer: [Payload] = []
        // RFC 4555 §3.7: copied as it is.
        if let cookie = payloads.notify(.cookie2), case .cookie2(let data) = cookie.decoded {
            answer.append(.notify(.cookie2, data))
        }
        // RFC 4555 §3.5: the initiator decides.
        let isUpdate = payloads.notify(.updateSAAddresses) != nil && sa.authorizesPeer
        let tells = payloads.notifies.contains {
            [.additionalIP4Address, .additionalIP6Address, .noAdditionalAddresses].contains($0.type)
        }
        if isUpdate || tells {
            var refusal = natRefusal(sa, payloads)
            if refusal == nil, isUpdate, !isAcceptable(sa, path) || !takesMove(sa) { refusal = .unacceptableAddresses }
            if let refusal {
                report(.mobility(sa.id, .refusedPeer(refusal, path)))
                return answer + [.notify(refusal)]
            }
        }
        let nat = Self.natState(payloads, sa.initiatorSPI, sa.responderSPI, path)
        if nat != nil { answer += natDetectionPayloads(sa, responderSPI: sa.responderSPI, along: path) }
        if isUpdate { followUpdate(sa, path, nat) }
        if tells { takeAdditionalAddresses(sa, payloads, path) }
        return answer
    }

    /// RFC 4555 §3.5, the responder's part: the IKE SA moves, ESP follows once the peer has proved to be there.
    private func followUpdate(_ sa: IKESA, _ path: Path, _ nat: NATState?) {
        sa.mobility.candidate = nil
        if path.remote == sa.trafficPath.remote {
            move(sa, to: path, nat: nat, .peerMoved)
            return
        }
        moveUnproven(sa, to: path, nat: nat)
        // What we asked in vain where the peer was before holds the window: it goes on where the peer is.
        if let request = sa.requests.outstanding {
            if request.detour != nil { sa.requests.outstanding?.detour = nil }
            sendOutstanding(sa, path)
        }
        enqueue(sa, .returnCheck, first: true)
    }

    private func takeAdditionalAddresses(_ sa: IKESA, _ payloads: [Payload], _ path: Path) {
        let list = Self.addresses(in: payloads, configuration.limits)
        if list != sa.mobility.peerAddresses {
            sa.mobility.peerAddresses = list
            report(.mobility(sa.id, .peerAddresses(list)))
        }
        // RFC 4555 §3.5: particularly important when the address in use is not among them any more.
        guard !sa.authorizesPeer, path.remote.address != sa.path.remote.address,
            !list.contains(sa.path.remote.address)
        else { return }
        moveAsInitiator(
            sa,
            to: AddressPair(local: path.local.address, remote: path.remote.address),
            .peerAddresses
        )
    }

    // MARK: Answers to our requests

    func mobilityAnswered(
        _ sa: IKESA,
        _ exchange: MobilityExchange,
        _ ways: [Path],
        _ payloads: [Payload],
        _ path: Path
    ) {
        guard sa.isEstablished else { return }
        switch exchange {
        case .check(let check): checkAnswered(sa, check, ways, payloads, path)
        case .update(let update): updateAnswered(sa, update, ways, payloads)
        case .announce(let list):
            guard payloads.notify(.unexpectedNATDetected) != nil else {
                sa.mobility.announced = list
                return announceChanges(sa)
            }
            report(.mobility(sa.id, .refused(.unexpectedNATDetected, sa.path)))
            sa.mobility.natRefusals += 1
            guard sa.mobility.natRefusals < configuration.limits.natRefusals else { return }
            enqueue(sa, .announceAddresses, notBefore: now + sa.connection.timing.retransmitInitial)
        }
    }
}

extension IPAddress {
    /// Whether packets to it reach one other host: not loopback, multicast, link-local or nobody.
    var isUnicastOfOthers: Bool {
        let bytes = bytes
        guard let first = bytes.first, let second = bytes.dropFirst().first else { return false }
        switch family {
        case .v4: return first != 0 && first != 127 && first < 224
        case .v6:
            // ::/8 is loopback, unspecified and addresses of translators.
            return first != 0 && first != 0xFF && !(first == 0xFE && second & 0xC0 == 0x80)
        }
    }
}
