import AdminAPI
import IKEv2
import IPsecTypes

/// Turns the engine's values into what `status` shows.
public struct StatusBuilder {
    private let now: Instant
    private let counters: (SPI) -> SACounters?
    private let ruleName: (UInt32) -> String?

    /// Makes a builder for one moment.
    ///
    /// - Parameters:
    ///   - counters: a Child SA's counters, by our SPI.
    ///   - ruleName: a policy rule's name, by index.
    public init(
        now: Instant,
        counters: @escaping (SPI) -> SACounters?,
        ruleName: @escaping (UInt32) -> String? = { _ in nil }
    ) {
        self.now = now
        self.counters = counters
        self.ruleName = ruleName
    }

    /// One IKE SA.
    public func tunnel(_ status: IKESAStatus) -> TunnelStatus {
        var result = TunnelStatus(
            id: "\(status.id)",
            connection: status.connection ?? "",
            phase: status.phase.rawValue,
            localIdentity: status.localIdentity.map { "\($0)" } ?? "",
            remoteIdentity: status.remoteIdentity.map { "\($0)" } ?? "",
            local: "\(status.path.local)",
            remote: "\(status.path.remote)",
            transport: status.path.transport.rawValue,
            nat: status.localNAT || status.remoteNAT,
            suite: status.suite.map { "\($0)" } ?? "",
            initiatorSPI: "\(status.initiatorSPI)",
            responderSPI: "\(status.responderSPI)",
            session: status.session,
            addresses: status.addresses.map { "\($0)" },
            dnsServers: status.dnsServers.map { "\($0)" },
            subnets: status.subnets.map { "\($0)" },
            establishedSeconds: status.establishedAt.map { seconds(now - $0) },
            rekeySeconds: status.rekeyAt.map { seconds($0 - now) },
            notAfter: status.notAfter?.secondsSinceEpoch,
            idleSeconds: status.lastInbound.map { seconds(now - $0) },
            rekeyings: status.rekeyings,
            peer: status.peer?.attributes ?? [:],
            children: status.children.map(child)
        )
        result.mobility = MobilityStatus(
            supported: status.hasMOBIKE,
            peerAddresses: status.additionalAddresses.map { "\($0)" },
            provenRemote: status.trafficPath == status.path ? nil : "\(status.trafficPath.remote)"
        )
        result.returning = ReturnStatus(
            resumable: status.isResumable,
            ticketExpires: status.isResumable ? status.ticketExpires?.secondsSinceEpoch : nil,
            reauthenticateSeconds: status.reauthenticateAt.map { seconds($0 - now) },
            followsRedirects: status.followsRedirects
        )
        return result
    }

    private func child(_ status: ChildSAStatus) -> ChildStatus {
        var result = ChildStatus(
            name: status.name,
            phase: status.phase.rawValue,
            inboundSPI: "\(status.inboundSPI)",
            outboundSPI: "\(status.outboundSPI)",
            suite: "\(status.suite)",
            udpEncapsulation: status.udpEncapsulation,
            localSelectors: status.localSelectors.map { "\($0)" },
            remoteSelectors: status.remoteSelectors.map { "\($0)" },
            rules: status.owner.ruleIndices.compactMap(ruleName),
            ageSeconds: seconds(now - status.createdAt),
            rekeySeconds: status.rekeyAt.map { seconds($0 - now) },
            counters: counters(status.inboundSPI) ?? SACounters()
        )
        result.mode = status.mode.rawValue
        return result
    }

    private func seconds(_ duration: Duration) -> Double {
        Double(duration.wholeNanoseconds / 1_000_000) / 1000
    }
}
