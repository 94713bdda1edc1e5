import EAP
import EAPDoubles
import IPsecTypes

/// What must hold for any octets at all. Free of the testing library, so that the fuzzers link this file.
enum EAPProperties {
    private static let noon = WallTime(secondsSinceEpoch: 1_795_435_200)

    /// A packet: what parses is written the same, and no peer and no server traps or believes it.
    static func violation(packet bytes: [UInt8]) -> String? {
        if let packet = try? EAPPacket(bytes), packet.bytes != bytes { return "a packet is written otherwise" }
        return violation(conversation: [bytes], fixes: false)
    }

    /// The data of an MSCHAPv2 packet, read in both directions.
    static func violation(mschapv2 data: [UInt8]) -> String? {
        if let message = try? MSCHAPv2Message.request(data) {
            guard (try? MSCHAPv2Message.request(message.data)) == message else {
                return "a request is written otherwise"
            }
        }
        if let message = try? MSCHAPv2Message.response(data) {
            guard (try? MSCHAPv2Message.response(message.data)) == message else {
                return "a response is written otherwise"
            }
        }
        let challenge = MSCHAPv2Message.challenge(
            identifier: 1,
            value: [UInt8](repeating: 7, count: 16),
            name: []
        ).data
        return violation(
            conversation: [
                EAPPacket(identifier: 1, .request(.mschapv2, challenge)).bytes,
                EAPPacket(identifier: 2, .request(.mschapv2, data)).bytes,
                EAPPacket(identifier: 2, .success).bytes,
            ],
            fixes: false
        )
            ?? violation(
                conversation: [
                    EAPPacket(identifier: 1, .response(.identity, [0x61])).bytes,
                    EAPPacket(identifier: 2, .response(.mschapv2, data)).bytes,
                    EAPPacket(identifier: 3, .response(.mschapv2, data)).bytes,
                ],
                fixes: true
            )
    }

    /// Fragments, each with an octet of length before it: no message is longer than its limit, none than what came in, and
    /// the conversation around them ends.
    static func violation(fragments bytes: [UInt8]) -> String? {
        let chunks = chunks(bytes)
        var channel = TLSMessageChannel(packetSize: 256)
        var total = 0
        for chunk in chunks {
            guard let fragment = try? TLSFragment(parsing: chunk) else { continue }
            let written = fragment.bytes
            guard (try? TLSFragment(parsing: written)) == fragment else { return "a fragment is written otherwise" }
            total += fragment.data.count
            guard let received = try? channel.receive(fragment) else { break }
            if case .message(let message) = received {
                if message.count > total { return "a message is longer than its fragments" }
                channel.queue(message)
                if channel.next().bytes.count > 251 { return "a fragment of ours is too long" }
            }
        }
        for method in [EAPMethodType.tls, .ttls] {
            let responses = [EAPPacket(identifier: 1, .response(.identity, [0x61])).bytes]
            let requests = [EAPPacket(identifier: 1, .request(method, [0x20])).bytes]
            let found =
                violation(
                    conversation: responses + chunks.map { EAPPacket(identifier: 0, .response(method, $0)).bytes },
                    methods: [method],
                    fixes: true
                )
                ?? violation(
                    conversation: requests + chunks.map { EAPPacket(identifier: 0, .request(method, $0)).bytes },
                    methods: [method],
                    fixes: false
                )
            if let found { return found }
        }
        return nil
    }

    /// What is said inside EAP-TTLS: attributes that parse are written the same, and both ends survive them.
    static func violation(attributes bytes: [UInt8]) -> String? {
        if let list = try? TTLSAVP.list(bytes) {
            guard (try? TTLSAVP.list(TTLSAVP.bytes(list))) == list else { return "attributes are written otherwise" }
        }
        let whole = Array(bytes.prefix(900))
        func ttls(_ words: [[UInt8]], isServer: Bool) -> [[UInt8]] {
            words.map { word in
                let data = TLSFragment(word).bytes
                return EAPPacket(identifier: 0, isServer ? .response(.ttls, data) : .request(.ttls, data)).bytes
            }
        }
        let identity = EAPPacket(identifier: 1, .response(.identity, [0x61])).bytes
        let start = EAPPacket(identifier: 9, .request(.ttls, [0x20])).bytes
        let word = { (text: String) in Array(text.utf8) }
        let toServer = [identity] + ttls([word("CH"), word("CF"), whole, whole], isServer: true)
        let toPeer = [start] + ttls([word("SH"), word("SF"), whole, whole], isServer: false)
        return violation(conversation: toServer, methods: [.ttls], fixes: true)
            ?? violation(conversation: toPeer + [[3, 0, 0, 4]], methods: [.ttls], fixes: false)
    }

    /// Tells packets to a server, to one in the middle of each method, and to a peer; neither may come to believe in somebody
    /// who does not know the password. With `fixes` responses get the identifier that the server waits for.
    static func violation(
        conversation packets: [[UInt8]],
        methods: [EAPMethodType] = [.mschapv2, .tls, .ttls, .gtc],
        fixes: Bool
    ) -> String? {
        var random = SeededGenerator(seed: 1)
        var server = EAPServer(
            settings: EAPServerSettings(
                methods: methods,
                innerMethods: [.eap(.mschapv2), .eap(.gtc), .pap, .mschapv2],
                retries: 1
            ),
            engines: PlainTLSProvider(),
            isServerAuthenticated: true,
            wallClock: noon
        )
        var action = server.handle(.start, using: &random)
        for packet in packets {
            guard case .send(let request) = action else { break }
            var packet = packet
            if fixes, packet.count > 1, request.count > 1 { packet[1] = request[1] }
            action = settle(&server, server.handle(.packet(packet), using: &random), &random)
            if case .succeeded(_, let success) = action, success.method != .tls { return "a stranger got in" }
        }
        var peer = EAPPeer(
            settings: EAPPeerSettings(identity: "alice", methods: methods, password: SecretBytes(text: secret)),
            engines: PlainTLSProvider(),
            isServerAuthenticated: true,
            wallClock: noon
        )
        for packet in packets {
            var answer = peer.handle(.packet(packet), using: &random)
            while case .verify = answer {
                answer = peer.handle(.certificate(.accepted(identity: "server")), using: &random)
            }
            switch answer {
            case .send(let response):
                guard (try? EAPPacket(response)) != nil else { return "a response is no packet" }
            case .succeeded(let success):
                if success.method == .mschapv2 { return "a server without the password was believed" }
                return nil
            case .failed, .verify: return nil
            }
        }
        return nil
    }

    /// Nobody's input holds it.
    private static let secret = "a password of 40 letters: qwertzuiopasdf"

    private static func settle(
        _ server: inout EAPServer,
        _ first: EAPServerAction,
        _ random: inout SeededGenerator
    ) -> EAPServerAction {
        var action = first
        while true {
            switch action {
            case .lookUp:
                action = server.handle(.credential(.password(SecretBytes(text: secret))), using: &random)
            case .verify: action = server.handle(.certificate(.accepted(identity: "client")), using: &random)
            default: return action
            }
        }
    }

    /// Splits an input into pieces, each with an octet of length before it.
    static func chunks(_ bytes: [UInt8]) -> [[UInt8]] {
        var rest = bytes[...]
        var result: [[UInt8]] = []
        while let length = rest.popFirst(), result.count < 64 {
            result.append(Array(rest.prefix(Int(length))))
            rest = rest.dropFirst(Int(length))
        }
        return result
    }
}
