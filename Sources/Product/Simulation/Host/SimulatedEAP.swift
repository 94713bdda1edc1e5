import IKEMessage
import IKEv2
import IPsecTypes

/// A made-up EAP method for both roles, of type 255 (RFC 3748 §5.8): a name, then `questions` times a challenge each way with
/// a proof of the password in front of the next. Both ends make the key from the password and every challenge, so that a message
/// out of its place gives another key. It is no cryptography: the adversary of a simulation computes nothing.
struct SimulatedEAP {
    /// One conversation, by either end.
    private struct Conversation {
        var name = ""
        var asked: UInt8 = 0
        /// Everything that both ends have said, in order.
        var transcript: [UInt8] = []
        var challenge: UInt64 = 0
        var isWrong = false
        var hasProved = false
    }

    private var conversations: [EAPSessionID: Conversation] = [:]

    private static let identityType: UInt8 = 1
    private static let method: UInt8 = 255

    /// Conversations that have not been ended.
    var open: Int { conversations.count }

    mutating func end(_ session: EAPSessionID) { conversations[session] = nil }

    // MARK: Server

    /// The server's next packet.
    ///
    /// - Parameter password: of a user; nil for one that nobody knows.
    mutating func serve(
        _ request: EAPServerRequest,
        _ settings: EAPDescription,
        _ random: inout SplitMix64,
        password: (String) -> String?
    ) -> EAPServerStep {
        guard let response = request.response else {
            conversations[request.session] = Conversation()
            return .request(EAPPayload(code: 1, identifier: 1, content: [Self.identityType]).packet)
        }
        guard var conversation = conversations[request.session], let packet = EAPPayload(packet: response) else {
            return Self.failed("no conversation")
        }
        defer { conversations[request.session] = conversation }
        let secret: String
        if packet.type == Self.identityType, conversation.asked == 0 {
            conversation.name = String(decoding: packet.content.dropFirst(), as: UTF8.self)
            secret = password(conversation.name) ?? ""
        } else {
            secret = password(conversation.name) ?? ""
            let said = Array(packet.content.dropFirst().prefix(16))
            guard packet.type == Self.method, said.count == 16 else { return Self.failed("another method") }
            let proof = Self.octets(Self.proof("peer", secret, conversation.transcript))
            if secret.isEmpty || Array(said.prefix(8)) != proof { conversation.isWrong = true }
            conversation.transcript += said
        }
        guard conversation.asked < settings.questions else {
            guard !conversation.isWrong else { return Self.failed("wrong password") }
            return .succeeded(
                success: EAPPayload(code: 3, identifier: packet.identifier, content: []).packet,
                key: Self.key(secret, conversation.transcript),
                VerifiedPeer(eap: EAPIdentity(name: conversation.name, method: "simulated", isMutual: true))
            )
        }
        conversation.asked += 1
        let said = Self.octets(Self.proof("server", secret, conversation.transcript)) + Self.octets(random.next())
        conversation.transcript += said
        let content = [Self.method] + said + [UInt8](repeating: 0, count: settings.padding)
        return .request(EAPPayload(code: 1, identifier: packet.identifier &+ 1, content: content).packet)
    }

    private static func failed(_ reason: String) -> EAPServerStep {
        .failed(failure: EAPPayload.failure(0).packet, reason: "eap_failed: \(reason)")
    }

    // MARK: Peer

    /// The peer's answer. A server that does not know the password gets none.
    mutating func answer(
        _ request: EAPPeerRequest,
        _ settings: EAPDescription,
        name: String,
        _ random: inout SplitMix64
    ) -> EAPPeerStep {
        guard let packet = EAPPayload(packet: request.request) else { return .failed(reason: "eap_failed: no packet") }
        var conversation = conversations[request.session] ?? Conversation()
        defer { conversations[request.session] = conversation }
        if packet.isSuccess {
            guard conversation.hasProved else { return .failed(reason: "eap_failed: success without a proof") }
            return .succeeded(key: Self.key(settings.password, conversation.transcript), authenticatesServer: true)
        }
        if packet.type == Self.identityType {
            let content = [Self.identityType] + Array(name.utf8)
            return .response(EAPPayload(code: 2, identifier: packet.identifier, content: content).packet)
        }
        let said = Array(packet.content.dropFirst().prefix(16))
        guard packet.isRequest, packet.type == Self.method, said.count == 16,
            Array(said.prefix(8)) == Self.octets(Self.proof("server", settings.password, conversation.transcript))
        else { return .failed(reason: "eap_failed: the server does not know the password") }
        conversation.hasProved = true
        conversation.transcript += said
        let proof = Self.proof("peer", settings.password, conversation.transcript)
        let answer = Self.octets(proof) + Self.octets(random.next())
        conversation.transcript += answer
        let content = [Self.method] + answer + [UInt8](repeating: 0, count: settings.padding)
        return .response(EAPPayload(code: 2, identifier: packet.identifier, content: content).packet)
    }

    // MARK: Shared

    private static func proof(_ side: String, _ password: String, _ transcript: [UInt8]) -> UInt64 {
        Digest.of(Array(side.utf8) + [0] + Array(password.utf8) + [0] + transcript)
    }

    private static func key(_ password: String, _ transcript: [UInt8]) -> SecretBytes {
        var stream = SplitMix64(seed: proof("key", password, transcript))
        return SecretBytes((0..<64).map { _ in UInt8(truncatingIfNeeded: stream.next()) })
    }

    private static func octets(_ number: UInt64) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { [UInt8]($0) } }
}

/// How a host takes part in EAP.
struct EAPDescription {
    /// What it proves; as server, whatever ``password(of:)`` says of a name.
    var password: String
    /// How often the server asks.
    var questions: UInt8 = 2
    /// Octets that each packet of the method is longer by.
    var padding = 0

    /// The password of an agent, as its gateway knows it.
    static func password(of name: String) -> String { "password of \(name)" }
}
