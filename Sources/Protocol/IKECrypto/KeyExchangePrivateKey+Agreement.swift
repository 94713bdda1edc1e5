import CLibcrypto
import Crypto
import IPsecTypes

extension KeyExchangePrivateKey {
    static func generate(_ method: KeyExchangeMethod) throws(CryptoFailure) -> KeyExchangePrivateKey {
        switch method {
        case .x25519: return KeyExchangePrivateKey(Curve25519.KeyAgreement.PrivateKey())
        case .ecp256: return KeyExchangePrivateKey(P256.KeyAgreement.PrivateKey())
        case .ecp384: return KeyExchangePrivateKey(P384.KeyAgreement.PrivateKey())
        case .ecp521: return KeyExchangePrivateKey(P521.KeyAgreement.PrivateKey())
        case .mlKEM768, .mlKEM1024: return try generateKEM(method)
        default:
            guard let length = method.modularExponentLength else { throw .unsupportedAlgorithm }
            var drawn: Int32 = 0
            let exponent = SecretBytes(count: length) { target in
                target.withMemoryRebound(to: UInt8.self) { target in
                    if let base = target.baseAddress { drawn = culvert_modp_private(base, length) }
                }
            }
            guard drawn == 1 else { throw .libraryFailure }
            return try modular(method, exponent)
        }
    }

    static func restore(
        _ method: KeyExchangeMethod,
        _ privateBytes: SecretBytes
    ) throws(CryptoFailure) -> KeyExchangePrivateKey {
        do {
            switch method {
            case .x25519:
                return KeyExchangePrivateKey(
                    try privateBytes.withUnsafeBytes { try Curve25519.KeyAgreement.PrivateKey(rawRepresentation: $0) }
                )
            case .ecp256:
                return KeyExchangePrivateKey(
                    try privateBytes.withUnsafeBytes { try P256.KeyAgreement.PrivateKey(rawRepresentation: $0) }
                )
            case .ecp384:
                return KeyExchangePrivateKey(
                    try privateBytes.withUnsafeBytes { try P384.KeyAgreement.PrivateKey(rawRepresentation: $0) }
                )
            case .ecp521:
                return KeyExchangePrivateKey(
                    try privateBytes.withUnsafeBytes { try P521.KeyAgreement.PrivateKey(rawRepresentation: $0) }
                )
            case .mlKEM768, .mlKEM1024:
                return try restoreKEM(method, seed: privateBytes)
            default:
                return try modular(method, privateBytes)
            }
        } catch let failure as CryptoFailure {
            throw failure
        } catch {
            throw .badLength
        }
    }

    func agree(_ peerValue: [UInt8]) throws(CryptoFailure) -> SecretBytes {
        // RFC 7296 §3.4: every public value has the length of its group, leading zeros included.
        guard let length = peerValueLength else { throw .unsupportedAlgorithm }
        guard peerValue.count == length else { throw .invalidPublicValue }
        do {
            switch storage {
            case .x25519(let key):
                let peer = try Curve25519.KeyAgreement.PublicKey(rawRepresentation: peerValue)
                return try Self.nonZero(try key.sharedSecretFromKeyAgreement(with: peer))
            case .ecp256(let key):
                let peer = try P256.KeyAgreement.PublicKey(rawRepresentation: peerValue)
                return Self.bytes(try key.sharedSecretFromKeyAgreement(with: peer))
            case .ecp384(let key):
                let peer = try P384.KeyAgreement.PublicKey(rawRepresentation: peerValue)
                return Self.bytes(try key.sharedSecretFromKeyAgreement(with: peer))
            case .ecp521(let key):
                let peer = try P521.KeyAgreement.PublicKey(rawRepresentation: peerValue)
                return Self.bytes(try key.sharedSecretFromKeyAgreement(with: peer))
            case .modp(let exponent):
                return try modularSecret(exponent, peerValue)
            case .mlKEM768, .mlKEM1024:
                return try decapsulate(peerValue)
            case .encapsulated(let secret):
                return secret
            case .simulated, .simulatedEncapsulation:
                throw CryptoFailure.unsupportedAlgorithm
            }
        } catch let failure as CryptoFailure {
            throw failure
        } catch {
            // RFC 6989 §2.3: the point is not on the curve, or of small order.
            throw .invalidPublicValue
        }
    }

