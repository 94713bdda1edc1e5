import IKEv2
import IPsecTypes

/// What must hold at every step, and once things have settled.
extension SimulatedWorld {
    /// A Child SA was installed: its other half, where there is one, has the same keys, suite and selectors.
    func checkAgreement(_ host: SimulatedHost, _ ours: ChildSAParameters) {
        for other in hosts where other !== host {
            guard let theirs = other.dataplane.entries[ours.outboundSPI]?.parameters,
                theirs.outboundSPI == ours.inboundSPI
            else { continue }
            let pair = "\(host.name) \(ours.inboundSPI) and \(other.name) \(theirs.inboundSPI)"
            if ours.inboundKeys.digest != theirs.outboundKeys.digest
                || ours.outboundKeys.digest != theirs.inboundKeys.digest
            {
                find(.disagreement, "\(pair) have different keys")
            }
            if ours.suite != theirs.suite { find(.disagreement, "\(pair): \(ours.suite) and \(theirs.suite)") }
            if !Self.mirrors(ours, theirs) { find(.disagreement, "\(pair) have different selectors") }
            if ours.udpEncapsulation != theirs.udpEncapsulation, seeSameNATs(host, ours, other, theirs) {
                find(.disagreement, "\(pair) disagree about UDP encapsulation")
            }
        }
    }

    /// Whether both ends have the same idea of the NATs between them. While one moves, or is led astray by who relays its
    /// messages, they have not; once things have settled, they must.
    private func seeSameNATs(
        _ host: SimulatedHost,
        _ ours: ChildSAParameters,
        _ other: SimulatedHost,
        _ theirs: ChildSAParameters
    ) -> Bool {
        func status(_ host: SimulatedHost, _ child: ChildSAParameters) -> IKESAStatus? {
            host.endpoint.statuses().first { $0.children.contains { $0.inboundSPI == child.inboundSPI } }
        }
        guard let mine = status(host, ours), let its = status(other, theirs) else { return true }
        guard mine.path == mine.trafficPath, its.path == its.trafficPath else { return false }
        return mine.localNAT == its.remoteNAT && mine.remoteNAT == its.localNAT
    }

    /// Whether two ends of a Child SA mean the same packets. In transport mode each sees the other end's address as its NAT
    /// shows it, and is told what it is behind it (RFC 7296 §2.23.1).
    private static func mirrors(_ ours: ChildSAParameters, _ theirs: ChildSAParameters) -> Bool {
        guard ours.mode == theirs.mode else { return false }
        guard ours.mode == .transport else {
            return ours.localSelectors == theirs.remoteSelectors && ours.remoteSelectors == theirs.localSelectors
        }
        func fits(_ one: ChildSAParameters, _ other: ChildSAParameters) -> Bool {
            let own = other.localSelectors.first?.addresses.first
            let seen = other.remoteSelectors.first?.addresses.first
            return one.originalAddresses?.remote == own && one.originalAddresses?.local == seen
                && one.localSelectors.map(\.ports) == other.remoteSelectors.map(\.ports)
                && one.localSelectors.map(\.ipProtocol) == other.remoteSelectors.map(\.ipProtocol)
        }
        return fits(ours, theirs) && fits(theirs, ours)
    }

    /// What strangers make a host hold stays within its limits.
    func checkBounds() {
        guard adversary.settings.flood > 0 else { return }
        for host in hosts where host.endpoint.halfOpenCount > host.description.configuration.limits.halfOpenLimit {
            find(.unbounded, "\(host.name) has \(host.endpoint.halfOpenCount) half-open IKE SAs")
        }
    }

    /// An IKE SA was established: with somebody who has the credentials.
    func checkAuthenticated(_ host: SimulatedHost, _ status: IKESAStatus) {
        let identities = hosts.map(\.description.identity)
        if let problem = runs.established(host.index, status, identities: identities) {
            find(.agreement, "\(host.name) is established with SPI \(status.initiatorSPI): \(problem)")
        }
        for index in strangers {
            let stranger = hosts[index]
            guard host !== stranger, status.remoteIdentity == stranger.description.identity else { continue }
            find(.authentication, "\(host.name) takes \(stranger.name) for \(stranger.description.identity)")
        }
    }

