import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

@Suite struct SelectorAndAddressTests {
    private func remoteAccess(_ families: [IPAddress.Family] = [.v4, .v6]) -> ConnectionConfiguration {
        var connection = pskA()
        connection.requestedAddresses = families
        connection.requestsDNS = true
        connection.children = [
            child("default", local: [], remote: [.everything(.v4), .everything(.v6)])
        ]
        return connection
    }

    private func gateway(
        _ grant: AuthorizationGrant?,
        _ refusal: AuthorizationRefusal = .authenticationFailed
    )
        -> (Node) -> Void
    {
        { node in
            node.authorizer = { _ in
                guard let grant else { return .deny(reason: "policy says no", refusal) }
                return .allow(grant)
            }
        }
    }

    private let lease = AuthorizationGrant(
        owner: ChildSAOwner(session: "s7", grant: "deploy", ruleIndices: [4, 9], tenant: "acme"),
        addresses: [.v4(0x0A63_0007), .v6(0xFD00_0099_0000_0000, 7)],
        dnsServers: [.v4(0x0A63_0001)],
        dnsDomains: ["int.example"],
        subnets: [IPPrefix("10.20.0.0/28")].compactMap { $0 },
        localSelectors: [
            TrafficSelector(ipProtocol: 6, ports: PortRange(443), addresses: selector("10.20.0.0/28").addresses),
            TrafficSelector(ipProtocol: 6, ports: PortRange(6443), addresses: selector("10.30.0.10/32").addresses),
        ],
        notAfter: WallTime(secondsSinceEpoch: 1_800_000_900)
    )

    @Test func aJobGetsAddressesNamesAndExactlyWhatItIsGranted() {
        let pair = Pair(remoteAccess(), pskB())
        gateway(lease)(pair.b)
        // SK{IDi, AUTH, CP(CFG_REQUEST), SAi2, TSi(any), TSr(any)} -->
        // <-- SK{IDr, AUTH, CP(CFG_REPLY), SAr2, TSi(10.99.0.7, fd00:99::7), TSr(10.20.0.0/28[tcp/443], ...)}
        pair.initiate(remoteAccess())
        pair.settle()
        pair.expectAgreement()
        #expect(pair.statusA?.addresses == lease.addresses)
        #expect(pair.statusA?.dnsServers == lease.dnsServers)
        #expect(pair.statusA?.dnsDomains == ["int.example"])
        #expect(pair.statusA?.subnets == lease.subnets)
        #expect(pair.childA?.localSelectors == lease.addresses.map { TrafficSelector(addresses: IPRange($0)) })
        #expect(pair.childA?.remoteSelectors == lease.localSelectors)
        #expect(pair.childB?.owner == lease.owner)
        #expect(pair.statusB?.tenant == "acme" && pair.statusB?.session == "s7")
        #expect(pair.b.authorizations.first?.requestedAttributes?.contains(.internalIP4Address(nil)) == true)
    }

    /// As OpenIKED asks, which does not know its address yet.
    @Test func anUnspecifiedAddressStandsForTheOneThatIsGiven() {
        var asking = remoteAccess([.v4])
        asking.children = [
            child(
                "default",
                local: [TrafficSelector(addresses: IPRange(.v4(0)))],
                remote: [.everything(.v4), .everything(.v6)]
            )
        ]
        let pair = Pair(asking, pskB())
        gateway(lease)(pair.b)
        // SK{IDi, AUTH, CP(CFG_REQUEST), SAi2, TSi(0.0.0.0), TSr(any)} -->
        // <-- SK{IDr, AUTH, CP(CFG_REPLY), SAr2, TSi(10.99.0.7), TSr(10.20.0.0/28[tcp/443], ...)}
        pair.initiate(asking)
        pair.settle()
        let children = pair.b.reports.compactMap { report -> ChildSAStatus? in
            guard case .childEstablished(_, let child) = report else { return nil }
            return child
        }
        #expect(children.first?.remoteSelectors == [TrafficSelector(addresses: IPRange(.v4(0x0A63_0007)))])
    }

    /// As it answers, and asks, when a child is rekeyed: only what was agreed comes in.
    @Test func anUnspecifiedAddressNeverWidens() {
        let host = TrafficSelector(addresses: IPRange(.v4(0x0A63_0007)))
        let network = selector("10.30.0.0/24")
        let open = TrafficSelector(ipProtocol: 6, ports: PortRange(443), addresses: IPRange(.v4(0)))
        let closed = TrafficSelector(ipProtocol: 6, ports: PortRange(443), addresses: host.addresses)
        #expect(Narrowing.named([open, network], within: [host, network]) == [closed, network])
        #expect(Narrowing.named([open], within: [network]) == [open])
        #expect(Narrowing.named([.everything(.v4)], within: [host]) == [.everything(.v4)])
        #expect(Narrowing.named([TrafficSelector(addresses: IPRange(.v6(0, 0)))], within: [host]).first != host)
    }

    @Test func theIKESAEndsWithItsLease() {
        let pair = Pair(remoteAccess(), pskB())
        gateway(lease)(pair.b)
        pair.initiate(remoteAccess())
        pair.run(.seconds(899))
        #expect(pair.statusB?.phase == .established)
        pair.run(.seconds(3))
        #expect(closes(pair.b) == [.expired] && closes(pair.a) == [.deletedByPeer])
        pair.expectNothing(pair.b)
    }

