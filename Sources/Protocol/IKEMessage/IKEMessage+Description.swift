extension IKEMessage: CustomStringConvertible {
    /// The message in the RFC's notation, such as "IKE_SA_INIT request 0 { SA, KE, Nonce, N(COOKIE) }": types and sizes
    /// alone, no addresses, identities or key material.
    public var description: String {
        let kind = header.flags.contains(.response) ? "response" : "request"
        return "\(header.exchangeType) \(kind) \(header.messageID) \(Payload.list(payloads))"
    }
}

extension Payload: CustomStringConvertible {
    /// The RFC's name of the payload, with the type of a notification or what is deleted.
    public var description: String {
        switch self {
        case .notify(let notify): "N(\(notify.type))"
        case .delete(let delete): "D(\(delete.protocolID))"
        case .configuration(let configuration): "CP(\(configuration.type))"
        case .encryptedFragment(let fragment): "SKF(\(fragment.fragmentNumber)/\(fragment.totalFragments))"
        default: type.description
        }
    }

    /// Payloads in braces, in order.
    public static func list(_ payloads: [Payload]) -> String {
        payloads.isEmpty ? "{}" : "{ " + payloads.map(\.description).joined(separator: ", ") + " }"
    }
}
