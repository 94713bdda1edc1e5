import IKECrypto
import IKEMessage
import IPsecTypes
import LegacyDigests

/// NAT detection and moving to port 4500 (RFC 7296 §2.23).
extension Engine {
    /// The two notifies of a message of ours along a path, by default the IKE SA's. A connection that always encapsulates
    /// says a source that is not ours, so that the peer takes us to be behind a NAT; one that forbids NATs says nothing.
    func natDetectionPayloads(_ sa: IKESA, responderSPI: IKESPI, along path: Path? = nil) -> [Payload] {
        guard !sa.connection.mobility.forbidsNAT else { return [] }
        let path = path ?? sa.path
        let source =
            sa.connection.alwaysEncapsulates
            ? randomBytes(20)
            : Self.natHash(sa.initiatorSPI, responderSPI, path.local)
        return [
            .notify(.natDetectionSourceIP, source),
            .notify(.natDetectionDestinationIP, Self.natHash(sa.initiatorSPI, responderSPI, path.remote)),
        ]
    }

    /// What the peer's notifies say about the path its message took. Nothing when it sent none.
    static func natState(_ payloads: [Payload], _ header: IKEHeader, _ path: Path) -> NATState {
        natState(payloads, header.initiatorSPI, header.responderSPI, path) ?? NATState()
    }

    /// The same for the SPIs of a message; nil when it brought no notifies.
    static func natState(
        _ payloads: [Payload],
        _ initiator: IKESPI,
        _ responder: IKESPI,
        _ path: Path
    ) -> NATState? {
        let sources = payloads.notifies.filter { $0.type == .natDetectionSourceIP }
        let destinations = payloads.notifies.filter { $0.type == .natDetectionDestinationIP }
        guard !sources.isEmpty, !destinations.isEmpty else { return nil }
        let remote = natHash(initiator, responder, path.remote)
        let local = natHash(initiator, responder, path.local)
        return NATState(
            local: !destinations.contains { $0.data == local },
            remote: !sources.contains { $0.data == remote },
            isSupported: true
        )
    }

    static func natHash(_ initiator: IKESPI, _ responder: IKESPI, _ endpoint: Endpoint) -> [UInt8] {
        FixedLegacyDigests.natDetection(initiatorSPI: initiator, responderSPI: responder, endpoint: endpoint)
    }

    /// The initiator moves to port 4500 when a NAT is there, or when it always encapsulates; with MOBIKE whenever both ends
    /// can, so that the port need not change when a later path has a NAT (RFC 4555 §3.3).
    func floatToNATPort(_ sa: IKESA) {
        let moves = sa.connection.mobility.isEnabled && sa.nat.isSupported
        guard sa.path.transport == .udp500, sa.nat.found || sa.connection.alwaysEncapsulates || moves,
            !sa.connection.mobility.forbidsNAT
        else { return }
        sa.path.transport = .udp4500
        sa.path.local.port = configuration.localNATPort
        sa.path.remote.port = configuration.remoteNATPort
    }

    /// An authentic message came by `path`. A half-open IKE SA adopts the path of IKE_AUTH (the initiator floats); later
    /// another address or port is only a reason to ask the peer whether it is there.
    func authenticated(_ sa: IKESA, _ path: Path) {
        if let interval = sa.connection.timing.deadPeerDetection, sa.isEstablished {
            sa.timers[.probe] = now + interval
        }
        guard path != sa.path else { return }
        switch sa.phase {
        case .halfOpen: floatWithPeer(sa, path)
        // RFC 4555 §3.8: with MOBIKE an IKE message alone changes nothing.
        case .established where !sa.mobility.isNegotiated && path.transport == sa.path.transport:
            suspectMove(sa, to: path)
        default: break
        }
    }

    /// IKE_AUTH shows the path of the IKE SA (RFC 4555 §3.3). Its address was proved by IKE_SA_INIT, whose answer it
    /// could not know otherwise; another address is still to be proved.
    private func floatWithPeer(_ sa: IKESA, _ path: Path) {
        let first = sa.mobility.proven?.path.remote ?? sa.path.remote
        if path.remote.address == first.address {
            sa.mobility.proven = nil
        } else if sa.mobility.proven == nil {
            var old = path
            old.remote = first
            sa.mobility.proven = Mobility.ProvenRoute(path: old, nat: sa.nat)
        }
        sa.path = path
    }

    /// Whether the peer's address and port are followed: it is behind a NAT, and we are not. A gateway behind a NAT of its
    /// own (port forwarding, as clouds do) follows its clients nevertheless, or they would be lost at their first rebinding.
    /// With MOBIKE it is the initiator that decides.
    func followsPeer(_ sa: IKESA) -> Bool {
        sa.nat.remote && (sa.authorizesPeer || (!sa.nat.local && !sa.mobility.isNegotiated))
    }

    /// Keepalives hold the mapping of a NAT in front of us open (RFC 3948 §4).
    func startKeepalives(_ sa: IKESA) {
        guard sa.nat.local, sa.path.transport == .udp4500 else {
            sa.timers[.keepalive] = nil
            return
        }
        // Never later than it was: checks of the path come more often than keepalives.
        let next = now + sa.connection.timing.keepalive
        sa.timers[.keepalive] = min(sa.timers[.keepalive] ?? next, next)
    }

    // MARK: Moving

    /// Moves an IKE SA and its Child SAs to a path where the peer has proved to be, or where ours alone has changed.
    func move(_ sa: IKESA, to path: Path, nat: NATState? = nil, _ cause: PathChange) {
        let old = (path: sa.trafficPath, encapsulates: sa.encapsulates)
        sa.path = path
        sa.nat = nat ?? sa.nat
        sa.mobility.proven = nil
        if sa.mobility.candidate == path { sa.mobility.candidate = nil }
        startKeepalives(sa)
        guard old.path != path || old.encapsulates != sa.encapsulates else { return }
        let isElsewhere =
            old.path.local.address != path.local.address || old.path.remote.address != path.remote.address
        for child in sa.children where !child.isRemoved {
            // RFC 4555 moves tunnels; the addresses of transport mode are those of the packets themselves.
            if isElsewhere, child.mode == .transport {
                remakeElsewhere(sa, child)
                continue
            }
            child.udpEncapsulation = sa.encapsulates
            emit(.updatePath(child.inboundSPI, path, udpEncapsulation: sa.encapsulates))
        }
        report(.pathChanged(sa.id, from: old.path, to: path, cause))
    }

    /// Moves an IKE SA alone: ESP stays where it is until the peer has proved to be at the new path (RFC 4555 §3.7).
    func moveUnproven(_ sa: IKESA, to path: Path, nat: NATState? = nil) {
        if sa.mobility.proven == nil {
            sa.mobility.proven = Mobility.ProvenRoute(path: sa.path, nat: sa.nat)
        }
        sa.path = path
        sa.nat = nat ?? sa.nat
        startKeepalives(sa)
    }
}
