import IKECrypto
import IKEMessage
import IPsecTypes

@testable import IKEv2

/// Makes messages with the keys of a node's IKE SA, whatever is inside.
enum Forge {
    /// Seals `plain` as the owner of `sa` would.
    static func seal(
        _ sa: IKESA,
        _ exchange: ExchangeType,
        _ messageID: UInt32,
        first: PayloadType,
        _ plain: [UInt8],
        crypto: any CryptoProvider
    ) -> [UInt8]? {
        guard let keys = sa.sendKeys else { return nil }
        let header = IKEHeader(
            initiatorSPI: sa.initiatorSPI,
            responderSPI: sa.responderSPI,
            exchangeType: exchange,
            flags: sa.isInitiator ? .initiator : [],
            messageID: messageID
        )
        let prefix = IKEMessage.encryptedPrefix(
            header: header,
            first: first,
            bodyLength: keys.sealedLength(plaintextCount: plain.count)
        )
        let iv = [0xFF, 0, 0, 0] + withUnsafeBytes(of: messageID.bigEndian) { [UInt8]($0) }
        return (try? crypto.seal(plain, associatedData: prefix, iv: iv, keys: keys)).map { prefix + $0 }
    }

    /// Opens a message that the owner of `keys` sealed.
    static func open(
        _ bytes: [UInt8],
        keys: SKKeys?,
        crypto: any CryptoProvider
    ) -> (first: PayloadType, plain: [UInt8])? {
        guard let keys, let header = try? IKEHeader.parse(bytes.span),
            let envelope = try? ProtectedEnvelope.parse(header, bytes.span),
            let plain = try? crypto.open(message: bytes, bodyOffset: envelope.bodyOffset, keys: keys)
        else { return nil }
        return (envelope.first, plain)
    }
}
