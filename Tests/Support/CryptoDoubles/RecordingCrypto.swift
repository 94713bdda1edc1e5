import IKECrypto
import IPsecTypes
import Synchronization

/// Another provider's cryptography, and what it opened: the contents of protected messages as their receiver sees them.
public final class RecordingCrypto: CryptoProvider {
    private let inner: any CryptoProvider
    private let contents = Mutex<[[UInt8]]>([])

    /// Records in front of `inner`.
    public init(_ inner: any CryptoProvider) { self.inner = inner }

    /// The payload chains that were opened, oldest first.
    public var opened: [[UInt8]] { contents.withLock { $0 } }

    /// As the provider behind it.
    public func prf(
        _ algorithm: PRFAlgorithm,
        key: SecretBytes,
        _ input: [CryptoInput]
    ) throws(CryptoFailure) -> SecretBytes { try inner.prf(algorithm, key: key, input) }

    /// As the provider behind it.
    public func seal(
        _ plaintext: [UInt8],
        associatedData: [UInt8],
        iv: [UInt8],
        keys: SKKeys
    ) throws(CryptoFailure) -> [UInt8] {
        try inner.seal(plaintext, associatedData: associatedData, iv: iv, keys: keys)
    }

    /// As the provider behind it, and remembers what was inside.
    public func open(message: [UInt8], bodyOffset: Int, keys: SKKeys) throws(CryptoFailure) -> [UInt8] {
        let plain = try inner.open(message: message, bodyOffset: bodyOffset, keys: keys)
        contents.withLock { $0.append(plain) }
        return plain
    }

    /// As the provider behind it.
    public func generateKeyExchange(_ method: KeyExchangeMethod) throws(CryptoFailure) -> KeyExchangePrivateKey {
        try inner.generateKeyExchange(method)
    }

    /// As the provider behind it.
    public func encapsulate(
        _ method: KeyExchangeMethod,
        peerValue: [UInt8]
    ) throws(CryptoFailure) -> KeyExchangePrivateKey { try inner.encapsulate(method, peerValue: peerValue) }

    /// As the provider behind it.
    public func keyExchange(
        _ method: KeyExchangeMethod,
        privateBytes: SecretBytes
    ) throws(CryptoFailure) -> KeyExchangePrivateKey { try inner.keyExchange(method, privateBytes: privateBytes) }

    /// As the provider behind it.
    public func sharedSecret(
        _ key: KeyExchangePrivateKey,
        peerValue: [UInt8]
    ) throws(CryptoFailure) -> SecretBytes { try inner.sharedSecret(key, peerValue: peerValue) }

    /// As the provider behind it.
    public func sign(
        _ octets: [UInt8],
        key: SigningKey,
        peerHashes: Set<SignatureHash>?,
        policy: SignaturePolicy
    ) throws(SignatureRefusal) -> SignatureAuthentication {
        try inner.sign(octets, key: key, peerHashes: peerHashes, policy: policy)
    }

    /// As the provider behind it.
    @discardableResult
    public func verify(
        _ authentication: SignatureAuthentication,
        octets: [UInt8],
        key: VerificationKey,
        policy: SignaturePolicy
    ) throws(SignatureRefusal) -> SignatureAlgorithm {
        try inner.verify(authentication, octets: octets, key: key, policy: policy)
    }

    /// As the provider behind it.
    public func verificationKey(spkiDER: [UInt8]) throws(KeyRefusal) -> VerificationKey {
        try inner.verificationKey(spkiDER: spkiDER)
    }
}
