import IKECrypto
import IKEMessage
import IPsecTypes
import Testing

@testable import IKEv2

private func host(_ address: IPAddress, _ ipProtocol: UInt8 = 0, _ ports: PortRange = .any) -> TrafficSelector {
    TrafficSelector(ipProtocol: ipProtocol, ports: ports, addresses: IPRange(address))
}

private func transportA(fallback: Bool = false) -> ConnectionConfiguration {
    var connection = pskA()
    connection.children = [child(local: [], remote: [])]
    connection.children[0].mode = .transport
    connection.children[0].allowsTunnelFallback = fallback
    return connection
}

/// USE_TRANSPORT_MODE in both roles (RFC 7296 §1.3.1, §2.23.1).
@Suite struct TransportModeTests {
    /// B grants transport mode with its own addresses, as a gateway's policy does.
    private func pair(
        _ left: ConnectionConfiguration = transportA(),
        mode: ChildSAParameters.Mode = .transport,
        local: [TrafficSelector] = [.everything(.v4)],
        remote: [TrafficSelector] = [],
        seed: UInt64 = 1
    ) -> Pair {
        let pair = Pair(left, pskB(), seed: seed)
        pair.b.authorizer = { _ in
            var grant = AuthorizationGrant(
                owner: ChildSAOwner(session: "s1"),
                localSelectors: local,
                remoteSelectors: remote
            )
            grant.mode = mode
            return .allow(grant)
        }
        return pair
    }

    private func established(_ pair: Pair, _ connection: ConnectionConfiguration = transportA()) -> Pair {
        pair.initiate(connection)
        pair.settle()
        return pair
    }

    private func expectTransport(_ pair: Pair, _ location: SourceLocation = #_sourceLocation) {
        #expect(pair.childA?.mode == .transport && pair.childB?.mode == .transport, sourceLocation: location)
        for node in [pair.a, pair.b] {
            #expect(node.installed.values.allSatisfy { $0.parameters.mode == .transport }, sourceLocation: location)
        }
    }

    @Test func bothEndsAgreeOnTheTwoHosts() {
        // SK{IDi, AUTH, N(USE_TRANSPORT_MODE), SAi2, TSi(10.0.0.1), TSr(192.0.2.1)} -->
        // <-- SK{IDr, AUTH, N(USE_TRANSPORT_MODE), SAr2, TSi, TSr}
        let pair = established(pair())
        pair.expectAgreement()
        expectTransport(pair)
        #expect(pair.childA?.localSelectors == [host(Pair.addressA)])
        #expect(pair.childA?.remoteSelectors == [host(Pair.addressB)])
        let seen = OriginalAddresses(local: Pair.addressB, remote: Pair.addressA)
        #expect(pair.b.installed.values.first?.parameters.originalAddresses == seen)
    }

    @Test func protocolsAndPortsAreNarrowed() {
        let pair = established(
            pair(local: [TrafficSelector(ipProtocol: 6, ports: PortRange(443), addresses: .all(.v4))])
        )
        pair.expectAgreement()
        expectTransport(pair)
        #expect(pair.childA?.remoteSelectors == [host(Pair.addressB, 6, PortRange(443))])
    }

    // MARK: Declining

    @Test func aResponderWithoutItFallsBackAndTheInitiatorDeletes() {
        let pair = established(pair(mode: .tunnel, remote: [.everything(.v4)]))
        // INFORMATIONAL { D } -->
        pair.run(.seconds(10))
        #expect(childFailure(pair.a)?.cause == .transportDeclined)
        #expect(pair.statusA?.phase == .established)
        #expect(pair.a.installed.isEmpty && pair.b.installed.isEmpty, "the SA in tunnel mode is deleted at both ends")
    }

    @Test func theSameInCreateChild() throws {
        let pair = established(pair(mode: .tunnel, remote: [.everything(.v4)]), pskA())
        let id = try #require(pair.statusA?.id)
        pair.command(pair.a, .addChild(id, transportA().children[0]))
        pair.run(.seconds(10))
        var second = transportA().children[0]
        second.name = "second"
        pair.command(pair.a, .addChild(id, second))
        pair.run(.seconds(10))
        #expect(childFailure(pair.a)?.cause == .transportDeclined && childFailure(pair.a)?.child == "second")
        #expect(pair.b.installed.count == pair.a.installed.count)
    }

    @Test func whoAllowsTunnelModeGetsIt() {
        let connection = transportA(fallback: true)
        let pair = established(pair(connection, mode: .tunnel, remote: [.everything(.v4)]), connection)
        pair.expectAgreement()
        #expect(pair.childA?.mode == .tunnel && pair.childB?.mode == .tunnel)
        #expect(pair.childA?.localSelectors == [host(Pair.addressA)])
    }

    @Test func aPeerThatMayHaveTransportModeOnlyGetsNoTunnel() {
        let pair = established(pair(), pskA())
        #expect(childFailure(pair.a)?.cause.isSelectorRefusal == true)
        #expect(pair.b.installed.isEmpty)
    }

    // MARK: NAT (RFC 7296 §2.23.1)

