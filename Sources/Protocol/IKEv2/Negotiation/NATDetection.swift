import IKECrypto
import IKEMessage
import IPsecTypes
import LegacyDigests

/// NAT detection and moving to port 4500 (RFC 7296 §2.23).
extension Engine {
    /// The two notifies of an IKE_SA_INIT message of ours. A connection that always encapsulates says a source that is not
    /// ours, so that the peer takes us to be behind a NAT.
    func natDetectionPayloads(_ sa: IKESA, responderSPI: IKESPI) -> [Payload] {
        let source =
            sa.connection.alwaysEncapsulates
            ? randomBytes(20)
            : Self.natHash(sa.initiatorSPI, responderSPI, sa.path.local)
        return [
            .notify(.natDetectionSourceIP, source),
            .notify(.natDetectionDestinationIP, Self.natHash(sa.initiatorSPI, responderSPI, sa.path.remote)),
        ]
    }

    /// What the peer's notifies say about the path its message took. Nothing when it sent none.
    static func natState(_ payloads: [Payload], _ header: IKEHeader, _ path: Path) -> NATState {
        let sources = payloads.notifies.filter { $0.type == .natDetectionSourceIP }
        let destinations = payloads.notifies.filter { $0.type == .natDetectionDestinationIP }
        guard !sources.isEmpty, !destinations.isEmpty else { return NATState() }
        let remote = natHash(header.initiatorSPI, header.responderSPI, path.remote)
        let local = natHash(header.initiatorSPI, header.responderSPI, path.local)
        return NATState(
            local: !destinations.contains { $0.data == local },
            remote: !sources.contains { $0.data == remote }
        )
    }

    private static func natHash(_ initiator: IKESPI, _ responder: IKESPI, _ endpoint: Endpoint) -> [UInt8] {
        FixedLegacyDigests.natDetection(initiatorSPI: initiator, responderSPI: responder, endpoint: endpoint)
    }

    /// The initiator moves to port 4500 when a NAT is there, or when it always encapsulates.
    func floatToNATPort(_ sa: IKESA) {
        guard sa.path.transport == .udp500, sa.nat.found || sa.connection.alwaysEncapsulates else { return }
        sa.path.transport = .udp4500
        sa.path.local.port = configuration.localNATPort
        sa.path.remote.port = configuration.remoteNATPort
    }

    /// An authentic message came by `path`. A half-open IKE SA adopts the path of IKE_AUTH (the initiator floats); later
    /// the peer's address and port are followed when it is behind a NAT and we are not (RFC 7296 §2.23, last paragraphs).
    func authenticated(_ sa: IKESA, _ path: Path) {
        if let interval = sa.connection.timing.deadPeerDetection, sa.isEstablished {
            sa.timers[.probe] = now + interval
        }
        guard path != sa.path else { return }
        switch sa.phase {
        case .halfOpen: sa.path = path
        case .established where followsPeer(sa) && path.transport == sa.path.transport: move(sa, to: path)
        default: break
        }
    }

    /// Whether the peer's address and port are followed: it is behind a NAT, and we are not. A gateway behind a NAT of its
    /// own (port forwarding, as clouds do) follows its clients nevertheless, or they would be lost at their first rebinding.
    func followsPeer(_ sa: IKESA) -> Bool {
        sa.nat.remote && (sa.authorizesPeer || !sa.nat.local)
    }

    /// Moves an IKE SA and its Child SAs to another path.
    func move(_ sa: IKESA, to path: Path) {
        let old = sa.path
        sa.path = path
        for child in sa.children where !child.isRemoved {
            emit(.updatePath(child.inboundSPI, path, udpEncapsulation: sa.encapsulates))
        }
        report(.pathChanged(sa.id, from: old, to: path))
    }
}