    @Test func aRenewedLeaseMovesTheEnd() throws {
        let pair = Pair(remoteAccess(), pskB())
        gateway(lease)(pair.b)
        pair.initiate(remoteAccess())
        pair.settle()
        let id = try #require(pair.statusB?.id)
        pair.command(pair.b, .setNotAfter(id, pair.wall.advanced(bySeconds: 1500)))
        pair.run(.seconds(1200))
        #expect(pair.statusB?.phase == .established)
        pair.run(.seconds(301))
        #expect(closes(pair.b) == [.expired])
    }

    @Test func withoutAnAddressToGiveTheIKESAStays() {
        let pair = Pair(remoteAccess(), pskB())
        var bare = lease
        bare.addresses = []
        gateway(bare)(pair.b)
        pair.initiate(remoteAccess())
        pair.settle()
        pair.expectAgreement(children: 0)
        #expect(childFailure(pair.a)?.cause == .peerRefused(.internalAddressFailure))
    }

    @Test func whoMustAskForAnAddressAndDoesNotIsToldSo() {
        let pair = Pair(pskA(), pskB())
        gateway(lease)(pair.b)
        pair.initiate(pskA())
        pair.settle()
        pair.expectAgreement(children: 0)
        #expect(childFailure(pair.a)?.cause == .peerRefused(.failedCPRequired))
    }

    @Test func selectorsThatShareNothingCostTheChildOnly() {
        let pair = Pair(pskA(), pskB())
        let grant = AuthorizationGrant(
            owner: ChildSAOwner(),
            localSelectors: [selector("192.168.0.0/16")],
            remoteSelectors: [networkA]
        )
        gateway(grant)(pair.b)
        pair.initiate(pskA())
        pair.settle()
        pair.expectAgreement(children: 0)
        guard case .selectors(let ours) = childFailure(pair.b)?.cause,
            case .peerRefusedSelectors(let theirs) = childFailure(pair.a)?.cause
        else {
            Issue.record("\(String(describing: childFailure(pair.b)))")
            return
        }
        #expect(ours.wantedLocal == [networkB] && ours.grantedLocal == [selector("192.168.0.0/16")])
        #expect(theirs.wantedRemote == [networkB])
    }

    @Test func severalSelectorsAreNarrowedOneByOneByProtocolAndPort() throws {
        var left = pskA()
        let wanted = [
            TrafficSelector(ipProtocol: 6, ports: try #require(PortRange(1, 1024)), addresses: networkB.addresses),
            selector("10.9.0.0/16"),
            selector("10.2.3.4/32", 17),
        ]
        left.children = [child(local: [networkA], remote: wanted)]
        let pair = Pair(left, pskB())
        let grant = AuthorizationGrant(
            owner: ChildSAOwner(),
            localSelectors: [
                TrafficSelector(ipProtocol: 6, ports: PortRange(443), addresses: selector("10.2.0.0/24").addresses),
                selector("10.2.3.0/24", 17, try #require(PortRange(53, 53))),
            ],
            remoteSelectors: [selector("10.1.7.0/24")]
        )
        gateway(grant)(pair.b)
        pair.initiate(left)
        pair.settle()
        pair.expectAgreement()
        #expect(
            pair.childA?.remoteSelectors == [
                TrafficSelector(ipProtocol: 6, ports: PortRange(443), addresses: selector("10.2.0.0/24").addresses),
                selector("10.2.3.4/32", 17, PortRange(53)),
            ]
        )
        #expect(pair.childA?.localSelectors == [selector("10.1.7.0/24")])
    }

    @Test func theNewerIKESAOfAnIdentityReplacesTheOlder() throws {
        let pair = establishedPair()
        let old = try #require(pair.statusB)
        // The same identity again, from another process that knows nothing of the first.
        var second = pskA()
        second.name = "again"
        second.remoteIdentity = .oneOf([nameB, .fqdn("alias.example")])
        pair.initiate(second)
        pair.run(.seconds(15))
        #expect(closes(pair.b) == [.replaced])
        #expect(pair.b.endpoint.statuses().map(\.id).contains(old.id) == false)
        #expect(pair.b.installed.count == 1)
        // HDR, SK{D} reached the first one.
        #expect(closes(pair.a) == [.deletedByPeer])
        pair.expectAgreement()
    }

    @Test func initialContactDropsOnlyWhatBelongsToTheSameIdentity() throws {
        let pair = establishedPair()
        // A restarts without a word.
        let restarted = Pair(pskA(), pskB(), seed: 99)
        restarted.initiate(pskA())
        restarted.collect()
        var wire = restarted.wire
        restarted.wire = []
        while !wire.isEmpty {
            let packet = wire.removeFirst()
            if packet.sender == "A" {
                pair.b.receive(packet.bytes, packet.path.reversed, pair.now, pair.wall)
            } else {
                restarted.a.receive(packet.bytes, packet.path.reversed, pair.now, pair.wall)
            }
            wire += restarted.a.outbox + pair.b.outbox
            restarted.a.outbox = []
            pair.b.outbox = []
        }
        #expect(closes(pair.b) == [.initialContact])
        #expect(pair.b.endpoint.statuses().count == 1)
        #expect(restarted.a.status?.phase == .established)
        #expect(pair.b.installed.count == 1)
    }

    @Test func sitesMayKeepSeveralIKESAs() {
        var right = pskB()
        right.replacesOlder = false
        let pair = establishedPair(pskA(), right)
        pair.initiate(pskA())
        pair.settle()
        #expect(pair.b.endpoint.statuses().count == 2)
    }
}
