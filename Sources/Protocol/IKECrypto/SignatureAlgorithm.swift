/// A hash of SIGNATURE_HASH_ALGORITHMS (RFC 7427 §4, RFC 8420). SHA-1 (1) is left out on purpose: it is never offered,
/// used or accepted.
public enum SignatureHash: UInt16, Hashable, Sendable, Codable, CaseIterable, Comparable {
    /// SHA2-256.
    case sha256 = 2
    /// SHA2-384.
    case sha384 = 3
    /// SHA2-512.
    case sha512 = 4
    /// The signature algorithm hashes by itself: Ed25519, ML-DSA.
    case identity = 5

    /// The hashes that we know among the numbers of a notify.
    public static func recognised(in numbers: some Sequence<UInt16>) -> Set<SignatureHash> {
        Set(numbers.compactMap { SignatureHash(rawValue: $0) })
    }

    /// Order of IANA numbers.
    public static func < (left: SignatureHash, right: SignatureHash) -> Bool { left.rawValue < right.rawValue }

    /// Output length in bytes; nil for `identity`.
    public var digestLength: Int? {
        switch self {
        case .sha256: 32
        case .sha384: 48
        case .sha512: 64
        case .identity: nil
        }
    }
}

/// A signature algorithm without its hash: what a policy allows or not.
public enum SignatureKind: String, Hashable, Sendable, Codable, CaseIterable {
    /// ECDSA, over any curve that we know.
    case ecdsa
    /// Ed25519.
    case ed25519
    /// RSASSA-PSS.
    case rsaPSS = "rsa-pss"
    /// RSASSA-PKCS1-v1_5, for old peers only (A04).
    case rsaPKCS1 = "rsa-pkcs1"
    /// ML-DSA-65 and ML-DSA-87: experimental, only where configured.
    case mlDSA = "ml-dsa"
}

/// How an AUTH payload was signed.
public enum SignatureAlgorithm: Hashable, Sendable, CustomStringConvertible {
    /// RSASSA-PSS; hash, MGF1 hash and salt length are all the same.
    case rsaPSS(SignatureHash)
    /// RSASSA-PKCS1-v1_5: only where configured for an old peer.
    case rsaPKCS1(SignatureHash)
    /// ECDSA over the curve of the key.
    case ecdsa(SignatureHash)
    /// Ed25519 (RFC 8420).
    case ed25519
    /// ML-DSA-65 of FIPS 204, pure and without context (draft-ietf-ipsecme-ikev2-pqc-auth).
    case mlDSA65
    /// ML-DSA-87, likewise.
    case mlDSA87

    /// The hash that the peer must have listed.
    public var hash: SignatureHash {
        switch self {
        case .rsaPSS(let hash), .rsaPKCS1(let hash), .ecdsa(let hash): hash
        // draft-ietf-ipsecme-ikev2-pqc-auth §3.2.1: "only the 'Identity' hash function is applicable".
        case .ed25519, .mlDSA65, .mlDSA87: .identity
        }
    }

    /// What it is without its hash.
    public var kind: SignatureKind {
        switch self {
        case .rsaPSS: .rsaPSS
        case .rsaPKCS1: .rsaPKCS1
        case .ecdsa: .ecdsa
        case .ed25519: .ed25519
        case .mlDSA65, .mlDSA87: .mlDSA
        }
    }

    /// The name used in logs.
    public var description: String {
        switch self {
        case .rsaPSS(let hash): "rsa-pss-\(hash)"
        case .rsaPKCS1(let hash): "rsa-pkcs1-\(hash)"
        case .ecdsa(let hash): "ecdsa-\(hash)"
        case .ed25519: "ed25519"
        case .mlDSA65: "ml-dsa-65"
        case .mlDSA87: "ml-dsa-87"
        }
    }
}

/// The Auth Method of an AUTH payload (RFC 7296 §3.8). Unknown values stay representable.
public struct AuthMethod: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The IANA number.
    public var rawValue: UInt8
    /// Makes a value from its IANA number.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// RSA digital signature, PKCS#1 v1.5.
    public static let rsaSignature = AuthMethod(rawValue: 1)
    /// Shared Key Message Integrity Code.
    public static let sharedKey = AuthMethod(rawValue: 2)
    /// ECDSA with SHA-256 on P-256 (RFC 4754).
    public static let ecdsa256 = AuthMethod(rawValue: 9)
    /// ECDSA with SHA-384 on P-384 (RFC 4754).
    public static let ecdsa384 = AuthMethod(rawValue: 10)
    /// ECDSA with SHA-512 on P-521 (RFC 4754).
    public static let ecdsa521 = AuthMethod(rawValue: 11)
    /// NULL authentication (RFC 7619): never accepted.
    public static let null = AuthMethod(rawValue: 13)
    /// Digital signature (RFC 7427).
    public static let digitalSignature = AuthMethod(rawValue: 14)

    /// The name used in logs.
    public var description: String {
        switch self {
        case .rsaSignature: "rsa"
        case .sharedKey: "shared-key"
        case .ecdsa256: "ecdsa-256"
        case .ecdsa384: "ecdsa-384"
        case .ecdsa521: "ecdsa-521"
        case .null: "null"
        case .digitalSignature: "digital-signature"
        default: "auth-method(\(rawValue))"
        }
    }
}