    /// What the peer's public value must have: an initiator's, where we answered it by an encapsulation.
    var peerValueLength: Int? {
        switch storage {
        case .encapsulated, .simulatedEncapsulation: method.publicValueLength
        default: method.responderValueLength
        }
    }

    private static func bytes(_ secret: SharedSecret) -> SecretBytes {
        secret.withUnsafeBytes { SecretBytes($0) }
    }

    /// RFC 7748 §6.1: an all-zero secret means a peer value of small order. (On the NIST curves it is an honest answer.)
    private static func nonZero(_ secret: SharedSecret) throws(CryptoFailure) -> SecretBytes {
        let bytes = bytes(secret)
        let any = bytes.withUnsafeBytes { $0.reduce(0 as UInt8) { $0 | $1 } }
        guard any != 0 else { throw .invalidPublicValue }
        return bytes
    }

    private static func modular(
        _ method: KeyExchangeMethod,
        _ exponent: SecretBytes
    ) throws(CryptoFailure) -> KeyExchangePrivateKey {
        guard method.modularExponentLength != nil, let length = method.publicValueLength else {
            throw .unsupportedAlgorithm
        }
        guard exponent.count > 0, exponent.count <= length else { throw .badLength }
        var value = [UInt8](repeating: 0, count: length)
        let done = exponent.withUnsafeBytes { exponent in
            exponent.withMemoryRebound(to: UInt8.self) { exponent -> Int32 in
                guard let base = exponent.baseAddress else { return 0 }
                return culvert_modp_public(Int32(method.rawValue), base, exponent.count, &value, length)
            }
        }
        guard done == 1 else { throw .libraryFailure }
        return KeyExchangePrivateKey(method: method, publicValue: value, storage: .modp(exponent))
    }

    /// RFC 6989 §2.1: 1 < y < p-1, which suffices for the safe primes of RFC 3526; the shim checks it.
    private func modularSecret(_ exponent: SecretBytes, _ peerValue: [UInt8]) throws(CryptoFailure) -> SecretBytes {
        var done: Int32 = 0
        let secret = SecretBytes(count: peerValue.count) { target in
            target.withMemoryRebound(to: UInt8.self) { target in
                exponent.withUnsafeBytes { exponent in
                    exponent.withMemoryRebound(to: UInt8.self) { exponent in
                        guard let out = target.baseAddress, let base = exponent.baseAddress else { return }
                        done = culvert_modp_shared(
                            Int32(method.rawValue),
                            base,
                            exponent.count,
                            peerValue,
                            peerValue.count,
                            out,
                            target.count
                        )
                    }
                }
            }
        }
        guard done == 1 else { throw .invalidPublicValue }
        return secret
    }

    private init(_ key: Curve25519.KeyAgreement.PrivateKey) {
        self.init(method: .x25519, publicValue: Array(key.publicKey.rawRepresentation), storage: .x25519(key))
    }
    private init(_ key: P256.KeyAgreement.PrivateKey) {
        self.init(method: .ecp256, publicValue: Array(key.publicKey.rawRepresentation), storage: .ecp256(key))
    }
    private init(_ key: P384.KeyAgreement.PrivateKey) {
        self.init(method: .ecp384, publicValue: Array(key.publicKey.rawRepresentation), storage: .ecp384(key))
    }
    private init(_ key: P521.KeyAgreement.PrivateKey) {
        self.init(method: .ecp521, publicValue: Array(key.publicKey.rawRepresentation), storage: .ecp521(key))
    }
}