    /// What is wrong with the state of an agent and its gateway, once nothing is under way; empty when all is well.
    ///
    /// - Parameter anyChildren: whether configured children may be missing or be there twice, as scripts ask for.
    func disagreements(
        _ agent: SimulatedHost,
        _ gateway: SimulatedHost,
        withAnyChildren anyChildren: Bool = false
    ) -> [Finding] {
        var found: [Finding] = []
        func add(_ invariant: Finding.Invariant, _ text: String) {
            found.append(Finding(invariant: invariant, at: now, detail: text))
        }
        let ours = agent.endpoint.statuses()
        let theirs = gateway.endpoint.statuses().filter { $0.remoteIdentity == agent.description.identity }
        guard ours.count == 1, theirs.count == 1, let mine = ours.first, let its = theirs.first else {
            add(
                ours.isEmpty || theirs.isEmpty ? .notRecovered : .notOneLive,
                "\(agent.name) has \(ours.count) IKE SAs \(ours.map(\.phase)), the gateway \(theirs.count)"
            )
            return found
        }
        if mine.initiatorSPI != its.initiatorSPI || mine.responderSPI != its.responderSPI {
            add(.divergence, "\(agent.name) and gateway are on different IKE SAs")
        }
        if mine.phase != .established || its.phase != .established {
            add(.notRecovered, "\(agent.name) is \(mine.phase), the gateway \(its.phase)")
        }
        if mine.suite != its.suite { add(.disagreement, "\(agent.name): suites of the IKE SA differ") }
        if mine.addresses != its.addresses { add(.disagreement, "\(agent.name): virtual addresses differ") }
        compareChildren(agent, mine, its, anyChildren, add)
        return found
    }

    private func compareChildren(
        _ agent: SimulatedHost,
        _ mine: IKESAStatus,
        _ its: IKESAStatus,
        _ anyChildren: Bool,
        _ add: (Finding.Invariant, String) -> Void
    ) {
        let live = mine.children.filter { $0.phase == .installed }
        let remote = its.children.filter { $0.phase == .installed }
        let pairs = Set(live.map { [$0.inboundSPI, $0.outboundSPI] })
        let mirrored = Set(remote.map { [$0.outboundSPI, $0.inboundSPI] })
        if pairs != mirrored || live.count != mine.children.count || remote.count != its.children.count {
            add(
                .divergence,
                "\(agent.name) has children \(mine.children.map(\.summary)), the gateway \(its.children.map(\.summary))"
            )
        }
        for wanted in agent.description.connection?.children ?? [] {
            let count = live.filter { $0.name == wanted.name }.count
            if count != 1, !anyChildren {
                add(count == 0 ? .notRecovered : .notOneLive, "\(agent.name): \(count) of \(wanted.name)")
            }
        }
        for child in live {
            guard agent.dataplane.entries[child.inboundSPI] != nil else {
                add(.divergence, "\(agent.name): \(child.inboundSPI) is not in the data plane")
                continue
            }
            let other = remote.first { $0.inboundSPI == child.outboundSPI }
            if let other, other.udpEncapsulation != child.udpEncapsulation {
                let spi = child.inboundSPI
                add(.disagreement, "\(agent.name) and the gateway disagree about UDP encapsulation of \(spi)")
            }
        }
    }

    /// What is left on a host beyond its live IKE SAs; empty when all is well.
    func leftovers(_ host: SimulatedHost) -> [Finding] {
        var found: [Finding] = []
        func add(_ text: String) {
            found.append(Finding(invariant: .leftover, at: now, detail: "\(host.name): \(text)"))
        }
        if host.endpoint.halfOpenCount != 0 { add("\(host.endpoint.halfOpenCount) half-open IKE SAs") }
        let statuses = host.endpoint.statuses()
        if statuses.contains(where: { $0.phase != .established }) { add("IKE SAs \(statuses.map(\.phase))") }
        let known = Set(statuses.flatMap(\.children).map(\.inboundSPI))
        let forgotten = host.dataplane.entries.keys.filter { !known.contains($0) }.sorted()
        if !forgotten.isEmpty { add("SAs \(forgotten) in the data plane") }
        if host.eap.open != 0 { add("\(host.eap.open) conversations of EAP") }
        if host.vault.count != 0 { found.append(keysLeft(host)) }
        let orphans = host.leases.keys.filter { id in !statuses.contains { $0.id == id } }
        if !orphans.isEmpty { add("\(orphans.count) addresses that no IKE SA holds") }
        return found
    }

    private func keysLeft(_ host: SimulatedHost) -> Finding {
        Finding(invariant: .privateKey, at: now, detail: "\(host.name): \(host.vault.count) private keys are left")
    }

    func report(_ found: [Finding]) {
        for finding in found { find(finding.invariant, finding.detail) }
    }
}

extension ChildSAStatus {
    /// A few words for findings.
    var summary: String { "\(name) \(phase.rawValue) \(inboundSPI)/\(outboundSPI)" }
}
