import IPsecTypes
import Synchronization

/// Cryptography for simulation: PRF and SK protection are real, while key exchange and signatures are doubles that give the
/// same bytes for the same seed and cost next to nothing. It protects nothing; ``StandardCryptoProvider`` refuses its keys.
public final class SimulatedCryptoProvider: CryptoProvider {
    private let real = StandardCryptoProvider()
    private let generator: Mutex<UInt64>

    /// Makes a provider whose key exchange values follow from `seed`.
    public init(seed: UInt64) {
        generator = Mutex(seed)
    }

    /// A signing key that any ``SimulatedCryptoProvider`` verifies; the same identity is the same key.
    public static func signingKey(identity: [UInt8]) -> SigningKey {
        SigningKey(storage: .simulated(identity: identity))
    }

    /// What stands for the SubjectPublicKeyInfo of the key of `identity`.
    public static func publicKey(_ identity: [UInt8]) -> [UInt8] { marker + identity }

    /// No DER starts like this.
    private static let marker = Array("simulated-key:".utf8)

    /// The real PRF.
    public func prf(
        _ algorithm: PRFAlgorithm,
        key: SecretBytes,
        _ input: [CryptoInput]
    ) throws(CryptoFailure) -> SecretBytes {
        try real.prf(algorithm, key: key, input)
    }

    /// Real protection.
    public func seal(
        _ plaintext: [UInt8],
        associatedData: [UInt8],
        iv: [UInt8],
        keys: SKKeys
    ) throws(CryptoFailure) -> [UInt8] {
        try real.seal(plaintext, associatedData: associatedData, iv: iv, keys: keys)
    }

    /// Real protection.
    public func open(
        message: [UInt8],
        bodyOffset: Int,
        keys: SKKeys
    ) throws(CryptoFailure) -> [UInt8] {
        try real.open(message: message, bodyOffset: bodyOffset, keys: keys)
    }

    /// The next value of the seed's sequence, as long as a real one of the method.
    public func generateKeyExchange(_ method: KeyExchangeMethod) throws(CryptoFailure) -> KeyExchangePrivateKey {
        try simulated(method, seed: nextSeed())
    }

    private func nextSeed() -> UInt64 {
        generator.withLock { state in
            state &+= 0x9E37_79B9_7F4A_7C15
            return state
        }
    }

    /// The next value of the seed's sequence, as long as a real ciphertext.
    public func encapsulate(
        _ method: KeyExchangeMethod,
        peerValue: [UInt8]
    ) throws(CryptoFailure) -> KeyExchangePrivateKey {
        guard method.isEncapsulation, let length = method.responderValueLength else { throw .unsupportedAlgorithm }
        guard peerValue.count == method.publicValueLength, peerValue.contains(where: { $0 != 0 }) else {
            throw .invalidPublicValue
        }
        let value = Self.expand(nextSeed(), UInt64(method.rawValue), count: length)
        return KeyExchangePrivateKey(method: method, publicValue: value, storage: .simulatedEncapsulation)
    }

    /// A key that follows from the private bytes.
    public func keyExchange(
        _ method: KeyExchangeMethod,
        privateBytes: SecretBytes
    ) throws(CryptoFailure) -> KeyExchangePrivateKey {
        let seed = privateBytes.withUnsafeBytes { bytes in bytes.reduce(0 as UInt64) { Self.mix($0 ^ UInt64($1)) } }
        return try simulated(method, seed: seed)
    }

    /// Both ends mix the same two public values, so both get the same secret.
    public func sharedSecret(
        _ key: KeyExchangePrivateKey,
        peerValue: [UInt8]
    ) throws(CryptoFailure) -> SecretBytes {
        switch key.storage {
        case .simulated, .simulatedEncapsulation: break
        default: throw .unsupportedAlgorithm
        }
        guard peerValue.count == key.peerValueLength, peerValue.contains(where: { $0 != 0 }) else {
            throw .invalidPublicValue
        }
        let ours = Self.fold(key.publicValue)
        let theirs = Self.fold(peerValue)
        return SecretBytes(Self.expand(ours &+ theirs, ours ^ theirs, count: key.method.sharedSecretLength))
    }

