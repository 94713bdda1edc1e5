import IKEMessage
import IPsecTypes

extension Engine {
    func statuses() -> [IKESAStatus] {
        sas.values.filter(isShown).sorted { $0.id < $1.id }.map(status(of:))
    }

    func status(_ id: IKESAID) -> IKESAStatus? {
        newest(id).flatMap { isShown($0) ? status(of: $0) : nil }
    }

    /// Half-open IKE SAs are strangers', finished and replaced ones nobody's business.
    private func isShown(_ sa: IKESA) -> Bool {
        switch sa.phase {
        case .initiating: true
        case .established, .closing: current[sa.id] == sa.localSPI
        case .halfOpen, .replaced, .finished: false
        }
    }

    func status(of sa: IKESA) -> IKESAStatus {
        let phase: IKESAStatus.Phase =
            switch sa.phase {
            case .initiating, .halfOpen: .connecting
            case .established, .replaced: .established
            case .closing, .finished: .closing
            }
        return IKESAStatus(
            id: sa.id,
            connection: sa.connection.name,
            tenant: sa.grant?.owner.tenant ?? sa.connection.tenant,
            phase: phase,
            isInitiator: sa.isInitiator,
            initiatorSPI: sa.initiatorSPI,
            responderSPI: sa.responderSPI,
            suite: sa.suite,
            path: sa.path,
            localNAT: sa.nat.local,
            remoteNAT: sa.nat.remote,
            localIdentity: sa.connection.localIdentity,
            remoteIdentity: sa.remoteIdentity,
            peer: sa.peer,
            session: sa.grant?.owner.session ?? "",
            addresses: sa.configuration.addresses,
            dnsServers: sa.configuration.dnsServers,
            dnsDomains: sa.configuration.dnsDomains,
            subnets: sa.configuration.subnets,
            establishedAt: sa.establishedAt,
            rekeyAt: sa.timers[.rekey],
            notAfter: sa.notAfter,
            lastInbound: sa.lastInbound,
            silence: sa.silence ?? (phase == .connecting ? silence(of: sa) : nil),
            rekeyings: sa.rekeyings,
            followsRedirects: sa.returning.followsRedirects,
            isResumable: sa.returning.holdsTicket || sa.returning.issued != nil,
            ticketExpires: sa.returning.issued?.expires ?? sa.returning.ticketExpires,
            reauthenticateAt: sa.returning.reauthenticateAt,
            children: sa.children.filter { $0.phase != .lingering && !$0.isRemoved }.map(status(of:)),
            hasMOBIKE: sa.mobility.isNegotiated,
            trafficPath: sa.trafficPath,
            additionalAddresses: sa.mobility.peerAddresses
        )
    }

    func status(of child: ChildSA) -> ChildSAStatus {
        let phase: ChildSAStatus.Phase =
            switch child.phase {
            case .installed: .installed
            case .rekeying: .rekeying
            case .replaced, .lingering: .rekeyed
            case .closing: .closing
            }
        return ChildSAStatus(
            name: child.configuration.name,
            phase: phase,
            inboundSPI: child.inboundSPI,
            outboundSPI: child.outboundSPI,
            suite: child.suite,
            mode: child.mode,
            localSelectors: child.localSelectors,
            remoteSelectors: child.remoteSelectors,
            udpEncapsulation: child.udpEncapsulation,
            owner: child.owner,
            createdAt: child.createdAt,
            rekeyAt: child.rekeyAt
        )
    }
}