/// What an AUTH payload carries: method and Authentication Data.
public struct SignatureAuthentication: Hashable, Sendable {
    /// The method.
    public var method: AuthMethod
    /// The Authentication Data; for method 14 it starts with the AlgorithmIdentifier.
    public var data: [UInt8]

    /// Makes a value.
    public init(method: AuthMethod, data: [UInt8]) {
        self.method = method
        self.data = data
    }
}

/// Which signatures a connection makes and accepts.
public struct SignaturePolicy: Hashable, Sendable {
    /// Hashes that we sign with and accept.
    public var hashes: Set<SignatureHash>
    /// Kinds that we sign with and accept, in every method. An RSA key signs with PSS where both kinds of RSA are allowed.
    public var kinds: Set<SignatureKind>
    /// For an old peer: sign with methods 9 to 11 when it knows no hash negotiation, and accept them. Off by default, since
    /// a missing notify is how a downgrade looks (A07).
    public var allowRawECDSA: Bool

    /// Makes a policy; without arguments the one of every connection that says nothing else.
    public init(
        hashes: Set<SignatureHash> = Set(SignatureHash.allCases),
        kinds: Set<SignatureKind> = SignaturePolicy.modern,
        allowRawECDSA: Bool = false
    ) {
        self.hashes = hashes
        self.kinds = kinds
        self.allowRawECDSA = allowRawECDSA
    }

    /// All kinds but PKCS#1 v1.5 and ML-DSA, whose use in IKE is still a draft.
    public static let modern: Set<SignatureKind> = [.ecdsa, .ed25519, .rsaPSS]

    /// The numbers of our SIGNATURE_HASH_ALGORITHMS notify, in order: hashes that an allowed kind can use.
    public var offeredHashes: [UInt16] {
        let identity: Set<SignatureKind> = [.ed25519, .mlDSA]
        let hashing = !kinds.isSubset(of: identity)
        return hashes.filter { $0 == .identity ? !kinds.isDisjoint(with: identity) : hashing }.sorted().map(\.rawValue)
    }

    func allows(_ algorithm: SignatureAlgorithm) -> Bool { kinds.contains(algorithm.kind) }

    var allowsRawECDSA: Bool { allowRawECDSA && kinds.contains(.ecdsa) }
}

/// Why an AUTH payload was not made or not accepted.
public enum SignatureRefusal: Error, Hashable, Sendable {
    /// The method is unknown, or the policy does not allow it.
    case methodNotAllowed(AuthMethod)
    /// The AlgorithmIdentifier is not one of those we accept, or its length contradicts the data.
    case unknownAlgorithmIdentifier
    /// The policy does not allow this kind of signature (PKCS#1 v1.5 by default).
    case algorithmNotAllowed(SignatureAlgorithm)
    /// The hash is not in our list.
    case hashNotAllowed(SignatureHash)
    /// The policy allows no kind of signature that our key can make.
    case keyKindNotAllowed
    /// The peer lists no hash that our key can sign with.
    case noCommonHash
    /// The peer knows no hash negotiation, and no older method is configured for our key.
    case peerLacksHashNegotiation
    /// The method or algorithm needs a key of another type than the certificate holds.
    case keyTypeMismatch
    /// The signature does not have the length or form that key and algorithm fix.
    case malformedSignature
    /// The signature is not one of these octets by this key.
    case badSignature
    /// The library refused for a reason of its own.
    case libraryFailure
}

/// Why a key is not used.
public enum KeyRefusal: Error, Hashable, Sendable {
    /// Not PEM or DER of a kind that we read.
    case unreadable
    /// An ML-DSA key without its seed alone: the expanded form, or both.
    case expandedMLDSAKey
    /// The private key is encrypted; decrypt it first.
    case encrypted
    /// The algorithm or curve is none that we implement; the OID in dotted form.
    case unsupportedAlgorithm(String)
    /// An RSA modulus outside 2048...8192 bits.
    case rsaModulusLength(bits: Int)
    /// An even modulus, or a public exponent that is even, below 65537 or above 33 bits.
    case rsaExponentOrModulus
    /// A point outside its curve or of small order.
    case invalidPoint
    /// A pre-shared key that can be guessed: estimated strength in bits.
    case weakPreSharedKey(estimatedBits: Int)
}
