import IKEMessage
import IPsecTypes

/// What must hold for any octets whatever. The tests and the fuzz targets share this file; each check returns what is
/// violated, or nil.
enum IKEMessageProperties {
    /// A whole datagram: parsing never traps, and what was parsed survives writing and parsing.
    static func violation(message bytes: [UInt8]) -> String? {
        _ = try? IKEHeader.parse(bytes.span)
        guard let parsed = try? IKEMessage.parse(bytes) else { return nil }
        let written = parsed.serialise()
        guard written.count <= IKEMessageLimits().messageBytes else { return nil }
        guard let again = try? IKEMessage.parse(written) else { return "what was written does not parse" }
        guard again.serialise() == written else { return "writing is not stable" }
        // Lengths and offsets may change where the sender left out what we write; then the content decides.
        if written.count == bytes.count, again != parsed { return "the message changed" }
        guard again.payloads.count == parsed.payloads.count else { return "payloads were lost" }
        return violation(readingAll: parsed)
    }

    /// The content of an Encrypted payload. The first octet is the type of the first payload.
    static func violation(decrypted bytes: [UInt8]) -> String? {
        guard let type = bytes.first else { return nil }
        guard let parsed = try? IKEMessage.parseChain(first: PayloadType(rawValue: type), Array(bytes.dropFirst()))
        else {
            return nil
        }
        let (first, written) = IKEMessage.serialiseChain(parsed)
        guard written.count <= IKEMessageLimits().messageBytes else { return nil }
        guard let again = try? IKEMessage.parseChain(first: first, written) else {
            return "what was written does not parse"
        }
        guard again == parsed else { return "the payloads changed" }
        return violation(readingAll: parsed)
    }

    private static func violation(readingAll message: IKEMessage) -> String? {
        guard message.description.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else { return "unprintable" }
        return violation(readingAll: message.payloads)
    }

    /// Everything that is read from a payload later on must not trap either.
    private static func violation(readingAll payloads: [Payload]) -> String? {
        for payload in payloads {
            switch payload {
            case .notify(let notify):
                if case .malformed = notify.decoded { continue }
            case .identificationInitiator(let payload), .identificationResponder(let payload):
                guard let identity = try? Identity(payload) else { continue }
                guard identity.payload == payload else { return "the identity changed" }
                guard identity.description.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
                    return "an identity is not printable"
                }
            case .certificateRequest(let request):
                guard request.hashes(limit: 3)?.count ?? 0 <= 3 else { return "too many hashes" }
            case .securityAssociation(let payload):
                for proposal in payload.proposals where proposal.childSPI != nil && proposal.ikeSPI != nil {
                    return "an SPI of two lengths"
                }
            case .eap(let payload):
                guard EAPPayload(packet: payload.packet) == payload else { return "the EAP packet changed" }
            default: continue
            }
        }
        return nil
    }
}