    private let outer = IPAddress.v4(0xC633_6401)
    private let inner = IPAddress.v4(0x0A09_0001)

    /// The whole picture of §2.23.1: the client behind NAT A, the server behind NAT B.
    private func behindTwoNATs(_ pair: Pair) {
        let (outer, inner) = (outer, inner)
        pair.translate = { Endpoint(outer, port: $0.port == 500 ? 30_500 : 34_500) }
        pair.rewriteAtB = { $0.local.address = inner }
    }

    @Test func addressesAreSubstitutedAtBothEnds() {
        let pair = pair()
        behindTwoNATs(pair)
        _ = established(pair)
        expectTransport(pair)
        #expect(pair.statusB?.localNAT == true && pair.statusB?.remoteNAT == true)
        // As each end sees them.
        #expect(pair.childA?.localSelectors == [host(Pair.addressA)])
        #expect(pair.childA?.remoteSelectors == [host(Pair.addressB)])
        #expect(pair.childB?.localSelectors == [host(inner)])
        #expect(pair.childB?.remoteSelectors == [host(outer)])
        // As the other one wrote them.
        let atA = pair.a.installed.values.first?.parameters
        let atB = pair.b.installed.values.first?.parameters
        #expect(atB?.originalAddresses == OriginalAddresses(local: Pair.addressB, remote: Pair.addressA))
        #expect(atA?.originalAddresses == OriginalAddresses(local: outer, remote: inner))
        #expect(atA?.udpEncapsulation == true && atB?.udpEncapsulation == true)
    }

    @Test(arguments: [true, false]) func aRekeyingBehindNATsKeepsModeAndAddresses(byInitiator: Bool) throws {
        let pair = pair()
        behindTwoNATs(pair)
        _ = established(pair)
        let rekeyer = byInitiator ? pair.a : pair.b
        let old = try #require(rekeyer.status?.children.first)
        let id = try #require(rekeyer.status?.id)
        let before = rekeyer.installed[old.inboundSPI]?.parameters.originalAddresses
        pair.command(rekeyer, .rekeyChild(id, old.inboundSPI))
        pair.run(.seconds(6))
        let fresh = try #require(rekeyer.status?.children.first)
        #expect(fresh.inboundSPI != old.inboundSPI)
        expectTransport(pair)
        #expect(fresh.localSelectors == old.localSelectors && fresh.remoteSelectors == old.remoteSelectors)
        #expect(rekeyer.installed[fresh.inboundSPI]?.parameters.originalAddresses == before)
        #expect(pair.a.installed.count == 1 && pair.b.installed.count == 1)
    }

    @Test func aTunnelBehindNATsHasWhatThePeerWrote() {
        let connection = transportA(fallback: true)
        let pair = pair(connection, mode: .tunnel, remote: [.everything(.v4)])
        behindTwoNATs(pair)
        _ = established(pair, connection)
        #expect(pair.childB?.mode == .tunnel, "the substitution is undone")
        #expect(pair.childB?.remoteSelectors == [host(Pair.addressA)])
    }

    @Test func anotherHostBehindTheSameNATIsRefused() throws {
        let pair = pair()
        let other = Identity.fqdn("c.example")
        var right = pskB()
        right.remoteIdentity = .oneOf([nameA, other])
        pair.command(pair.b, .reload(IKEConfiguration(connections: [right])))
        let outer = outer
        pair.translate = { Endpoint(outer, port: $0.port == 500 ? 30_500 : 34_500) }
        _ = established(pair)
        expectTransport(pair)
        var second = transportA()
        second.localIdentity = other
        second.name = "ac"
        pair.initiate(second)
        pair.settle()
        guard case .transportRefused(let why)? = childFailure(pair.b)?.cause else {
            Issue.record("the second host got the same selectors")
            return
        }
        #expect(why.contains("a.example"))
        #expect(pair.b.installed.count == 1)
        #expect(childFailure(pair.a)?.cause.isSelectorRefusal == true)
    }

    // MARK: Hostile

    @Test func networksAreNoTransportModeSelectors() {
        let pair = pair()
        pair.initiate(transportA())
        pair.rewriteNext(.ikeAuth, from: pair.a) { payloads in
            payloads.map { payload in
                guard case .trafficSelectorsInitiator = payload else { return payload }
                return .trafficSelectorsInitiator(TrafficSelectorPayload(selectors: [selector("10.0.0.0/24")]))
            }
        }
        pair.settle()
        #expect(pair.b.installed.isEmpty)
        #expect(childFailure(pair.b)?.cause.isSelectorRefusal == true)
    }

    @Test func anAddressThatIsNotThePeersIsRefused() {
        let pair = pair()
        pair.initiate(transportA())
        pair.rewriteNext(.ikeAuth, from: pair.a) { payloads in
            payloads.map { payload in
                guard case .trafficSelectorsInitiator = payload else { return payload }
                return .trafficSelectorsInitiator(TrafficSelectorPayload(selectors: [host(.v4(0x0A00_0099))]))
            }
        }
        pair.settle()
        #expect(pair.b.installed.isEmpty)
    }

