import IKEMessage
import IPsecTypes

// MOBIKE, the initiator's decisions (RFC 4555 §3.5, §3.8, §3.10), and what a host without MOBIKE can do.

extension Engine {
    /// The host's addresses or routes have changed.
    func takeLocalAddresses(_ sa: IKESA, _ addresses: LocalAddresses) {
        let usable = addresses.usable.reduce(into: [IPAddress]()) { list, next in
            if !list.contains(next) { list.append(next) }
        }
        sa.mobility.localAddresses = Array(usable.prefix(configuration.limits.additionalAddresses + 1))
        sa.mobility.routed = Array(addresses.routed.prefix(configuration.limits.probedPaths))
        guard sa.isEstablished else { return }
        if sa.authorizesPeer { return followOwnAddressAsResponder(sa) }
        let current = sa.path.remote.address
        let routed = sa.mobility.routed
        guard let target = routed.first(where: { $0.remote == current }) ?? routed.first else {
            return announceChanges(sa)
        }
        guard target != pair(sa.path) else { return announceChanges(sa) }
        if sa.mobility.isNegotiated {
            moveAsInitiator(sa, to: target, .localAddress)
        } else {
            moveWithoutMobility(sa, to: target)
        }
    }

    private func pair(_ path: Path) -> AddressPair {
        AddressPair(local: path.local.address, remote: path.remote.address)
    }

    private func path(_ sa: IKESA, _ pair: AddressPair) -> Path {
        var path = sa.path
        path.local.address = pair.local
        path.remote.address = pair.remote
        return path
    }

    /// RFC 4555 §3.5: the IKE SA moves, and ESP with it when only our own address is another; a new address of the peer
    /// has to answer first. What is in flight goes along the new way, and the peer is told.
    func moveAsInitiator(_ sa: IKESA, to target: AddressPair, _ cause: PathChange) {
        let path = path(sa, target)
        if target.remote == sa.trafficPath.remote.address {
            move(sa, to: path, cause)
        } else {
            moveUnproven(sa, to: path)
        }
        sa.mobility.mapping = nil
        sa.mobility.cause = cause
        enqueue(sa, .updateAddresses, first: true)
        repeatOutstanding(sa)
    }

    /// What is outstanding goes out at once by the new path, with fresh patience.
    private func repeatOutstanding(_ sa: IKESA) {
        guard sa.requests.outstanding != nil else { return }
        let timing = sa.connection.timing
        sa.requests.outstanding?.attempt = 0
        sa.requests.outstanding?.isProbing = false
        sa.requests.outstanding?.pause = timing.retransmitInitial
        sa.timers[.retransmit] = now + timing.retransmitInitial
        sa.timers[.giveUp] = now + timing.giveUp
        sendOutstanding(sa, sa.path)
    }

    /// Without MOBIKE only a peer that takes us to be behind a NAT follows (RFC 7296 §2.23), by what it hears from us. Any
    /// other one would go on sending to where we are no more.
    private func moveWithoutMobility(_ sa: IKESA, to target: AddressPair) {
        let isGone = !sa.mobility.localAddresses.contains(sa.path.local.address)
        guard sa.nat.local, target.remote == sa.path.remote.address else {
            if isGone { destroy(sa, .addressLost) }
            return
        }
        move(sa, to: path(sa, target), .localAddress)
        enqueue(sa, .probe)
        repeatOutstanding(sa)
    }

    /// RFC 4555 §3.5, last paragraph, and §3.6: a responder may leave an address that it has no more, and tells the
    /// initiator, which decides.
    private func followOwnAddressAsResponder(_ sa: IKESA) {
        let usable = sa.mobility.localAddresses
        guard sa.mobility.isNegotiated, !usable.isEmpty, !usable.contains(sa.path.local.address) else {
            return announceChanges(sa)
        }
        let family = sa.path.remote.address.family
        if let local = usable.first(where: { $0.family == family }) {
            move(sa, to: path(sa, AddressPair(local: local, remote: sa.path.remote.address)), .localAddress)
        } else {
            for local in usable {
                guard let remote = sa.mobility.peerAddresses.first(where: { $0.family == local.family }) else {
                    continue
                }
                moveUnproven(sa, to: path(sa, AddressPair(local: local, remote: remote)))
                break
            }
        }
        enqueue(sa, .announceAddresses, first: true)
        repeatOutstanding(sa)
    }

    // MARK: UPDATE_SA_ADDRESSES

    func startAddressUpdate(_ sa: IKESA) {
        let cookie = randomBytes(32)
        let list = additionalAddresses(sa)
        let tells = list != sa.mobility.announced
        var payloads: [Payload] = [.notify(.updateSAAddresses)]
        payloads += natDetectionPayloads(sa, responderSPI: sa.responderSPI)
        payloads += noNATs(sa)
        payloads.append(.notify(.cookie2, cookie))
        if tells { payloads += Self.list(list) }
        let update = AddressUpdate(path: sa.path, cookie: cookie, announced: tells ? list : nil)
        sendRequest(sa, .informational, payloads, .mobility(.update(update)))
    }

