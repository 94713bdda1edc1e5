import IKECrypto
import IKEMessage
import IPsecTypes

// IKE_INTERMEDIATE (RFC 9242) with the additional key exchanges of an IKE SA's set-up (RFC 9370 §2.2.2), both roles:
//
//     HDR, SK {KEi(n)} -->
//                         <-- HDR, SK {KEr(n)}
//
// Each is protected with the keys before it, and changes all keys of the IKE SA.

extension Engine {
    /// Initiator: the keys stand. Further key exchanges come first, IKE_AUTH last.
    func continueHandshake(_ sa: IKESA, _ handshake: Handshake) {
        guard let method = handshake.intermediate.remaining.first else { return beginAuthentication(sa, handshake) }
        emit(.generateKeyExchange(begin(.generateIntermediate, sa), method))
    }

    func intermediateGenerated(_ sa: IKESA, _ handle: KeyExchangeHandle?, _ publicValue: [UInt8]) {
        guard let handshake = sa.handshake, let handle, let method = handshake.intermediate.remaining.first else {
            discard(handle)
            return fail(sa, .keyExchange(sa.handshake?.intermediate.remaining.first ?? .none))
        }
        handshake.handle = handle
        let payload = Payload.keyExchange(KeyExchangePayload(method: method, data: publicValue))
        sendRequest(sa, .ikeIntermediate, [payload], .intermediate)
    }

    func receiveIntermediateResponse(_ sa: IKESA, _ payloads: [Payload]) {
        guard let handshake = sa.handshake, let method = handshake.intermediate.remaining.first else { return }
        if let error = payloads.errorNotify { return fail(sa, .peerRefused(error.type)) }
        guard let exchange = payloads.onlyKeyExchange, exchange.method == method,
            exchange.data.count == method.responderValueLength, let handle = handshake.handle
        else {
            return fail(
                sa,
                .protocolViolation("IKE_INTERMEDIATE without the public value of \(method) that was agreed")
            )
        }
        guard noteIntermediate(sa, handshake) else { return fail(sa, .limit("no keys")) }
        handshake.conversation.announced.note(payloads)
        handshake.handle = nil
        let id = begin(.shareIntermediate, sa)
        emit(.computeSharedSecret(id, handle: handle, method: method, peerPublic: exchange.data))
    }

    /// Initiator: on to the next one, or to IKE_AUTH.
    func intermediateShared(_ sa: IKESA, _ secret: SecretBytes?) {
        guard let handshake = sa.handshake, let secret, updateKeys(sa, handshake, secret) else {
            return fail(sa, .keyExchange(sa.handshake?.intermediate.remaining.first ?? .none))
        }
        continueHandshake(sa, handshake)
    }

    // MARK: Responder

    /// Whether a half-open IKE SA takes IKE_INTERMEDIATE: when both ends said so, and until IKE_AUTH begins.
    func admitsIntermediate(_ sa: IKESA) -> Bool {
        guard sa.phase == .halfOpen, let state = sa.handshake?.intermediate else { return false }
        return state.isNegotiated && !state.isOver
    }

    func receiveIntermediateRequest(_ sa: IKESA, _ payloads: [Payload]) {
        guard let handshake = sa.handshake, handshake.intermediate.count < configuration.limits.intermediateExchanges
        else { return refuseIntermediate(sa, "more IKE_INTERMEDIATE exchanges than were agreed") }
        guard let method = handshake.intermediate.remaining.first else {
            guard payloads.onlyKeyExchange == nil else {
                return refuseIntermediate(sa, "a key exchange that was not agreed")
            }
            // RFC 9242 §3.2 leaves room for other uses. We know one: the initiator asks for our announcement (RFC 9593 §3.1).
            respond(sa, intermediateAnnouncement(sa, handshake))
            if !noteIntermediate(sa, handshake) { fail(sa, .limit("no keys")) }
            return
        }
        guard let exchange = payloads.onlyKeyExchange, exchange.method == method,
            exchange.data.count == method.publicValueLength
        else { return refuseIntermediate(sa, "IKE_INTERMEDIATE without the public value of \(method) that was agreed") }
        handshake.peerPublic = exchange.data
        answerKeyExchange(sa, .generateIntermediateResponse, method, exchange.data)
    }

    /// The responder's half of any key exchange: a key pair, or an encapsulation to the peer's value.
    func answerKeyExchange(_ sa: IKESA, _ step: Step, _ method: KeyExchangeMethod, _ peerPublic: [UInt8]) {
        let id = begin(step, sa)
        emit(
            method.isEncapsulation
                ? .encapsulateKeyExchange(id, method, peerPublic: peerPublic) : .generateKeyExchange(id, method)
        )
    }

    func intermediateResponseGenerated(_ sa: IKESA, _ handle: KeyExchangeHandle?, _ publicValue: [UInt8]) {
        guard let handshake = sa.handshake, let handle, let method = handshake.intermediate.remaining.first else {
            discard(handle)
            return refuseIntermediate(sa, "the public value is refused, or no key could be made")
        }
        handshake.publicValue = publicValue
        let id = begin(.shareIntermediateResponse, sa)
        emit(.computeSharedSecret(id, handle: handle, method: method, peerPublic: handshake.peerPublic))
    }

    func intermediateResponseShared(_ sa: IKESA, _ secret: SecretBytes?) {
        guard let handshake = sa.handshake, let secret, let method = handshake.intermediate.remaining.first else {
            return refuseIntermediate(sa, "the public value is refused")
        }
        let answer = Payload.keyExchange(KeyExchangePayload(method: method, data: handshake.publicValue))
        respond(sa, [answer] + intermediateAnnouncement(sa, handshake))
        guard noteIntermediate(sa, handshake), updateKeys(sa, handshake, secret) else {
            return fail(sa, .keyExchange(method))
        }
    }