    @Test func aRekeyingWithoutTheNotifyIsRefused() throws {
        let pair = established(pair())
        let old = try #require(pair.childA)
        pair.command(pair.a, .rekeyChild(try #require(pair.statusA?.id), old.inboundSPI))
        pair.rewriteNext(.createChildSA, from: pair.a, Payload.withoutMode)
        pair.run(.seconds(6))
        #expect(pair.b.installed.count == 1 && pair.childB?.outboundSPI == old.inboundSPI)
        guard case .transportRefused? = childFailure(pair.b)?.cause else {
            Issue.record("the mode changed")
            return
        }
    }

    @Test func anAnswerInTransportModeThatNobodyAskedForIsRefused() {
        let pair = pair(mode: .tunnel, remote: [.everything(.v4)])
        pair.initiate(pskA())
        pair.rewriteNext(.ikeAuth, from: pair.b) { $0 + [.notify(NotifyPayload(.useTransportMode, data: []))] }
        pair.run(.seconds(10))
        guard case .protocolViolation? = childFailure(pair.a)?.cause else {
            Issue.record("an SA in a mode that was not asked for")
            return
        }
        #expect(pair.a.installed.isEmpty && pair.b.installed.isEmpty)
    }

    @Test func theNotifyMeansNothingElsewhere() {
        let pair = established(pair())
        let before = pair.statusB
        pair.forgeRequest([.notify(.useTransportMode), .notify(.useTransportMode, [1, 2, 3])], from: Pair.addressA)
        pair.settle()
        #expect(pair.statusB?.phase == .established && pair.statusB?.children == before?.children)
    }

    // MARK: Moving

    @Test func anAddressChangeMakesTheSAAnewInsteadOfMovingIt() throws {
        let pair = established(pair())
        let old = try #require(pair.childA)
        pair.reaches([Pair.secondA, Pair.addressB])
        pair.moveA([Pair.secondA], routed: [(Pair.secondA, Pair.addressB)])
        pair.run(.seconds(30))
        pair.expectAgreement()
        expectTransport(pair)
        let fresh = try #require(pair.childA)
        #expect(fresh.inboundSPI != old.inboundSPI)
        #expect(fresh.localSelectors == [host(Pair.secondA)])
        #expect(pair.childB?.remoteSelectors == [host(Pair.secondA)])
        #expect(closedChildren(pair.b).contains(.addressChanged) || closedChildren(pair.b).contains(.deletedByPeer))
    }

    private func closedChildren(_ node: Node) -> [CloseReason] {
        node.reports.compactMap { if case .childClosed(_, _, let reason) = $0 { reason } else { nil } }
    }

    @Test func anotherPortOfTheNATIsNoOtherAddress() throws {
        let pair = pair()
        let outer = outer
        pair.translate = { Endpoint(outer, port: $0.port == 500 ? 30_500 : 34_500) }
        _ = established(pair)
        let old = try #require(pair.childB)
        pair.translate = { Endpoint(outer, port: $0.port == 500 ? 30_500 : 34_501) }
        pair.event(pair.b, .backend(.mappingChanged(inboundSPI: old.inboundSPI, remote: Endpoint(outer, port: 34_501))))
        pair.run(.seconds(30))
        #expect(pair.childB?.inboundSPI == old.inboundSPI)
        #expect(pair.espPaths(pair.b).map(\.remote.port) == [34_501])
    }
}

extension Payload {
    fileprivate static func withoutMode(_ payloads: [Payload]) -> [Payload] {
        payloads.filter { if case .notify(let notify) = $0 { notify.type != .useTransportMode } else { true } }
    }
}

extension Pair {
    /// Delivers until a node sends a message of this exchange, and changes what is inside, as that node might have.
    func rewriteNext(_ exchange: ExchangeType, from node: Node, _ change: ([Payload]) -> [Payload]) {
        settle(until: { $0.sender == node.name && $0.header?.exchangeType == exchange })
        guard let packet = wire.first, let header = packet.header,
            let sa = node.endpoint.engine.sas.values.first(where: { $0.initiatorSPI == header.initiatorSPI }),
            let keys = sa.sendKeys, let opened = Forge.open(packet.bytes, keys: keys, crypto: node.crypto),
            let payloads = try? IKEMessage.parseChain(first: opened.first, opened.plain)
        else {
            Issue.record("nothing to change")
            return
        }
        let chain = IKEMessage.serialiseChain(change(payloads))
        let prefix = IKEMessage.encryptedPrefix(
            header: header,
            first: chain.first,
            bodyLength: keys.sealedLength(plaintextCount: chain.bytes.count)
        )
        let iv: [UInt8] = [0xFD, 0, 0, 0, 0, 0, 0, 1]
        guard let body = try? node.crypto.seal(chain.bytes, associatedData: prefix, iv: iv, keys: keys) else { return }
        wire[0].bytes = prefix + body
    }
}

extension FailureReport.Cause {
    fileprivate var isSelectorRefusal: Bool {
        switch self {
        case .selectors, .peerRefusedSelectors: true
        default: false
        }
    }
}