    func updateAnswered(_ sa: IKESA, _ update: AddressUpdate, _ ways: [Path], _ payloads: [Payload]) {
        guard let echo = payloads.notify(.cookie2), constantTimeEqual(echo.data, update.cookie) else {
            return destroy(sa, .protocolError("COOKIE2 did not come back as it was sent"))
        }
        if let list = update.announced { sa.mobility.announced = list }
        // > If an address change has occurred after the request was first sent, no MOBIKE processing is done for the
        // > reply message because a new UPDATE_SA_ADDRESSES is going to be sent.
        guard ways == [sa.path], update.path == sa.path else { return enqueue(sa, .updateAddresses, first: true) }
        if payloads.notify(.unexpectedNATDetected) != nil { return updateMetNAT(sa) }
        if payloads.notify(.unacceptableAddresses) != nil { return updateRefused(sa, .unacceptableAddresses) }
        sa.mobility.natRefusals = 0
        sa.mobility.refused = []
        let before = (nat: sa.nat, mapping: sa.mobility.mapping)
        sa.mobility.mapping = payloads.notify(.natDetectionDestinationIP)?.data
        let nat = Self.natState(payloads, sa.initiatorSPI, sa.responderSPI, sa.path)
        move(sa, to: sa.path, nat: nat, sa.mobility.cause)
        if sa.nat != before.nat || (before.mapping != nil && before.mapping != sa.mobility.mapping) {
            enqueue(sa, .probe, notBefore: now + Self.secondLook)
        }
        announceChanges(sa)
    }

    /// Who relays one message of ours makes a NAT appear that is not there, to us and to the peer, until the peer has asked
    /// in vain at the relay. After this long we ask again how we are seen (RFC 4555 §3.8).
    private static let secondLook: Duration = .seconds(15)

    /// RFC 4555 §3.9: tried again several times, so that who can change one packet does not spoil a path.
    private func updateMetNAT(_ sa: IKESA) {
        sa.mobility.natRefusals += 1
        guard sa.mobility.natRefusals < configuration.limits.natRefusals else {
            sa.mobility.natRefusals = 0
            return updateRefused(sa, .unexpectedNATDetected)
        }
        enqueue(sa, .updateAddresses, notBefore: now + sa.connection.timing.retransmitInitial)
    }

    /// RFC 4555 §3.5: another way is tried, or the one before is kept.
    private func updateRefused(_ sa: IKESA, _ notify: NotifyType) {
        report(.mobility(sa.id, .refused(notify, sa.path)))
        sa.mobility.refused.append(pair(sa.path))
        if let next = otherPairs(sa).first(where: { !sa.mobility.refused.contains($0) }) {
            return moveAsInitiator(sa, to: next, .returned)
        }
        if let proven = sa.mobility.proven {
            sa.mobility.proven = nil
            sa.path = proven.path
            sa.nat = proven.nat
            return startKeepalives(sa)
        }
        guard sa.mobility.refused.count < configuration.limits.natRefusals else { return close(sa, .addressLost) }
        enqueue(sa, .updateAddresses, notBefore: now + Self.refusalPause)
    }

    /// How long an update waits that the peer refused and that has no alternative.
    private static let refusalPause: Duration = .seconds(3)

    // MARK: Liveness checks and other ways

    /// A liveness check of the initiator also asks at what address it is seen (RFC 4555 §3.8).
    func mappingQuestion(_ sa: IKESA) -> [Payload] {
        guard sa.mobility.isNegotiated, !sa.authorizesPeer else { return [] }
        return natDetectionPayloads(sa, responderSPI: sa.responderSPI)
    }

    func probeAnswered(_ sa: IKESA, _ payloads: [Payload]) {
        guard sa.isEstablished, sa.mobility.isNegotiated, !sa.authorizesPeer,
            let seen = payloads.notify(.natDetectionDestinationIP)?.data, seen != sa.mobility.mapping
        else { return }
        if sa.mobility.mapping == nil, !sa.nat.local,
            seen == Self.natHash(sa.initiatorSPI, sa.responderSPI, sa.path.local)
        {
            sa.mobility.mapping = seen
            return
        }
        if sa.mobility.mapping != nil { report(.mobility(sa.id, .mappingChanged(sa.path))) }
        enqueue(sa, .updateAddresses, first: true)
    }

    /// An answer that came along another way than the one in use shows which one works (RFC 4555 §3.10).
    func noteAnswer(_ sa: IKESA, _ request: OutstandingRequest, _ path: Path) {
        guard sa.isEstablished, sa.mobility.isNegotiated, !sa.authorizesPeer, request.isProbing else { return }
        let found = pair(path)
        guard found != pair(sa.path), request.ways.contains(where: { pair($0) == found }) else { return }
        moveAsInitiator(sa, to: found, .probed)
    }

    /// After some retransmissions without an answer the request in flight goes along all other ways too: the window holds
    /// no second one to test them with.
    func probeOtherPaths(_ sa: IKESA) {
        guard sa.isEstablished, sa.mobility.isNegotiated, !sa.authorizesPeer,
            let request = sa.requests.outstanding, request.attempt >= configuration.limits.attemptsBeforeProbing
        else { return }
        let paths = otherPairs(sa).prefix(configuration.limits.probedPaths).map { path(sa, $0) }
        guard !paths.isEmpty else { return }
        report(.mobility(sa.id, .probing(paths: paths.count)))
        sa.requests.outstanding?.isProbing = true
        for path in paths { sendOutstanding(sa, path) }
    }

    /// All pairs of addresses but the one in use: where routes lead, then what the peer told, then what was known before.
    private func otherPairs(_ sa: IKESA) -> [AddressPair] {
        let locals = [sa.path.local.address] + sa.mobility.localAddresses
        let remotes =
            [sa.path.remote.address, sa.trafficPath.remote.address] + sa.mobility.peerAddresses
            + sa.connection.mobility.peerAddresses
        var pairs = sa.mobility.routed.filter { remotes.contains($0.remote) }
        for remote in remotes {
            for local in locals where local.family == remote.family {
                pairs.append(AddressPair(local: local, remote: remote))
            }
        }
        let used = pair(sa.path)
        return pairs.reduce(into: [AddressPair]()) { list, next in
            if next != used, !list.contains(next) { list.append(next) }
        }
    }
}