    /// IKE_AUTH may begin only when every key exchange that was agreed is done: a peer cannot leave one out (S10).
    func beginsAuthentication(_ sa: IKESA) -> Bool {
        guard let handshake = sa.handshake else { return true }
        if let missing = handshake.intermediate.remaining.first {
            refuseIntermediate(sa, "IKE_AUTH before the key exchange \(missing) that was agreed")
            return false
        }
        handshake.intermediate.isOver = true
        return true
    }

    private func refuseIntermediate(_ sa: IKESA, _ what: String) {
        respond(sa, [.notify(.invalidSyntax)])
        fail(sa, .protocolViolation(what))
    }

    // MARK: Keys and authentication

    /// Adds an exchange to what AUTH covers, with the keys that protected it.
    private func noteIntermediate(_ sa: IKESA, _ handshake: Handshake) -> Bool {
        guard let keys = sa.keys, let suite = sa.suite, let sent = handshake.intermediate.sent,
            let received = handshake.intermediate.received
        else { return false }
        let (request, response) = sa.isInitiator ? (sent, received) : (received, sent)
        var state = handshake.intermediate
        // RFC 9242 §3.3.2: IntAuth_iN = prf(SK_piN, IntAuth_iN-1 | IntAuth_iNA [| IntAuth_iNP])
        guard
            let initiator = try? crypto.prf(suite.prf, key: keys.skPi, [.bytes(state.initiatorAuth), .bytes(request)]),
            let responder = try? crypto.prf(suite.prf, key: keys.skPr, [.bytes(state.responderAuth), .bytes(response)])
        else { return false }
        state.initiatorAuth = initiator.withUnsafeBytes { [UInt8]($0) }
        state.responderAuth = responder.withUnsafeBytes { [UInt8]($0) }
        state.sent = nil
        state.received = nil
        state.count += 1
        handshake.intermediate = state
        return true
    }

    private func updateKeys(_ sa: IKESA, _ handshake: Handshake, _ secret: SecretBytes) -> Bool {
        guard let keys = sa.keys, let suite = sa.suite,
            let next = try? schedule.keys(
                after: keys,
                suite: suite,
                sharedSecret: secret,
                nonces: handshake.context(weInitiated: sa.isInitiator),
                initiatorSPI: sa.initiatorSPI,
                responderSPI: sa.responderSPI
            )
        else { return false }
        // Retransmissions of the request come under the keys before.
        if !sa.isInitiator { sa.responses.lastKeys = sa.receiveKeys }
        sa.keys = next
        handshake.intermediate.remaining.removeFirst()
        return true
    }
}

/// What a handshake knows of its IKE_INTERMEDIATE exchanges.
struct IntermediateState {
    /// Whether both ends sent INTERMEDIATE_EXCHANGE_SUPPORTED and have a use for it.
    var isNegotiated = false
    /// Whether IKE_AUTH has begun.
    var isOver = false
    /// Key exchanges still to be done, in their order.
    var remaining: [KeyExchangeMethod] = []
    /// Exchanges that are done.
    var count = 0
    /// IntAuth_iN and IntAuth_rN (RFC 9242 §3.3.2).
    var initiatorAuth: [UInt8] = []
    var responderAuth: [UInt8] = []
    /// The two messages of the exchange under way, as ``octets(head:first:plain:)`` gives them.
    var sent: [UInt8]?
    var received: [UInt8]?

    /// IntAuth: what is added to the octets that AUTH covers; empty without IKE_INTERMEDIATE.
    var authenticated: [UInt8] {
        guard count > 0 else { return [] }
        var writer = WireWriter(capacity: initiatorAuth.count + responderAuth.count + 4)
        writer.writeBytes(initiatorAuth)
        writer.writeBytes(responderAuth)
        // IKE_AUTH_MID: one more than the last IKE_INTERMEDIATE, whose first is 1 (RFC 9242 §3.2).
        writer.writeUInt32(UInt32(count) + 1)
        return writer.bytes
    }

    /// IntAuth_*A | IntAuth_*P of a received message, as if it had come unfragmented: lengths count neither IV, padding nor
    /// ICV (RFC 9242 §3.3.2).
    ///
    /// - Parameters:
    ///   - head: IKE header and generic header of the message, or of its first fragment: 32 octets or more.
    ///   - first: the type of the first inner payload.
    ///   - plain: the inner payloads.
    static func octets(head: [UInt8], first: PayloadType, plain: [UInt8]) -> [UInt8]? {
        var reader = WireReader(count: head.count)
        let bytes = head.span
        do throws(ParseError) {
            let spis = try reader.readBytes(bytes, count: 16)
            try reader.skip(1)
            let middle = try reader.readBytes(bytes, count: 7)
            // Length, then Next Payload of the generic header.
            try reader.skip(5)
            let reserved = try reader.readUInt8(bytes)
            var writer = WireWriter(capacity: head.count + plain.count)
            writer.writeBytes(spis)
            writer.writeUInt8(PayloadType.encrypted.rawValue)
            writer.writeBytes(middle)
            writer.writeUInt32(UInt32(clamping: IKEHeader.byteCount + 4 + plain.count))
            writer.writeUInt8(first.rawValue)
            writer.writeUInt8(reserved)
            writer.writeUInt16(UInt16(clamping: 4 + plain.count))
            writer.writeBytes(plain)
            return writer.bytes
        } catch {
            return nil
        }
    }

    /// Octets of a message's start that ``octets(head:first:plain:)`` reads.
    static let headLength = IKEHeader.byteCount + 4
}
