import CLibcrypto
import IPsecTypes

/// Sealing and opening of SK bodies with libcrypto. Contexts live for one message: an IKE SA sends few, and keys that
/// stay in ``SecretBytes`` alone can be handed from thread to thread.
enum SKCipher {
    static func seal(
        _ plaintext: [UInt8],
        associatedData: [UInt8],
        iv: [UInt8],
        keys: SKKeys
    ) throws(CryptoFailure) -> [UInt8] {
        guard iv.count == keys.ivLength, plaintext.count <= limit, associatedData.count <= limit else {
            throw .badLength
        }
        let padding = keys.paddingLength(plaintext.count)
        var body: [UInt8] = []
        body.reserveCapacity(keys.sealedLength(plaintextCount: plaintext.count))
        body += iv
        body += plaintext
        body.append(contentsOf: repeatElement(0, count: padding))
        body.append(UInt8(truncatingIfNeeded: padding))
        let sealedEnd = body.count
        body.append(contentsOf: repeatElement(0, count: keys.icvLength))
        if keys.cipher.isAEAD {
            try sealAEAD(&body, sealedEnd, associatedData, keys)
        } else {
            try runCBC(&body, sealing: true, from: 0, to: sealedEnd, keys)
            let icv = try icv(associatedData[...], body[..<sealedEnd], keys)
            body.replaceSubrange(sealedEnd..., with: icv)
        }
        return body
    }

    static func open(message: [UInt8], bodyOffset: Int, keys: SKKeys) throws(CryptoFailure) -> [UInt8] {
        let overhead = keys.ivLength + keys.icvLength
        guard bodyOffset >= 0, bodyOffset <= message.count, message.count <= limit,
            message.count - bodyOffset >= overhead + keys.cipher.blockLength
        else { throw .badLength }
        var body = Array(message[bodyOffset...])
        let sealedEnd = body.count - keys.icvLength
        guard (sealedEnd - keys.ivLength) % keys.cipher.blockLength == 0 else { throw .badLength }
        if keys.cipher.isAEAD {
            try openAEAD(&body, sealedEnd, Array(message[..<bodyOffset]), keys)
        } else {
            // The check comes first: nothing is decrypted that was not authentic (RFC 7296 §3.14).
            let expected = try icv(message[..<bodyOffset], body[..<sealedEnd], keys)
            guard constantTimeEqual(expected, body[sealedEnd...]) else { throw .authenticationFailed }
            try runCBC(&body, sealing: false, from: 0, to: sealedEnd, keys)
        }
        guard sealedEnd > keys.ivLength else { throw .badPadding }
        let end = sealedEnd - 1 - Int(body[sealedEnd - 1])
        guard end >= keys.ivLength else { throw .badPadding }
        return Array(body[keys.ivLength..<end])
    }

    /// More than any IKE message holds; far below what libcrypto counts in an int.
    private static let limit = 1 << 20

    private static func aeadCode(_ keys: SKKeys) throws(CryptoFailure) -> (code: Int32, keyLength: Int) {
        switch (keys.cipher, keys.encryptionKey.count) {
        case (.aesGCM16, 16): (CULVERT_AES_128_GCM, 16)
        case (.aesGCM16, 24): (CULVERT_AES_192_GCM, 24)
        case (.aesGCM16, 32): (CULVERT_AES_256_GCM, 32)
        case (.chaCha20Poly1305, 32): (CULVERT_CHACHA20_POLY1305, 32)
        default: throw .unsupportedAlgorithm
        }
    }

    private static func makeAEAD(_ keys: SKKeys, sealing: Bool) throws(CryptoFailure) -> OpaquePointer {
        let (code, length) = try aeadCode(keys)
        let context = keys.encryptionKey.withUnsafeBytes { key in
            key.withMemoryRebound(to: UInt8.self) { key in
                key.baseAddress.flatMap { culvert_aead_new(code, sealing ? 1 : 0, $0, length) }
            }
        }
        guard let context else { throw .libraryFailure }
        return context
    }

    /// Salt, then the explicit IV: 12 bytes (RFC 5282 §4, RFC 7634 §3).
    private static func nonce(_ body: [UInt8], _ keys: SKKeys) throws(CryptoFailure) -> [UInt8] {
        let nonce = keys.salt.withUnsafeBytes { [UInt8]($0) } + body.prefix(keys.ivLength)
        guard nonce.count == 12 else { throw .badLength }
        return nonce
    }

