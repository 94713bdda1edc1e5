import IPsecTypes

@testable import RADIUS

/// What must hold for any octets whatever that come as a RADIUS datagram. The tests and the fuzz target share this file.
enum RADIUSPacketProperties {
    private static let secret = SecretBytes([0x73, 0x65, 0x63, 0x72, 0x65, 0x74])
    private static let source = Endpoint(.v4(0xc000_0201), port: 1812)

    /// Nothing traps; what parses is written, parsed and is equal; no reader of values, no client and no listener traps,
    /// and none believes octets that do not know the secret.
    static func violation(_ bytes: [UInt8]) -> String? {
        if let packet = try? RADIUSPacket(parsing: bytes) {
            let written = packet.encoded
            guard let again = try? RADIUSPacket(parsing: written), again == packet else {
                return "written and parsed it is another packet"
            }
            guard bytes.starts(with: written) else { return "written it is other octets" }
            readAll(packet.attributes)
        }
        return believed(bytes)
    }

    private static func readAll(_ attributes: [RADIUSAttribute]) {
        _ = try? RADIUSAuthorization(attributes).groups
        _ = attributes.masterSessionKey(secret: secret, requestAuthenticator: RADIUSPacket.zeros)
        for code in [RADIUSCode.accessChallenge, .accessAccept, .accessReject] {
            var conversation = EAPPassThrough(userName: "nemo", attributes: [])
            if let packet = attributes.eapPacket { _ = conversation.request(packet) }
            let answer = RADIUSAnswer(server: 0, code: code, attributes: attributes, roundTrip: .zero)
            _ = conversation.take(answer)
        }
    }

    private static func believed(_ bytes: [UInt8]) -> String? {
        var client = RADIUSClient(servers: [RADIUSServer(name: "r", endpoint: source, secret: secret)])
        var actions: [RADIUSAction] = []
        var random = Counting()
        let request = RADIUSRequest(.accessRequest, [])
        _ = client.begin(request, now: .zero, using: &random, into: &actions)
        client.receive(bytes, from: source, on: RADIUSLane(server: 0, socket: 0), now: .zero, into: &actions)
        guard client.waiting == 1 else { return "a client believed it" }
        let clients = [DynamicClient(address: source.address, secret: secret)]
        var listener = DynamicAuthorization(clients: clients, nasIdentifier: "gw", nasAddresses: [])
        let now = WallTime(secondsSinceEpoch: 1_700_000_000)
        guard case .discarded = listener.receive(bytes, from: source, wallClock: now) else {
            return "a listener believed it"
        }
        return nil
    }

    private struct Counting: RandomNumberGenerator {
        var value: UInt64 = 0
        mutating func next() -> UInt64 {
            value &+= 0x9e37_79b9_7f4a_7c15
            return value
        }
    }
}
