import IPsecTypes

/// The data of a notification, read by its type.
///
/// Types without data, and with data that is opaque here, are told apart by ``NotifyPayload/type``: they decode to
/// ``empty`` and ``opaque(_:)``.
public enum NotifyData: Hashable, Sendable {
    /// A known type that carries nothing. Data that came nevertheless is ignored.
    case empty
    /// Data of a known type that only its sender can read, or of an unknown type.
    case opaque([UInt8])
    /// The data does not fit the type.
    case malformed(ParseError)

    /// UNSUPPORTED_CRITICAL_PAYLOAD: the type that was refused (RFC 7296 §2.5).
    case unsupportedCriticalPayload(PayloadType)
    /// INVALID_MESSAGE_ID: the ID that was refused (RFC 7296 §2.3).
    case invalidMessageID(UInt32)
    /// INVALID_SPI: the SPI of the packet (RFC 7296 §1.5).
    case invalidSPI(SPI)
    /// INVALID_KE_PAYLOAD: the method that would be accepted (RFC 7296 §1.3).
    case invalidKEPayload(KeyExchangeMethod)
    /// REKEY_SA and CHILD_SA_NOT_FOUND: the Child SA, by the SPI its sender receives on (RFC 7296 §1.3.3, §2.25).
    case childSA(ProtocolID, SPI)
    /// SET_WINDOW_SIZE: how many outstanding requests the sender keeps state for (RFC 7296 §2.3).
    case windowSize(UInt32)
    /// IPCOMP_SUPPORTED (RFC 7296 §2.22).
    case ipcompSupported(cpi: UInt16, transform: UInt8)
    /// NAT_DETECTION_SOURCE_IP and NAT_DETECTION_DESTINATION_IP: 20 octets (RFC 7296 §2.23).
    case natDetection(hash: [UInt8])
    /// COOKIE: 1 to 64 octets (RFC 7296 §2.6).
    case cookie([UInt8])
    /// COOKIE2: 8 to 64 octets (RFC 4555 §4.2.5).
    case cookie2([UInt8])
    /// ADDITIONAL_IP4_ADDRESS and ADDITIONAL_IP6_ADDRESS (RFC 4555 §4.2.2).
    case additionalAddress(IPAddress)
    /// AUTH_LIFETIME (RFC 4478 §3).
    case authLifetime(seconds: UInt32)
    /// REDIRECT: where to go; the nonce of the request is there in IKE_SA_INIT alone (RFC 5685 §9.2).
    case redirect(RedirectGateway, nonce: [UInt8])
    /// REDIRECTED_FROM (RFC 5685 §9.3).
    case redirectedFrom(RedirectGateway)
    /// TICKET_LT_OPAQUE (RFC 5723 §7.1).
    case ticket(lifetimeSeconds: UInt32, ticket: [UInt8])
    /// IKEV2_MESSAGE_ID_SYNC (RFC 6311 §7.1).
    case messageIDSync(nonce: UInt32, expectedSend: UInt32, expectedReceive: UInt32)
    /// IPSEC_REPLAY_COUNTER_SYNC (RFC 6311 §7.3): 64 bits with extended sequence numbers, else 32.
    case replayCounterSync(delta: UInt64, extended: Bool)
    /// SECURE_PASSWORD_METHODS (RFC 6467 §3.1).
    case securePasswordMethods([UInt16])
    /// SIGNATURE_HASH_ALGORITHMS: IANA numbers, such as 2 for SHA2-256 and 5 for Identity (RFC 7427 §4, RFC 8420).
    case signatureHashAlgorithms([UInt16])
    /// PUZZLE (RFC 8019 §8.1).
    case puzzle(PRFAlgorithm, difficulty: UInt8)
    /// PPK_IDENTITY: type 1 opaque, 2 fixed (RFC 8784 §5.1).
    case ppkIdentity(type: UInt8, id: [UInt8])
    /// USE_AGGFRAG: requirement flags (RFC 9347 §6.1.4).
    case aggfrag(flags: UInt8)
    /// SUPPORTED_AUTH_METHODS (RFC 9593 §3.2).
    case supportedAuthMethods([AuthMethodAnnouncement])

    /// A gateway that a peer is redirected to or from (RFC 5685 §9).
    public enum RedirectGateway: Hashable, Sendable {
        /// By address.
        case address(IPAddress)
        /// By name.
        case fqdn(String)
    }

    /// One announced authentication method.
    public struct AuthMethodAnnouncement: Hashable, Sendable {
        /// The method.
        public var method: AuthenticationMethod
        /// The trust anchor of the CERTREQ payloads that it belongs to, from 1; 0 for any.
        public var certificateLink: UInt8
        /// The DER AlgorithmIdentifier, for method 14.
        public var algorithmIdentifier: [UInt8]

        /// Makes a value.
        public init(method: AuthenticationMethod, certificateLink: UInt8 = 0, algorithmIdentifier: [UInt8] = []) {
            self.method = method
            self.certificateLink = certificateLink
            self.algorithmIdentifier = algorithmIdentifier
        }
    }
}
