/// The type of a notification (RFC 7296 §3.10.1 and later documents).
public struct NotifyType: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The IANA number.
    public var rawValue: UInt16
    /// Makes a value from its number.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// UNSUPPORTED_CRITICAL_PAYLOAD (RFC 7296 §3.10.1).
    public static let unsupportedCriticalPayload = NotifyType(rawValue: 1)
    /// INVALID_IKE_SPI (RFC 7296 §3.10.1).
    public static let invalidIKESPI = NotifyType(rawValue: 4)
    /// INVALID_MAJOR_VERSION (RFC 7296 §3.10.1).
    public static let invalidMajorVersion = NotifyType(rawValue: 5)
    /// INVALID_SYNTAX (RFC 7296 §3.10.1).
    public static let invalidSyntax = NotifyType(rawValue: 7)
    /// INVALID_MESSAGE_ID (RFC 7296 §3.10.1).
    public static let invalidMessageID = NotifyType(rawValue: 9)
    /// INVALID_SPI (RFC 7296 §3.10.1).
    public static let invalidSPI = NotifyType(rawValue: 11)
    /// NO_PROPOSAL_CHOSEN (RFC 7296 §3.10.1).
    public static let noProposalChosen = NotifyType(rawValue: 14)
    /// INVALID_KE_PAYLOAD (RFC 7296 §3.10.1).
    public static let invalidKEPayload = NotifyType(rawValue: 17)
    /// AUTHENTICATION_FAILED (RFC 7296 §3.10.1).
    public static let authenticationFailed = NotifyType(rawValue: 24)
    /// SINGLE_PAIR_REQUIRED (RFC 7296 §3.10.1).
    public static let singlePairRequired = NotifyType(rawValue: 34)
    /// NO_ADDITIONAL_SAS (RFC 7296 §3.10.1).
    public static let noAdditionalSAs = NotifyType(rawValue: 35)
    /// INTERNAL_ADDRESS_FAILURE (RFC 7296 §3.10.1).
    public static let internalAddressFailure = NotifyType(rawValue: 36)
    /// FAILED_CP_REQUIRED (RFC 7296 §3.10.1).
    public static let failedCPRequired = NotifyType(rawValue: 37)
    /// TS_UNACCEPTABLE (RFC 7296 §3.10.1).
    public static let tsUnacceptable = NotifyType(rawValue: 38)
    /// INVALID_SELECTORS (RFC 7296 §3.10.1).
    public static let invalidSelectors = NotifyType(rawValue: 39)
    /// UNACCEPTABLE_ADDRESSES (RFC 4555).
    public static let unacceptableAddresses = NotifyType(rawValue: 40)
    /// UNEXPECTED_NAT_DETECTED (RFC 4555).
    public static let unexpectedNATDetected = NotifyType(rawValue: 41)
    /// USE_ASSIGNED_HoA (RFC 5026).
    public static let useAssignedHoA = NotifyType(rawValue: 42)
    /// TEMPORARY_FAILURE (RFC 7296 §3.10.1).
    public static let temporaryFailure = NotifyType(rawValue: 43)
    /// CHILD_SA_NOT_FOUND (RFC 7296 §3.10.1).
    public static let childSANotFound = NotifyType(rawValue: 44)
    /// INVALID_GROUP_ID (RFC 9838).
    public static let invalidGroupID = NotifyType(rawValue: 45)
    /// AUTHORIZATION_FAILED (RFC 9838).
    public static let authorizationFailed = NotifyType(rawValue: 46)
    /// STATE_NOT_FOUND (RFC 9370).
    public static let stateNotFound = NotifyType(rawValue: 47)
    /// TS_MAX_QUEUE (RFC 9611).
    public static let tsMaxQueue = NotifyType(rawValue: 48)
    /// REGISTRATION_FAILED (RFC 9838).
    public static let registrationFailed = NotifyType(rawValue: 49)
    /// INITIAL_CONTACT (RFC 7296 §3.10.1).
    public static let initialContact = NotifyType(rawValue: 16_384)
    /// SET_WINDOW_SIZE (RFC 7296 §3.10.1).
    public static let setWindowSize = NotifyType(rawValue: 16_385)
    /// ADDITIONAL_TS_POSSIBLE (RFC 7296 §3.10.1).
    public static let additionalTSPossible = NotifyType(rawValue: 16_386)
    /// IPCOMP_SUPPORTED (RFC 7296 §3.10.1).
    public static let ipcompSupported = NotifyType(rawValue: 16_387)
    /// NAT_DETECTION_SOURCE_IP (RFC 7296 §3.10.1).
    public static let natDetectionSourceIP = NotifyType(rawValue: 16_388)
    /// NAT_DETECTION_DESTINATION_IP (RFC 7296 §3.10.1).
    public static let natDetectionDestinationIP = NotifyType(rawValue: 16_389)
    /// COOKIE (RFC 7296 §3.10.1).
    public static let cookie = NotifyType(rawValue: 16_390)
    /// USE_TRANSPORT_MODE (RFC 7296 §3.10.1).
    public static let useTransportMode = NotifyType(rawValue: 16_391)
    /// HTTP_CERT_LOOKUP_SUPPORTED (RFC 7296 §3.10.1).
    public static let httpCertLookupSupported = NotifyType(rawValue: 16_392)
    /// REKEY_SA (RFC 7296 §3.10.1).
    public static let rekeySA = NotifyType(rawValue: 16_393)
    /// ESP_TFC_PADDING_NOT_SUPPORTED (RFC 7296 §3.10.1).
    public static let espTFCPaddingNotSupported = NotifyType(rawValue: 16_394)
    /// NON_FIRST_FRAGMENTS_ALSO (RFC 7296 §3.10.1).
    public static let nonFirstFragmentsAlso = NotifyType(rawValue: 16_395)
    /// MOBIKE_SUPPORTED (RFC 4555).
    public static let mobikeSupported = NotifyType(rawValue: 16_396)
    /// ADDITIONAL_IP4_ADDRESS (RFC 4555).
    public static let additionalIP4Address = NotifyType(rawValue: 16_397)
    /// ADDITIONAL_IP6_ADDRESS (RFC 4555).
    public static let additionalIP6Address = NotifyType(rawValue: 16_398)
    /// NO_ADDITIONAL_ADDRESSES (RFC 4555).
    public static let noAdditionalAddresses = NotifyType(rawValue: 16_399)
    /// UPDATE_SA_ADDRESSES (RFC 4555).
    public static let updateSAAddresses = NotifyType(rawValue: 16_400)
    /// COOKIE2 (RFC 4555).
    public static let cookie2 = NotifyType(rawValue: 16_401)
    /// NO_NATS_ALLOWED (RFC 4555).
    public static let noNATsAllowed = NotifyType(rawValue: 16_402)
    /// AUTH_LIFETIME (RFC 4478).
    public static let authLifetime = NotifyType(rawValue: 16_403)
    /// MULTIPLE_AUTH_SUPPORTED (RFC 4739).
    public static let multipleAuthSupported = NotifyType(rawValue: 16_404)
    /// ANOTHER_AUTH_FOLLOWS (RFC 4739).
    public static let anotherAuthFollows = NotifyType(rawValue: 16_405)
    /// REDIRECT_SUPPORTED (RFC 5685).
    public static let redirectSupported = NotifyType(rawValue: 16_406)
    /// REDIRECT (RFC 5685).
    public static let redirect = NotifyType(rawValue: 16_407)
    /// REDIRECTED_FROM (RFC 5685).
    public static let redirectedFrom = NotifyType(rawValue: 16_408)
    /// TICKET_LT_OPAQUE (RFC 5723).
    public static let ticketLTOpaque = NotifyType(rawValue: 16_409)
    /// TICKET_REQUEST (RFC 5723).
    public static let ticketRequest = NotifyType(rawValue: 16_410)
    /// TICKET_ACK (RFC 5723).
    public static let ticketAck = NotifyType(rawValue: 16_411)
    /// TICKET_NACK (RFC 5723).
    public static let ticketNack = NotifyType(rawValue: 16_412)
    /// TICKET_OPAQUE (RFC 5723).
    public static let ticketOpaque = NotifyType(rawValue: 16_413)
    /// LINK_ID (RFC 5739).
    public static let linkID = NotifyType(rawValue: 16_414)
    /// USE_WESP_MODE (RFC 5840).
    public static let useWESPMode = NotifyType(rawValue: 16_415)
    /// ROHC_SUPPORTED (RFC 5857).
    public static let rohcSupported = NotifyType(rawValue: 16_416)
    /// EAP_ONLY_AUTHENTICATION (RFC 5998).
    public static let eapOnlyAuthentication = NotifyType(rawValue: 16_417)
    /// CHILDLESS_IKEV2_SUPPORTED (RFC 6023).
    public static let childlessIKEv2Supported = NotifyType(rawValue: 16_418)
    /// QUICK_CRASH_DETECTION (RFC 6290).
    public static let quickCrashDetection = NotifyType(rawValue: 16_419)
    /// IKEV2_MESSAGE_ID_SYNC_SUPPORTED (RFC 6311).
    public static let messageIDSyncSupported = NotifyType(rawValue: 16_420)
    /// IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED (RFC 6311).
    public static let replayCounterSyncSupported = NotifyType(rawValue: 16_421)
    /// IKEV2_MESSAGE_ID_SYNC (RFC 6311).
    public static let messageIDSync = NotifyType(rawValue: 16_422)
    /// IPSEC_REPLAY_COUNTER_SYNC (RFC 6311).
    public static let replayCounterSync = NotifyType(rawValue: 16_423)
    /// SECURE_PASSWORD_METHODS (RFC 6467).
    public static let securePasswordMethods = NotifyType(rawValue: 16_424)
    /// PSK_PERSIST (RFC 6631).
    public static let pskPersist = NotifyType(rawValue: 16_425)
    /// PSK_CONFIRM (RFC 6631).
    public static let pskConfirm = NotifyType(rawValue: 16_426)
    /// ERX_SUPPORTED (RFC 6867).
    public static let erxSupported = NotifyType(rawValue: 16_427)
    /// IFOM_CAPABILITY (3GPP TS 24.302).
    public static let ifomCapability = NotifyType(rawValue: 16_428)
    /// GROUP_SENDER (RFC 9838).
    public static let groupSender = NotifyType(rawValue: 16_429)
    /// IKEV2_FRAGMENTATION_SUPPORTED (RFC 7383).
    public static let fragmentationSupported = NotifyType(rawValue: 16_430)
    /// SIGNATURE_HASH_ALGORITHMS (RFC 7427).
    public static let signatureHashAlgorithms = NotifyType(rawValue: 16_431)
    /// CLONE_IKE_SA_SUPPORTED (RFC 7791).
    public static let cloneIKESASupported = NotifyType(rawValue: 16_432)
    /// CLONE_IKE_SA (RFC 7791).
    public static let cloneIKESA = NotifyType(rawValue: 16_433)
    /// PUZZLE (RFC 8019).
    public static let puzzle = NotifyType(rawValue: 16_434)
    /// USE_PPK (RFC 8784).
    public static let usePPK = NotifyType(rawValue: 16_435)
    /// PPK_IDENTITY (RFC 8784).
    public static let ppkIdentity = NotifyType(rawValue: 16_436)
    /// NO_PPK_AUTH (RFC 8784).
    public static let noPPKAuth = NotifyType(rawValue: 16_437)
    /// INTERMEDIATE_EXCHANGE_SUPPORTED (RFC 9242).
    public static let intermediateExchangeSupported = NotifyType(rawValue: 16_438)
    /// IP4_ALLOWED (RFC 8983).
    public static let ip4Allowed = NotifyType(rawValue: 16_439)
    /// IP6_ALLOWED (RFC 8983).
    public static let ip6Allowed = NotifyType(rawValue: 16_440)
    /// ADDITIONAL_KEY_EXCHANGE (RFC 9370).
    public static let additionalKeyExchange = NotifyType(rawValue: 16_441)
    /// USE_AGGFRAG (RFC 9347).
    public static let useAGGFRAG = NotifyType(rawValue: 16_442)
    /// SUPPORTED_AUTH_METHODS (RFC 9593).
    public static let supportedAuthMethods = NotifyType(rawValue: 16_443)
    /// SA_RESOURCE_INFO (RFC 9611).
    public static let saResourceInfo = NotifyType(rawValue: 16_444)

    /// Whether the notification reports an error; otherwise it gives a status.
    public var isError: Bool { rawValue < 16_384 }

    /// The RFC's name, or the number of an unknown value.
    public var description: String { Self.names[rawValue] ?? "notify(\(rawValue))" }

    private static let names: [UInt16: String] = [
        1: "UNSUPPORTED_CRITICAL_PAYLOAD",
        4: "INVALID_IKE_SPI",
        5: "INVALID_MAJOR_VERSION",
        7: "INVALID_SYNTAX",
        9: "INVALID_MESSAGE_ID",
        11: "INVALID_SPI",
        14: "NO_PROPOSAL_CHOSEN",
        17: "INVALID_KE_PAYLOAD",
        24: "AUTHENTICATION_FAILED",
        34: "SINGLE_PAIR_REQUIRED",
        35: "NO_ADDITIONAL_SAS",
        36: "INTERNAL_ADDRESS_FAILURE",
        37: "FAILED_CP_REQUIRED",
        38: "TS_UNACCEPTABLE",
        39: "INVALID_SELECTORS",
        40: "UNACCEPTABLE_ADDRESSES",
        41: "UNEXPECTED_NAT_DETECTED",
        42: "USE_ASSIGNED_HoA",
        43: "TEMPORARY_FAILURE",
        44: "CHILD_SA_NOT_FOUND",
        45: "INVALID_GROUP_ID",
        46: "AUTHORIZATION_FAILED",
        47: "STATE_NOT_FOUND",
        48: "TS_MAX_QUEUE",
        49: "REGISTRATION_FAILED",
        16_384: "INITIAL_CONTACT",
        16_385: "SET_WINDOW_SIZE",
        16_386: "ADDITIONAL_TS_POSSIBLE",
        16_387: "IPCOMP_SUPPORTED",
        16_388: "NAT_DETECTION_SOURCE_IP",
        16_389: "NAT_DETECTION_DESTINATION_IP",
        16_390: "COOKIE",
        16_391: "USE_TRANSPORT_MODE",
        16_392: "HTTP_CERT_LOOKUP_SUPPORTED",
        16_393: "REKEY_SA",
        16_394: "ESP_TFC_PADDING_NOT_SUPPORTED",
        16_395: "NON_FIRST_FRAGMENTS_ALSO",
        16_396: "MOBIKE_SUPPORTED",
        16_397: "ADDITIONAL_IP4_ADDRESS",
        16_398: "ADDITIONAL_IP6_ADDRESS",
        16_399: "NO_ADDITIONAL_ADDRESSES",
        16_400: "UPDATE_SA_ADDRESSES",
        16_401: "COOKIE2",
        16_402: "NO_NATS_ALLOWED",
        16_403: "AUTH_LIFETIME",
        16_404: "MULTIPLE_AUTH_SUPPORTED",
        16_405: "ANOTHER_AUTH_FOLLOWS",
        16_406: "REDIRECT_SUPPORTED",
        16_407: "REDIRECT",
        16_408: "REDIRECTED_FROM",
        16_409: "TICKET_LT_OPAQUE",
        16_410: "TICKET_REQUEST",
        16_411: "TICKET_ACK",
        16_412: "TICKET_NACK",
        16_413: "TICKET_OPAQUE",
        16_414: "LINK_ID",
        16_415: "USE_WESP_MODE",
        16_416: "ROHC_SUPPORTED",
        16_417: "EAP_ONLY_AUTHENTICATION",
        16_418: "CHILDLESS_IKEV2_SUPPORTED",
        16_419: "QUICK_CRASH_DETECTION",
        16_420: "IKEV2_MESSAGE_ID_SYNC_SUPPORTED",
        16_421: "IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED",
        16_422: "IKEV2_MESSAGE_ID_SYNC",
        16_423: "IPSEC_REPLAY_COUNTER_SYNC",
        16_424: "SECURE_PASSWORD_METHODS",
        16_425: "PSK_PERSIST",
        16_426: "PSK_CONFIRM",
        16_427: "ERX_SUPPORTED",
        16_428: "IFOM_CAPABILITY",
        16_429: "GROUP_SENDER",
        16_430: "IKEV2_FRAGMENTATION_SUPPORTED",
        16_431: "SIGNATURE_HASH_ALGORITHMS",
        16_432: "CLONE_IKE_SA_SUPPORTED",
        16_433: "CLONE_IKE_SA",
        16_434: "PUZZLE",
        16_435: "USE_PPK",
        16_436: "PPK_IDENTITY",
        16_437: "NO_PPK_AUTH",
        16_438: "INTERMEDIATE_EXCHANGE_SUPPORTED",
        16_439: "IP4_ALLOWED",
        16_440: "IP6_ALLOWED",
        16_441: "ADDITIONAL_KEY_EXCHANGE",
        16_442: "USE_AGGFRAG",
        16_443: "SUPPORTED_AUTH_METHODS",
        16_444: "SA_RESOURCE_INFO",
    ]
}