    private static func sealAEAD(
        _ body: inout [UInt8],
        _ sealedEnd: Int,
        _ associatedData: [UInt8],
        _ keys: SKKeys
    ) throws(CryptoFailure) {
        let context = try makeAEAD(keys, sealing: true)
        defer { culvert_cipher_free(context) }
        let nonce = try nonce(body, keys)
        let start = keys.ivLength
        precondition(body.count == sealedEnd + 16 && start <= sealedEnd, "body without room for the tag")
        let done = body.withUnsafeMutableBufferPointer { body -> Int32 in
            guard let base = body.baseAddress else { return 0 }
            return culvert_aead_seal(
                context,
                nonce,
                associatedData,
                associatedData.count,
                base + start,
                sealedEnd - start,
                base + sealedEnd
            )
        }
        guard done == 1 else { throw .libraryFailure }
    }

    private static func openAEAD(
        _ body: inout [UInt8],
        _ sealedEnd: Int,
        _ associatedData: [UInt8],
        _ keys: SKKeys
    ) throws(CryptoFailure) {
        let context = try makeAEAD(keys, sealing: false)
        defer { culvert_cipher_free(context) }
        let nonce = try nonce(body, keys)
        let start = keys.ivLength
        precondition(body.count == sealedEnd + 16 && start <= sealedEnd, "body without a tag")
        let done = body.withUnsafeMutableBufferPointer { body -> Int32 in
            guard let base = body.baseAddress else { return 0 }
            return culvert_aead_open(
                context,
                nonce,
                associatedData,
                associatedData.count,
                base + start,
                sealedEnd - start,
                base + sealedEnd
            )
        }
        guard done == 1 else { throw .authenticationFailed }
    }

    /// AES-CBC over everything between the IV and `end`.
    private static func runCBC(
        _ body: inout [UInt8],
        sealing: Bool,
        from ivOffset: Int,
        to end: Int,
        _ keys: SKKeys
    ) throws(CryptoFailure) {
        let start = ivOffset + 16
        guard keys.cipher == .aesCBC, keys.ivLength == 16, start <= end, end <= body.count, (end - start) % 16 == 0
        else {
            throw .badLength
        }
        let context = keys.encryptionKey.withUnsafeBytes { key in
            key.withMemoryRebound(to: UInt8.self) { key in
                key.baseAddress.flatMap { culvert_cbc_new(sealing ? 1 : 0, $0, key.count) }
            }
        }
        guard let context else { throw .libraryFailure }
        defer { culvert_cipher_free(context) }
        let iv = Array(body[ivOffset..<start])
        let done = body.withUnsafeMutableBufferPointer { body -> Int32 in
            guard let base = body.baseAddress else { return 0 }
            return culvert_cbc_run(context, iv, base + start, end - start)
        }
        guard done == 1 else { throw .libraryFailure }
    }

    /// HMAC over the message from the IKE header to the end of the ciphertext, truncated.
    private static func icv(
        _ head: ArraySlice<UInt8>,
        _ body: ArraySlice<UInt8>,
        _ keys: SKKeys
    ) throws(CryptoFailure) -> [UInt8] {
        let digest =
            switch keys.integrity {
            case .hmacSHA256_128: CULVERT_SHA256
            case .hmacSHA384_192: CULVERT_SHA384
            case .hmacSHA512_256: CULVERT_SHA512
            default: throw CryptoFailure.unsupportedAlgorithm
            }
        let context = keys.integrityKey.withUnsafeBytes { key in
            key.withMemoryRebound(to: UInt8.self) { culvert_hmac_new(digest, $0.baseAddress, $0.count) }
        }
        guard let context else { throw .libraryFailure }
        defer { culvert_hmac_free(context) }
        var icv = [UInt8](repeating: 0, count: keys.icvLength)
        let done = head.withUnsafeBufferPointer { head in
            body.withUnsafeBufferPointer { body in
                culvert_hmac_two(context, head.baseAddress, head.count, body.baseAddress, body.count, &icv, icv.count)
            }
        }
        guard done == 1 else { throw .libraryFailure }
        return icv
    }
}
