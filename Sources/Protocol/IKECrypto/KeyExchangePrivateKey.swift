import Crypto
import IPsecTypes

/// An ephemeral private key of a key exchange, used once and wiped with its last owner.
///
/// For the responder of a key encapsulation it stands for the secret that was encapsulated; its public value is the
/// ciphertext.
public struct KeyExchangePrivateKey: Sendable {
    enum Storage: Sendable {
        case x25519(Curve25519.KeyAgreement.PrivateKey)
        case ecp256(P256.KeyAgreement.PrivateKey)
        case ecp384(P384.KeyAgreement.PrivateKey)
        case ecp521(P521.KeyAgreement.PrivateKey)
        case modp(SecretBytes)
        case simulated
        case mlKEM768(MLKEM768.PrivateKey)
        case mlKEM1024(MLKEM1024.PrivateKey)
        /// The responder's side of an encapsulation: the secret is there already.
        case encapsulated(SecretBytes)
        case simulatedEncapsulation
    }

    /// The method.
    public let method: KeyExchangeMethod
    /// Our public value: the Key Exchange Data of our KE payload.
    public let publicValue: [UInt8]
    let storage: Storage

    init(method: KeyExchangeMethod, publicValue: [UInt8], storage: Storage) {
        self.method = method
        self.publicValue = publicValue
        self.storage = storage
    }
}

extension KeyExchangeMethod {
    /// Length of the initiator's public value in a KE payload; nil for a method that is not implemented.
    public var publicValueLength: Int? {
        switch self {
        case .modp2048: 256
        case .modp3072: 384
        case .modp4096: 512
        case .modp6144: 768
        case .modp8192: 1024
        case .ecp256: 64
        case .ecp384: 96
        case .ecp521: 132
        case .x25519: 32
        case .mlKEM768: 1184
        case .mlKEM1024: 1568
        default: nil
        }
    }

    /// Length of the responder's public value; that of a key encapsulation is a ciphertext (draft-ietf-ipsecme-ikev2-mlkem
    /// §2.1, Table 1).
    public var responderValueLength: Int? {
        switch self {
        case .mlKEM768: 1088
        case .mlKEM1024: 1568
        default: publicValueLength
        }
    }

    /// Length of a private exponent of a MODP group: twice the strength that RFC 3526 §8 and NIST SP 800-57 give it,
    /// rounded up.
    var modularExponentLength: Int? {
        switch self {
        case .modp2048: 32
        case .modp3072: 40
        case .modp4096: 48
        case .modp6144: 56
        case .modp8192: 64
        default: nil
        }
    }
}
