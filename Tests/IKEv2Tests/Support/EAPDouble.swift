import IKEMessage
import IKEv2
import IPsecTypes

/// A made-up EAP method, type 255, for both roles. The server asks for a name, then `questions` times for the password; the
/// key is made from the password and the last question, so that two different passwords give two keys.
struct EAPDouble {
    /// The passwords of the server, by name.
    var users: [String: String] = [:]
    /// What our peer says.
    var name = ""
    var password = ""
    var questions: UInt8 = 2
    /// Octets that each packet is padded with.
    var padding = 0
    var makesKey = true
    var isMutual = true
    /// The server goes on asking for ever.
    var isEndless = false
    /// The server believes every password: what follows depends on the key alone.
    var believesEverything = false
    /// Our peer likes nothing any more.
    var refuses = false
    /// A name that the server proves, whatever the peer said.
    var proves: String?
    /// Packets that our peer was asked about.
    private(set) var asked: [[UInt8]] = []
    /// Names that our peer has given away.
    private(set) var said: [String] = []
    private(set) var ended: [EAPSessionID] = []

    private struct Conversation {
        var name = ""
        var answered: UInt8 = 0
        var question: UInt8 = 0
        var isWrong = false
    }
    private var conversations: [EAPSessionID: Conversation] = [:]

    static let method: UInt8 = 255

    var open: Int { conversations.count }

    mutating func end(_ session: EAPSessionID) {
        ended.append(session)
        conversations[session] = nil
    }

    mutating func step(_ request: EAPServerRequest) -> EAPServerStep {
        let failure = EAPPayload.failure(0).packet
        guard let response = request.response else {
            conversations[request.session] = Conversation()
            return .request(EAPPayload(code: 1, identifier: 1, content: [1]).packet)
        }
        guard var conversation = conversations[request.session], let packet = EAPPayload(packet: response) else {
            return .failed(failure: failure, reason: "eap_failed: no conversation")
        }
        defer { conversations[request.session] = conversation }
        if packet.type == 1 {
            conversation.name = String(decoding: packet.content.dropFirst(), as: UTF8.self)
        } else {
            let given = packet.content.dropFirst().prefix { $0 != 0 }
            let wanted = Array((users[conversation.name] ?? "").utf8)
            if given.isEmpty || Array(given) != wanted, !believesEverything { conversation.isWrong = true }
            conversation.answered += 1
        }
        guard isEndless || conversation.answered < questions else {
            guard !conversation.isWrong else { return .failed(failure: failure, reason: "eap_failed: wrong password") }
            let key = Self.key(users[conversation.name] ?? "", packet.identifier)
            let success = EAPPayload(code: 3, identifier: packet.identifier, content: []).packet
            let identity = EAPIdentity(
                name: proves ?? conversation.name,
                method: "double",
                isMutual: isMutual,
                groups: ["staff"]
            )
            return .succeeded(success: success, key: makesKey ? key : nil, VerifiedPeer(eap: identity))
        }
        conversation.question = packet.identifier &+ 1
        let content = [Self.method] + [UInt8](repeating: 0, count: padding)
        return .request(EAPPayload(code: 1, identifier: conversation.question, content: content).packet)
    }

    mutating func step(_ request: EAPPeerRequest) -> EAPPeerStep {
        asked.append(request.request)
        guard !refuses, let packet = EAPPayload(packet: request.request) else {
            return .failed(reason: "eap_failed: no packet")
        }
        if packet.isSuccess {
            let key = Self.key(password, packet.identifier)
            return .succeeded(key: makesKey ? key : nil, authenticatesServer: isMutual)
        }
        guard packet.type != 1 else {
            said.append(name)
            return .response(EAPPayload(code: 2, identifier: packet.identifier, content: [1] + Array(name.utf8)).packet)
        }
        guard packet.type == Self.method else { return .failed(reason: "eap_method: not mine") }
        let content = [Self.method] + Array(password.utf8) + [UInt8](repeating: 0, count: padding)
        return .response(EAPPayload(code: 2, identifier: packet.identifier, content: content).packet)
    }

    static func key(_ password: String, _ identifier: UInt8) -> SecretBytes {
        let bytes = Array(password.utf8)
        return SecretBytes((0..<64).map { UInt8($0) ^ identifier ^ (bytes.isEmpty ? 0 : bytes[$0 % bytes.count]) })
    }
}
