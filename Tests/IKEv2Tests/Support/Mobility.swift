import IKECrypto
import IKEMessage
import IPsecTypes

@testable import IKEv2

/// What tests of moving hosts need.
extension Pair {
    static let secondA = IPAddress.v4(0x0A00_0002)
    static let thirdA = IPAddress.v4(0x0A00_0003)
    static let sixA = IPAddress.v6(0x2001_0DB8_0001_0000, 2)
    static let secondB = IPAddress.v4(0xC000_0202)
    static let sixB = IPAddress.v6(0x2001_0DB8_0113_0000, 0x10)
    static let victim = IPAddress.v4(0xC633_6463)

    /// A's path as it is, on port 4500 where it has floated.
    var floatedPath: Path { saA?.path ?? pathA }

    /// Only packets to and from these addresses get through from here on.
    func reaches(_ addresses: Set<IPAddress>) {
        delivers = { packet in
            addresses.contains(packet.path.local.address) && addresses.contains(packet.path.remote.address)
        }
    }

    /// A gets other addresses.
    func moveA(_ usable: [IPAddress], routed: [(IPAddress, IPAddress)]) {
        let list = LocalAddresses(usable: usable, routed: routed.map { AddressPair(local: $0.0, remote: $0.1) })
        command(a, .localAddressesChanged(nil, list))
    }

    /// Where the data plane of a node sends all its ESP.
    func espPaths(_ node: Node) -> Set<Path> { Set(node.installed.values.map(\.parameters.path)) }

    /// The addresses that ESP of a node goes to.
    func espTargets(_ node: Node) -> Set<IPAddress> { Set(espPaths(node).map(\.remote.address)) }

    var saA: IKESA? { a.endpoint.engine.sas.values.first { $0.isEstablished } }
    var saB: IKESA? { b.endpoint.engine.sas.values.first { $0.isEstablished } }

    /// A request of A with any content, as if it came from `source`. A itself does not know of it.
    func forgeRequest(_ payloads: [Payload], from source: IPAddress) {
        guard let sa = saA else { return }
        let chain = IKEMessage.serialiseChain(payloads)
        let id = sa.requests.nextID
        let bytes = Forge.seal(sa, .informational, id, first: chain.first, chain.bytes, crypto: a.crypto)
        sa.requests.nextID += 1
        inject(bytes, from: source)
    }

    /// An answer of A to B's request, without A having seen it.
    func forgeResponse(_ payloads: [Payload], from source: IPAddress) {
        guard let sa = saA, let keys = sa.sendKeys, let id = saB?.requests.outstanding?.messageID else { return }
        let chain = IKEMessage.serialiseChain(payloads)
        let header = IKEHeader(
            initiatorSPI: sa.initiatorSPI,
            responderSPI: sa.responderSPI,
            exchangeType: .informational,
            flags: sa.isInitiator ? [.initiator, .response] : .response,
            messageID: id
        )
        let prefix = IKEMessage.encryptedPrefix(
            header: header,
            first: chain.first,
            bodyLength: keys.sealedLength(plaintextCount: chain.bytes.count)
        )
        let iv: [UInt8] = [0xFE, 0, 0, 0, 0, 0, 0, UInt8(truncatingIfNeeded: id)]
        guard let body = try? a.crypto.seal(chain.bytes, associatedData: prefix, iv: iv, keys: keys) else { return }
        inject(prefix + body, from: source)
    }

    private func inject(_ bytes: [UInt8]?, from source: IPAddress) {
        guard let bytes, let sa = saA else { return }
        var path = sa.path
        path.local.address = source
        inject(Packet(bytes: bytes, path: path, sender: "A"))
    }

    /// The payloads of a message that B sent.
    func read(_ packet: Packet) -> [Payload]? {
        guard let sa = saA, let opened = Forge.open(packet.bytes, keys: sa.receiveKeys, crypto: a.crypto) else {
            return nil
        }
        return try? IKEMessage.parseChain(first: opened.first, opened.plain)
    }
}

extension Node {
    var moves: [PathChange] {
        reports.compactMap { if case .pathChanged(_, _, _, let cause) = $0 { cause } else { nil } }
    }

    /// How often it refused its peer's addresses with this.
    func refusals(_ notify: NotifyType) -> Int {
        mobility.count { if case .refusedPeer(notify, _) = $0 { true } else { false } }
    }

    var mobility: [MobilityReport] {
        reports.compactMap { if case .mobility(_, let report) = $0 { report } else { nil } }
    }
}