    /// Real keys sign as ever; simulated ones mark the octets with their identity.
    public func sign(
        _ octets: [UInt8],
        key: SigningKey,
        peerHashes: Set<SignatureHash>?,
        policy: SignaturePolicy
    ) throws(SignatureRefusal) -> SignatureAuthentication {
        guard case .simulated(let identity) = key.storage else {
            return try real.sign(octets, key: key, peerHashes: peerHashes, policy: policy)
        }
        guard policy.kinds.contains(.ed25519) else { throw .keyKindNotAllowed }
        guard let peerHashes else { throw .peerLacksHashNegotiation }
        guard peerHashes.intersection(policy.hashes).contains(.identity) else { throw .noCommonHash }
        let mark = Self.mark(octets, identity)
        guard let data = SignatureAlgorithm.ed25519.authenticationData(signature: mark) else { throw .libraryFailure }
        return SignatureAuthentication(method: .digitalSignature, data: data)
    }

    /// Real keys verify as ever; simulated ones compare the mark.
    @discardableResult
    public func verify(
        _ authentication: SignatureAuthentication,
        octets: [UInt8],
        key: VerificationKey,
        policy: SignaturePolicy
    ) throws(SignatureRefusal) -> SignatureAlgorithm {
        guard case .simulated(let identity) = key.storage else {
            return try real.verify(authentication, octets: octets, key: key, policy: policy)
        }
        guard authentication.method == .digitalSignature else { throw .methodNotAllowed(authentication.method) }
        guard let (algorithm, signature) = SignatureAlgorithm.split(authentication.data) else {
            throw .unknownAlgorithmIdentifier
        }
        guard algorithm == .ed25519 else { throw .keyTypeMismatch }
        guard policy.hashes.contains(.identity) else { throw .hashNotAllowed(.identity) }
        guard policy.allows(algorithm) else { throw .algorithmNotAllowed(algorithm) }
        guard constantTimeEqual(signature, Self.mark(octets, identity)) else { throw .badSignature }
        return algorithm
    }

    /// Reads simulated keys and real ones.
    public func verificationKey(spkiDER: [UInt8]) throws(KeyRefusal) -> VerificationKey {
        guard spkiDER.starts(with: Self.marker) else { return try real.verificationKey(spkiDER: spkiDER) }
        return VerificationKey(storage: .simulated(identity: Array(spkiDER.dropFirst(Self.marker.count))))
    }

    private func simulated(_ method: KeyExchangeMethod, seed: UInt64) throws(CryptoFailure) -> KeyExchangePrivateKey {
        guard let length = method.publicValueLength else { throw .unsupportedAlgorithm }
        let value = Self.expand(seed, UInt64(method.rawValue), count: length)
        return KeyExchangePrivateKey(method: method, publicValue: value, storage: .simulated)
    }

    private static func mark(_ octets: [UInt8], _ identity: [UInt8]) -> [UInt8] {
        expand(fold(octets), fold(identity), count: 64)
    }

    /// SplitMix64's finaliser.
    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    private static func fold(_ bytes: [UInt8]) -> UInt64 {
        mix(bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 })
    }

    private static func expand(_ first: UInt64, _ second: UInt64, count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 7)
        var state = mix(first) ^ mix(second &+ 1)
        while bytes.count < count {
            state = mix(state)
            withUnsafeBytes(of: state.bigEndian) { bytes.append(contentsOf: $0) }
        }
        return Array(bytes.prefix(count))
    }
}

extension KeyExchangeMethod {
    /// Length of g^ir: ECP groups give x alone (RFC 5903 §7).
    fileprivate var sharedSecretLength: Int {
        switch self {
        case .ecp256, .ecp384, .ecp521: (publicValueLength ?? 0) / 2
        case .mlKEM768, .mlKEM1024: 32
        default: publicValueLength ?? 0
        }
    }
}
