import IKECrypto
import IKEMessage
import IPsecTypes

/// The state of an impaired host: what it makes of its own messages.
struct ImpairedSender {
    let impairment: Impairment
    let isInitiator: Bool
    /// Whether the provocation has come; before it, established exchanges are left alone.
    var isProvoked = false
    /// What was made of each message, so that its retransmissions are equal.
    fileprivate var made: [UInt64: [[UInt8]]] = [:]
    /// IKE_SA_INIT as the endpoint thinks it was sent, and as it was: AUTH covers the latter.
    fileprivate var initial: (thought: [UInt8], sent: [UInt8])?
    fileprivate var extras: UInt32 = 0
    /// Messages that were changed.
    var changes = 0

    init(_ impairment: Impairment, isInitiator: Bool) {
        self.impairment = impairment
        self.isInitiator = isInitiator
    }

    fileprivate func concerns(_ draft: MessageDraft) -> Bool {
        switch impairment.place {
        case .initial: draft.exchange == ExchangeType.ikeSAInit.rawValue && draft.isResponse != isInitiator
        case .authentication: draft.exchange == ExchangeType.ikeAuth.rawValue && draft.isResponse != isInitiator
        case .request(let exchange): isProvoked && draft.exchange == exchange && !draft.isResponse
        case .response(let exchange): isProvoked && draft.exchange == exchange && draft.isResponse
        case .everything: true
        }
    }
}

extension SimulatedHost {
    /// What is sent in place of a message; the message itself for a sound host.
    func impaired(_ bytes: [UInt8]) -> [[UInt8]] {
        guard var sender else { return [bytes] }
        let key = Digest.of(bytes)
        if let before = sender.made[key] { return before }
        let sealed = crypto.takeLastSealed(ending: bytes)
        guard var draft = MessageDraft(bytes, plain: sealed.map { ($0.plaintext, .init(keys: $0.keys, iv: $0.iv)) }),
            sender.concerns(draft)
        else { return [bytes] }
        sender.impairment.change(&draft)
        sender.changes += 1
        var messages: [[UInt8]] = []
        for (index, part) in ([draft] + draft.extra).enumerated() {
            var part = part
            // A message of our own needs an initialisation vector of its own.
            if index > 0, var seal = part.seal {
                sender.extras += 1
                seal.iv = [0xEE, 0, 0, 0] + withUnsafeBytes(of: sender.extras.bigEndian) { [UInt8]($0) }
                part.seal = seal
            }
            let made = part.bytes()
            messages += Array(repeating: made, count: part.copies)
            if index == 0, draft.exchange == ExchangeType.ikeSAInit.rawValue { sender.initial = (bytes, made) }
        }
        sender.made[key] = messages
        self.sender = sender
        return messages
    }

    /// The octets that AUTH covers, with IKE_SA_INIT as it went over the wire.
    func octetsOnTheWire(_ octets: [UInt8]) -> [UInt8] {
        guard let initial = sender?.initial, octets.starts(with: initial.thought) else { return octets }
        return initial.sent + octets.dropFirst(initial.thought.count)
    }
}
