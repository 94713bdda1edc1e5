import IPsecTypes

/// All cryptography that the IKE engine asks for (law 8), so that a simulation, a fault injector or another library can
/// stand behind it.
///
/// PRF, sealing and opening are pure and cheap: an engine calls them in the middle of a transition. Key exchange and
/// signatures draw randomness or cost milliseconds: they leave the engine as actions and come back as events (law 1).
/// Every implementation is safe to call from several threads at once.
public protocol CryptoProvider: Sendable {
    /// prf(key, input), the input parts taken one after the other (RFC 7296 §2.13).
    func prf(
        _ algorithm: PRFAlgorithm,
        key: SecretBytes,
        _ input: [CryptoInput]
    ) throws(CryptoFailure) -> SecretBytes

    /// Protects the payloads of an SK or SKF payload.
    ///
    /// - Parameters:
    ///   - plaintext: the payload chain, without padding.
    ///   - associatedData: the message from the IKE header up to and including the generic header of the SK payload (for
    ///     SKF also fragment number and total), with final lengths: see ``SKKeys/sealedLength(plaintextCount:)``.
    ///   - iv: ``SKKeys/ivLength`` bytes; from an `IVCounter` for an AEAD, unpredictable for AES-CBC.
    ///   - keys: the sender's keys.
    /// - Returns: IV, ciphertext with padding, integrity check value: the body of the payload.
    func seal(
        _ plaintext: [UInt8],
        associatedData: [UInt8],
        iv: [UInt8],
        keys: SKKeys
    ) throws(CryptoFailure) -> [UInt8]

    /// Checks and decrypts the body of an SK or SKF payload.
    ///
    /// - Parameters:
    ///   - message: the whole message; the body runs to its end.
    ///   - bodyOffset: where the IV starts. What stands before is the associated data.
    ///   - keys: the sender's keys.
    /// - Returns: the payload chain, without padding.
    func open(
        message: [UInt8],
        bodyOffset: Int,
        keys: SKKeys
    ) throws(CryptoFailure) -> [UInt8]

    /// Makes an ephemeral key.
    func generateKeyExchange(_ method: KeyExchangeMethod) throws(CryptoFailure) -> KeyExchangePrivateKey

    /// The responder's side of a key encapsulation: a fresh secret for the initiator's public value. The result's public
    /// value is the ciphertext, and ``sharedSecret(_:peerValue:)`` with the same peer value gives the secret.
    func encapsulate(
        _ method: KeyExchangeMethod,
        peerValue: [UInt8]
    ) throws(CryptoFailure) -> KeyExchangePrivateKey

    /// Makes a key from its private bytes: known answers and nothing else.
    func keyExchange(
        _ method: KeyExchangeMethod,
        privateBytes: SecretBytes
    ) throws(CryptoFailure) -> KeyExchangePrivateKey

    /// g^ir, after the checks of RFC 6989 on the peer's value (the Key Exchange Data of its KE payload).
    func sharedSecret(
        _ key: KeyExchangePrivateKey,
        peerValue: [UInt8]
    ) throws(CryptoFailure) -> SecretBytes

    /// Signs the octets of RFC 7296 §2.15 with the method and hash that both sides know.
    ///
    /// - Parameters:
    ///   - octets: see ``AuthenticationOctets``.
    ///   - key: our long-term key.
    ///   - peerHashes: what the peer listed in SIGNATURE_HASH_ALGORITHMS, unknown numbers left out; nil when it sent no
    ///     such notify.
    ///   - policy: what the connection allows.
    func sign(
        _ octets: [UInt8],
        key: SigningKey,
        peerHashes: Set<SignatureHash>?,
        policy: SignaturePolicy
    ) throws(SignatureRefusal) -> SignatureAuthentication

    /// Checks the peer's AUTH payload. Returning means that the signature is good; everything else throws.
    @discardableResult
    func verify(
        _ authentication: SignatureAuthentication,
        octets: [UInt8],
        key: VerificationKey,
        policy: SignaturePolicy
    ) throws(SignatureRefusal) -> SignatureAlgorithm

    /// Reads the public key of a certificate and applies the key policy.
    func verificationKey(spkiDER: [UInt8]) throws(KeyRefusal) -> VerificationKey
}

extension CryptoProvider {
    /// prf+ of RFC 7296 §2.13: `count` bytes of T1 | T2 | ..., Tn = prf(key, Tn-1 | seed | n).
    public func prfPlus(
        _ algorithm: PRFAlgorithm,
        key: SecretBytes,
        seed: [CryptoInput],
        count: Int
    ) throws(CryptoFailure) -> SecretBytes {
        guard let block = algorithm.outputLength else { throw .unsupportedAlgorithm }
        guard count >= 0, count <= 255 * block else { throw .outputTooLong }
        var blocks: [SecretBytes] = []
        var previous: [CryptoInput] = []
        while blocks.count * block < count {
            let number = UInt8(truncatingIfNeeded: blocks.count + 1)
            let next = try prf(algorithm, key: key, previous + seed + [.bytes([number])])
            guard next.count == block else { throw .libraryFailure }
            blocks.append(next)
            previous = [.secret(next)]
        }
        return SecretBytes(count: count) { target in
            var offset = 0
            for part in blocks {
                part.withUnsafeBytes { source in
                    let length = min(source.count, count - offset)
                    UnsafeMutableRawBufferPointer(rebasing: target[offset..<(offset + length)])
                        .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[0..<length]))
                    offset += length
                }
            }
        }
    }

    /// AUTH by shared key (RFC 7296 §2.15): prf(prf(secret, "Key Pad for IKEv2"), octets). The secret is a pre-shared key
    /// or the MSK of an EAP method.
    public func sharedKeyAuthentication(
        _ prf: PRFAlgorithm,
        secret: SecretBytes,
        octets: [UInt8]
    ) throws(CryptoFailure) -> [UInt8] {
        let padded = try self.prf(prf, key: secret, [.bytes(Array("Key Pad for IKEv2".utf8))])
        return try self.prf(prf, key: padded, [.bytes(octets)]).withUnsafeBytes { [UInt8]($0) }
    }

    /// Whether the peer's AUTH data proves the shared key. Any failure is false.
    public func isValidSharedKeyAuthentication(
        _ data: [UInt8],
        prf: PRFAlgorithm,
        secret: SecretBytes,
        octets: [UInt8]
    ) -> Bool {
        guard secret.count > 0, let length = prf.outputLength, data.count == length,
            let expected = try? sharedKeyAuthentication(prf, secret: secret, octets: octets)
        else { return false }
        return constantTimeEqual(expected, data)
    }
}
