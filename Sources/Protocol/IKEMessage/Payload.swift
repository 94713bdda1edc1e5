import IPsecTypes

/// One payload of an IKE message.
public enum Payload: Hashable, Sendable {
    /// SA (33).
    case securityAssociation(SecurityAssociationPayload)
    /// KE (34).
    case keyExchange(KeyExchangePayload)
    /// IDi (35).
    case identificationInitiator(IdentificationPayload)
    /// IDr (36).
    case identificationResponder(IdentificationPayload)
    /// CERT (37).
    case certificate(CertificatePayload)
    /// CERTREQ (38).
    case certificateRequest(CertificateRequestPayload)
    /// AUTH (39).
    case authentication(AuthenticationPayload)
    /// Ni, Nr (40).
    case nonce(NoncePayload)
    /// N (41).
    case notify(NotifyPayload)
    /// D (42).
    case delete(DeletePayload)
    /// V (43).
    case vendorID(VendorIDPayload)
    /// TSi (44).
    case trafficSelectorsInitiator(TrafficSelectorPayload)
    /// TSr (45).
    case trafficSelectorsResponder(TrafficSelectorPayload)
    /// SK (46), sealed.
    case encrypted(EncryptedPayload)
    /// CP (47).
    case configuration(ConfigurationPayload)
    /// EAP (48).
    case eap(EAPPayload)
    /// SKF (53), sealed (RFC 7383).
    case encryptedFragment(EncryptedFragmentPayload)
    /// PS (54) (RFC 8019).
    case puzzleSolution(PuzzleSolutionPayload)
    /// Any other type without the critical bit: skipped, but kept.
    case unknown(UnknownPayload)

    /// The type as it stands in the Next Payload field before it.
    public var type: PayloadType {
        switch self {
        case .securityAssociation: .securityAssociation
        case .keyExchange: .keyExchange
        case .identificationInitiator: .identificationInitiator
        case .identificationResponder: .identificationResponder
        case .certificate: .certificate
        case .certificateRequest: .certificateRequest
        case .authentication: .authentication
        case .nonce: .nonce
        case .notify: .notify
        case .delete: .delete
        case .vendorID: .vendorID
        case .trafficSelectorsInitiator: .trafficSelectorsInitiator
        case .trafficSelectorsResponder: .trafficSelectorsResponder
        case .encrypted: .encrypted
        case .configuration: .configuration
        case .eap: .eap
        case .encryptedFragment: .encryptedFragment
        case .puzzleSolution: .puzzleSolution
        case .unknown(let payload): payload.type
        }
    }

    var isCritical: Bool {
        if case .unknown(let payload) = self { payload.critical } else { false }
    }

    var firstInnerPayload: PayloadType? {
        switch self {
        case .encrypted(let payload): payload.firstPayload
        case .encryptedFragment(let payload): payload.firstPayload
        default: nil
        }
    }

    static func parse(
        _ type: PayloadType,
        next: PayloadType,
        _ bytes: Span<UInt8>,
        _ body: inout WireReader,
        _ limits: IKEMessageLimits
    ) throws(ParseError) -> Payload {
        switch type {
        case .securityAssociation: .securityAssociation(try .parse(bytes, &body, limits))
        case .keyExchange: .keyExchange(try .parse(bytes, &body))
        case .identificationInitiator: .identificationInitiator(try .parse(bytes, &body))
        case .identificationResponder: .identificationResponder(try .parse(bytes, &body))
        case .certificate: .certificate(try .parse(bytes, &body))
        case .certificateRequest: .certificateRequest(try .parse(bytes, &body))
        case .authentication: .authentication(try .parse(bytes, &body))
        case .nonce: .nonce(try .parse(bytes, &body))
        case .notify: .notify(try .parse(bytes, &body))
        case .delete: .delete(try .parse(bytes, &body))
        case .vendorID: .vendorID(try .parse(bytes, &body))
        case .trafficSelectorsInitiator: .trafficSelectorsInitiator(try .parse(bytes, &body, limits))
        case .trafficSelectorsResponder: .trafficSelectorsResponder(try .parse(bytes, &body, limits))
        case .encrypted: .encrypted(try .parse(bytes, &body, first: next))
        case .configuration: .configuration(try .parse(bytes, &body, limits))
        case .eap: .eap(try .parse(bytes, &body))
        case .encryptedFragment: .encryptedFragment(try .parse(bytes, &body, first: next, limits))
        case .puzzleSolution: .puzzleSolution(try .parse(bytes, &body))
        default: .unknown(UnknownPayload(type: type, body: try body.readRemaining(bytes)))
        }
    }

    func write(into writer: inout WireWriter) {
        switch self {
        case .securityAssociation(let payload): payload.write(into: &writer)
        case .keyExchange(let payload): payload.write(into: &writer)
        case .identificationInitiator(let payload), .identificationResponder(let payload):
            payload.write(into: &writer)
        case .certificate(let payload): payload.write(into: &writer)
        case .certificateRequest(let payload): payload.write(into: &writer)
        case .authentication(let payload): payload.write(into: &writer)
        case .nonce(let payload): payload.write(into: &writer)
        case .notify(let payload): payload.write(into: &writer)
        case .delete(let payload): payload.write(into: &writer)
        case .vendorID(let payload): payload.write(into: &writer)
        case .trafficSelectorsInitiator(let payload), .trafficSelectorsResponder(let payload):
            payload.write(into: &writer)
        case .encrypted(let payload): payload.write(into: &writer)
        case .configuration(let payload): payload.write(into: &writer)
        case .eap(let payload): payload.write(into: &writer)
        case .encryptedFragment(let payload): payload.write(into: &writer)
        case .puzzleSolution(let payload): payload.write(into: &writer)
        case .unknown(let payload): writer.writeBytes(payload.body)
        }
    }
}

/// A payload of a type that is not supported.
public struct UnknownPayload: Hashable, Sendable {
    /// The type.
    public var type: PayloadType
    /// Whether to set the critical bit. Always false after parsing: a critical one is an error there.
    public var critical: Bool
    /// What follows the generic header.
    public var body: [UInt8]

    /// Makes a payload of any type.
    public init(type: PayloadType, critical: Bool = false, body: [UInt8]) {
        self.type = type
        self.critical = critical
        self.body = body
    }
}
