import Crypto
import IPsecTypes

/// Real cryptography: swift-crypto for PRF, curves and signatures, libcrypto for SK ciphers and MODP groups.
public struct StandardCryptoProvider: CryptoProvider {
    /// Makes a provider. It has no state.
    public init() {}

    /// HMAC of the input (RFC 4868).
    public func prf(
        _ algorithm: PRFAlgorithm,
        key: SecretBytes,
        _ input: [CryptoInput]
    ) throws(CryptoFailure) -> SecretBytes {
        switch algorithm {
        case .hmacSHA256: authenticate(SHA256.self, key, input)
        case .hmacSHA384: authenticate(SHA384.self, key, input)
        case .hmacSHA512: authenticate(SHA512.self, key, input)
        default: throw .unsupportedAlgorithm
        }
    }

    private func authenticate<Hash: HashFunction>(
        _ hash: Hash.Type,
        _ key: SecretBytes,
        _ input: [CryptoInput]
    ) -> SecretBytes {
        var mac = HMAC<Hash>(key: key.withUnsafeBytes { SymmetricKey(data: $0) })
        for part in input {
            switch part {
            case .bytes(let bytes): mac.update(data: bytes)
            case .secret(let secret): secret.withUnsafeBytes { mac.update(data: $0) }
            }
        }
        return mac.finalize().withUnsafeBytes { SecretBytes($0) }
    }

    /// Seals with libcrypto.
    public func seal(
        _ plaintext: [UInt8],
        associatedData: [UInt8],
        iv: [UInt8],
        keys: SKKeys
    ) throws(CryptoFailure) -> [UInt8] {
        try SKCipher.seal(plaintext, associatedData: associatedData, iv: iv, keys: keys)
    }

    /// Opens with libcrypto.
    public func open(
        message: [UInt8],
        bodyOffset: Int,
        keys: SKKeys
    ) throws(CryptoFailure) -> [UInt8] {
        try SKCipher.open(message: message, bodyOffset: bodyOffset, keys: keys)
    }

    /// Draws a key from the library's random source.
    public func generateKeyExchange(_ method: KeyExchangeMethod) throws(CryptoFailure) -> KeyExchangePrivateKey {
        try KeyExchangePrivateKey.generate(method)
    }

    /// Encapsulates with fresh randomness of the library.
    public func encapsulate(
        _ method: KeyExchangeMethod,
        peerValue: [UInt8]
    ) throws(CryptoFailure) -> KeyExchangePrivateKey {
        try KeyExchangePrivateKey.encapsulate(method, peerValue)
    }

    /// Makes a key from its private bytes.
    public func keyExchange(
        _ method: KeyExchangeMethod,
        privateBytes: SecretBytes
    ) throws(CryptoFailure) -> KeyExchangePrivateKey {
        try KeyExchangePrivateKey.restore(method, privateBytes)
    }

    /// Agrees with the peer.
    public func sharedSecret(
        _ key: KeyExchangePrivateKey,
        peerValue: [UInt8]
    ) throws(CryptoFailure) -> SecretBytes {
        try key.agree(peerValue)
    }

    /// Signs with our key.
    public func sign(
        _ octets: [UInt8],
        key: SigningKey,
        peerHashes: Set<SignatureHash>?,
        policy: SignaturePolicy
    ) throws(SignatureRefusal) -> SignatureAuthentication {
        try SignatureScheme.sign(octets, key: key, peerHashes: peerHashes, policy: policy)
    }

    /// Checks the peer's signature.
    @discardableResult
    public func verify(
        _ authentication: SignatureAuthentication,
        octets: [UInt8],
        key: VerificationKey,
        policy: SignaturePolicy
    ) throws(SignatureRefusal) -> SignatureAlgorithm {
        try SignatureScheme.verify(authentication, octets: octets, key: key, policy: policy)
    }

    /// Reads a certificate's public key.
    public func verificationKey(spkiDER: [UInt8]) throws(KeyRefusal) -> VerificationKey {
        try VerificationKey(spkiDER: spkiDER)
    }
}
