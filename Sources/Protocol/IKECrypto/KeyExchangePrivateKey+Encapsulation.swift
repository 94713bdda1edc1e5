import Crypto
import IPsecTypes

/// ML-KEM as a key exchange (draft-ietf-ipsecme-ikev2-mlkem-08): the initiator sends its encapsulation key, the responder
/// the ciphertext.
extension KeyExchangePrivateKey {
    /// The initiator's key pair.
    static func generateKEM(_ method: KeyExchangeMethod) throws(CryptoFailure) -> KeyExchangePrivateKey {
        do {
            switch method {
            case .mlKEM768: return KeyExchangePrivateKey(try MLKEM768.PrivateKey())
            case .mlKEM1024: return KeyExchangePrivateKey(try MLKEM1024.PrivateKey())
            default: throw CryptoFailure.unsupportedAlgorithm
            }
        } catch let failure as CryptoFailure {
            throw failure
        } catch {
            throw .libraryFailure
        }
    }

    /// The key pair of a seed: d | z of FIPS 203, 64 bytes.
    static func restoreKEM(_ method: KeyExchangeMethod, seed: SecretBytes) throws -> KeyExchangePrivateKey {
        guard seed.count == 64 else { throw CryptoFailure.badLength }
        return try seed.withUnsafeBytes { seed in
            switch method {
            case .mlKEM768:
                KeyExchangePrivateKey(try MLKEM768.PrivateKey(seedRepresentation: seed, publicKey: nil))
            case .mlKEM1024:
                KeyExchangePrivateKey(try MLKEM1024.PrivateKey(seedRepresentation: seed, publicKey: nil))
            default: throw CryptoFailure.unsupportedAlgorithm
            }
        }
    }

    /// The responder's side: a fresh secret, encapsulated to the initiator's key. That key is checked as FIPS 203 §7.2 asks;
    /// one that fails is refused.
    static func encapsulate(
        _ method: KeyExchangeMethod,
        _ peerValue: [UInt8]
    ) throws(CryptoFailure) -> KeyExchangePrivateKey {
        guard method.isEncapsulation, let length = method.publicValueLength else { throw .unsupportedAlgorithm }
        guard peerValue.count == length else { throw .invalidPublicValue }
        let result: KEM.EncapsulationResult
        do {
            switch method {
            case .mlKEM768: result = try MLKEM768.PublicKey(rawRepresentation: peerValue).encapsulate()
            case .mlKEM1024: result = try MLKEM1024.PublicKey(rawRepresentation: peerValue).encapsulate()
            default: throw CryptoFailure.unsupportedAlgorithm
            }
        } catch {
            throw .invalidPublicValue
        }
        let ciphertext = Array(result.encapsulated)
        guard ciphertext.count == method.responderValueLength, result.sharedSecret.bitCount == 256 else {
            throw .libraryFailure
        }
        let secret = result.sharedSecret.withUnsafeBytes { SecretBytes($0) }
        return KeyExchangePrivateKey(method: method, publicValue: ciphertext, storage: .encapsulated(secret))
    }

    /// The initiator's side. A ciphertext of the right length always gives a secret: a forged one gives another than the
    /// responder's (implicit rejection, FIPS 203 §6.3).
    func decapsulate(_ ciphertext: [UInt8]) throws -> SecretBytes {
        // The library reads as many bytes as the parameter set has, so the length is checked before every call.
        guard ciphertext.count == method.responderValueLength else { throw CryptoFailure.invalidPublicValue }
        let secret: SymmetricKey
        switch storage {
        case .mlKEM768(let key): secret = try key.decapsulate(ciphertext)
        case .mlKEM1024(let key): secret = try key.decapsulate(ciphertext)
        default: throw CryptoFailure.unsupportedAlgorithm
        }
        return secret.withUnsafeBytes { SecretBytes($0) }
    }

    private init(_ key: MLKEM768.PrivateKey) {
        self.init(method: .mlKEM768, publicValue: Array(key.publicKey.rawRepresentation), storage: .mlKEM768(key))
    }
    private init(_ key: MLKEM1024.PrivateKey) {
        self.init(method: .mlKEM1024, publicValue: Array(key.publicKey.rawRepresentation), storage: .mlKEM1024(key))
    }
}
