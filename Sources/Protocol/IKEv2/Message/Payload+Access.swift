import IKEMessage
import IPsecTypes

/// Ways to find the payloads of a message. Where an RFC allows one payload of a kind the first one counts.
extension [Payload] {
    var securityAssociation: SecurityAssociationPayload? {
        for case .securityAssociation(let payload) in self { return payload }
        return nil
    }
    var keyExchange: KeyExchangePayload? {
        for case .keyExchange(let payload) in self { return payload }
        return nil
    }
    /// The KE payload of an exchange that has one; nil when there is none, or more than one.
    var onlyKeyExchange: KeyExchangePayload? {
        var found: KeyExchangePayload?
        for case .keyExchange(let payload) in self {
            guard found == nil else { return nil }
            found = payload
        }
        return found
    }
    var nonce: [UInt8]? {
        for case .nonce(let payload) in self { return payload.data }
        return nil
    }
    var identificationInitiator: IdentificationPayload? {
        for case .identificationInitiator(let payload) in self { return payload }
        return nil
    }
    var identificationResponder: IdentificationPayload? {
        for case .identificationResponder(let payload) in self { return payload }
        return nil
    }
    var authentication: AuthenticationPayload? {
        for case .authentication(let payload) in self { return payload }
        return nil
    }
    var configuration: ConfigurationPayload? {
        for case .configuration(let payload) in self { return payload }
        return nil
    }
    var initiatorSelectors: TrafficSelectorPayload? {
        for case .trafficSelectorsInitiator(let payload) in self { return payload }
        return nil
    }
    var responderSelectors: TrafficSelectorPayload? {
        for case .trafficSelectorsResponder(let payload) in self { return payload }
        return nil
    }
    var puzzleSolution: PuzzleSolutionPayload? {
        for case .puzzleSolution(let payload) in self { return payload }
        return nil
    }
    /// What an IKE_SA_INIT or IKE_SESSION_RESUME request says besides its cookie and the solution of a puzzle.
    var withoutCookie: [Payload] {
        filter { payload in
            switch payload {
            case .notify(let notify): notify.type != .cookie
            case .puzzleSolution: false
            default: true
            }
        }
    }
    var notifies: [NotifyPayload] {
        compactMap { if case .notify(let payload) = $0 { payload } else { nil } }
    }
    var certificates: [CertificatePayload] {
        compactMap { if case .certificate(let payload) = $0 { payload } else { nil } }
    }
    var deletes: [DeletePayload] {
        compactMap { if case .delete(let payload) = $0 { payload } else { nil } }
    }

    func notify(_ type: NotifyType) -> NotifyPayload? { notifies.first { $0.type == type } }

    /// The first notify that reports an error.
    var errorNotify: NotifyPayload? { notifies.first { $0.type.isError } }
}

extension Payload {
    static func notify(_ type: NotifyType, _ data: [UInt8] = []) -> Payload {
        .notify(NotifyPayload(type, data: data))
    }

    /// INVALID_KE_PAYLOAD with the method that would do (RFC 7296 §1.3).
    static func invalidKeyExchange(_ wanted: KeyExchangeMethod) -> Payload {
        var writer = WireWriter(capacity: 2)
        writer.writeUInt16(wanted.rawValue)
        return .notify(NotifyPayload(.invalidKEPayload, data: writer.bytes))
    }
}
