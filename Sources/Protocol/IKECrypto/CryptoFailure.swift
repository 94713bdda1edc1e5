import IPsecTypes

/// Why a cryptographic operation gave no result. It carries no key material and nothing of the input.
public enum CryptoFailure: Error, Hashable, Sendable {
    /// The algorithm is not implemented, or its self-test failed.
    case unsupportedAlgorithm
    /// A key, IV or message does not have the length that the algorithm fixes.
    case badLength
    /// The peer's public value fails the checks of RFC 6989.
    case invalidPublicValue
    /// The integrity check does not match.
    case authenticationFailed
    /// The message was authentic, yet its padding contradicts its length.
    case badPadding
    /// More output was asked for than prf+ can give (255 blocks, RFC 7296 §2.13).
    case outputTooLong
    /// The library refused for a reason of its own (out of memory, no entropy).
    case libraryFailure
}

/// A part of a PRF's input: public bytes, or a secret that is lent and not copied.
public enum CryptoInput: Sendable {
    /// Bytes that anyone may see.
    case bytes([UInt8])
    /// Key material.
    case secret(SecretBytes)

    /// Length in bytes.
    public var count: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .secret(let secret): secret.count
        }
    }
}
