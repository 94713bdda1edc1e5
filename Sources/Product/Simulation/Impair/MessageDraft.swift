import CLibcrypto
import IKECrypto
import IKEMessage
import IPsecTypes

/// An IKE message before it is written, open to every abuse. It is sealed with real keys at the end, so that what is wrong
/// with it lies behind the integrity check.
struct MessageDraft {
    var initiatorSPI: UInt64
    var responderSPI: UInt64
    var version: UInt8
    var exchange: UInt8
    var flags: UInt8
    var messageID: UInt32
    /// What the header's length field says; nil for the truth.
    var length: UInt32?
    /// The payloads, those inside the SK payload where there is one.
    var payloads: [RawPayload]
    /// What the header in front of the payloads says the first one is; nil for the truth.
    var first: UInt8?
    /// Payloads in clear before and behind the SK payload.
    var before: [RawPayload] = []
    var behind: [RawPayload] = []
    /// What the octet in front of the integrity check value says; nil for the truth.
    var padLength: UInt8?
    /// Octets missing at the end.
    var cut = 0
    /// Octets added at the end.
    var tail: [UInt8] = []
    /// How often it is sent; not at all with 0.
    var copies = 1
    /// Further messages behind it.
    var extra: [MessageDraft] = []

    /// What the message was sealed with; nil for one in clear.
    var seal: Seal?

    /// Keys and initialisation vector of an SK payload.
    struct Seal {
        var keys: SKKeys
        var iv: [UInt8]
    }

    var isResponse: Bool { flags & 0x20 != 0 }

    /// Takes a message apart; `plain` is the content of its SK payload, where it has one.
    init?(_ bytes: [UInt8], plain: (bytes: [UInt8], seal: Seal)?) {
        guard bytes.count >= IKEHeader.byteCount else { return nil }
        initiatorSPI = Self.number(bytes[0..<8])
        responderSPI = Self.number(bytes[8..<16])
        version = bytes[17]
        exchange = bytes[18]
        flags = bytes[19]
        messageID = UInt32(truncatingIfNeeded: Self.number(bytes[20..<24]))
        if let plain {
            guard bytes.count > IKEHeader.byteCount else { return nil }
            payloads = RawPayload.split(first: bytes[28], plain.bytes)
            seal = plain.seal
        } else {
            payloads = RawPayload.split(first: bytes[16], bytes[28...])
        }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

    /// The first payload of a type, for reading; changes go through ``edit(_:_:)``.
    func payload(_ type: UInt8) -> RawPayload? { payloads.first { $0.type == type } }

    /// Changes the first payload of a type, where there is one.
    mutating func edit(_ type: UInt8, _ change: (inout RawPayload) -> Void) {
        guard let index = payloads.firstIndex(where: { $0.type == type }) else { return }
        change(&payloads[index])
    }

    mutating func remove(_ type: UInt8) { payloads.removeAll { $0.type == type } }

    /// Puts a body in place of that of the first payload of a type.
    mutating func replace(_ type: UInt8, _ body: [UInt8]) { edit(type) { $0.body = body } }

    // MARK: Writing

    /// The message as octets.
    func bytes() -> [UInt8] {
        var message: [UInt8]
        if let seal {
            message = sealed(seal)
        } else {
            message = header(next: first ?? payloads.first?.type ?? 0) + RawPayload.join(payloads)
            setLength(&message)
        }
        if cut > 0 { message.removeLast(min(cut, message.count)) }
        return message + tail
    }

    private func header(next: UInt8) -> [UInt8] {
        var writer = WireWriter(capacity: IKEHeader.byteCount)
        writer.writeUInt64(initiatorSPI)
        writer.writeUInt64(responderSPI)
        for octet in [next, version, exchange, flags] { writer.writeUInt8(octet) }
        writer.writeUInt32(messageID)
        writer.writeUInt32(length ?? 0)
        return writer.bytes
    }

    private func setLength(_ message: inout [UInt8]) {
        let total = length ?? UInt32(message.count)
        for index in 0..<4 { message[24 + index] = UInt8(truncatingIfNeeded: total >> (8 * (3 - UInt32(index)))) }
    }

    private static let sealedType: UInt8 = 46
    private static let tagLength = 16

    private func sealed(_ seal: Seal) -> [UInt8] {
        var body = RawPayload.join(payloads)
        body.append(padLength ?? 0)
        let inner = first ?? payloads.first?.type ?? 0
        let bodyLength = 4 + seal.iv.count + body.count + Self.tagLength
        var message = header(next: before.first?.type ?? Self.sealedType)
        message += RawPayload.join(before, last: Self.sealedType)
        let following = RawPayload.join(behind)
        message += [inner, 0, UInt8(truncatingIfNeeded: bodyLength >> 8), UInt8(truncatingIfNeeded: bodyLength)]
        let total = message.count + seal.iv.count + body.count + Self.tagLength + following.count
        var counted = message + [UInt8](repeating: 0, count: total - message.count)
        setLength(&counted)
        message = Array(counted.prefix(message.count)) + seal.iv
        let associated = Array(message.dropLast(seal.iv.count))
        guard let sealed = Self.seal(body, associated, seal) else { return [] }
        return message + sealed + following
    }

    /// AES-GCM and ChaCha20-Poly1305, with whatever padding the body has.
    private static func seal(_ body: [UInt8], _ associated: [UInt8], _ seal: Seal) -> [UInt8]? {
        let nonce = seal.keys.salt.withUnsafeBytes { [UInt8]($0) } + seal.iv
        let key = seal.keys.encryptionKey.withUnsafeBytes { [UInt8]($0) }
        guard nonce.count == 12, key.count == 32 else { return nil }
        let cipher = seal.keys.cipher == .aesGCM16 ? CULVERT_AES_256_GCM : CULVERT_CHACHA20_POLY1305
        guard let context = culvert_aead_new(Int32(cipher), 1, key, key.count) else { return nil }
        defer { culvert_cipher_free(context) }
        var data = body
        var tag = [UInt8](repeating: 0, count: tagLength)
        guard culvert_aead_seal(context, nonce, associated, associated.count, &data, data.count, &tag) == 1 else {
            return nil
        }
        return data + tag
    }
}
