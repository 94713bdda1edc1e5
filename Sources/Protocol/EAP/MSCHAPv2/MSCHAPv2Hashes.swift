import IPsecTypes
import LegacyDigests

/// The functions of RFC 2759 §8. MD4, DES and SHA-1 are what the protocol fixes; see ``FixedLegacyDigests``.
enum MSCHAPv2Hashes {
    /// NtPasswordHash (§8.3): MD4 of the password in UTF-16, little-endian. Nil when the password is no UTF-8 or too long.
    static func passwordHash(_ password: SecretBytes) -> SecretBytes? {
        guard password.count <= EAPLimits.password else { return nil }
        var octets = password.withUnsafeBytes { Array($0) }
        defer { octets.wipe() }
        guard let text = String(validating: octets, as: UTF8.self) else { return nil }
        var wide: [UInt8] = []
        // Reserved, so that growing leaves no copy of the password behind.
        wide.reserveCapacity(2 * octets.count)
        defer { wide.wipe() }
        for unit in text.utf16 {
            wide.append(UInt8(truncatingIfNeeded: unit))
            wide.append(UInt8(truncatingIfNeeded: unit >> 8))
        }
        return secret(FixedLegacyDigests.md4(wide))
    }

    /// The hash that an answer about a user gives; nil when it gives none.
    static func passwordHash(_ credential: EAPCredential) -> SecretBytes? {
        switch credential {
        case .password(let password): passwordHash(password)
        case .ntHash(let hash): hash.count == 16 ? hash : nil
        case .accepted, .refused: nil
        }
    }

    /// HashNtPasswordHash (§8.4).
    static func hashHash(_ passwordHash: SecretBytes) -> SecretBytes {
        var octets = passwordHash.withUnsafeBytes { Array($0) }
        defer { octets.wipe() }
        return secret(FixedLegacyDigests.md4(octets))
    }

    /// ChallengeHash (§8.2), 8 bytes. Of `name` only what follows a domain's backslash counts (§4).
    static func challengeHash(peerChallenge: [UInt8], authenticatorChallenge: [UInt8], name: [UInt8]) -> [UInt8] {
        let user = name.split(separator: UInt8(ascii: "\\"), omittingEmptySubsequences: false).last ?? []
        return Array(FixedLegacyDigests.sha1(peerChallenge + authenticatorChallenge + user).prefix(8))
    }

    /// ChallengeResponse (§8.5), 24 bytes: the challenge under three DES keys cut from the hash and five zeros. Nil for
    /// inputs of other lengths.
    static func challengeResponse(challenge: [UInt8], passwordHash: SecretBytes) -> [UInt8]? {
        guard challenge.count == 8, passwordHash.count == 16 else { return nil }
        var padded = passwordHash.withUnsafeBytes { Array($0) } + [0, 0, 0, 0, 0]
        defer { padded.wipe() }
        var response: [UInt8] = []
        for start in [0, 7, 14] {
            var key = Array(padded.dropFirst(start).prefix(7))
            defer { key.wipe() }
            guard let block = FixedLegacyDigests.desBlock(challenge, key: key) else { return nil }
            response += block
        }
        return response
    }

    /// GenerateAuthenticatorResponse (§8.7): "S=" and 40 upper-case hexadecimal digits.
    static func authenticatorResponse(
        passwordHash: SecretBytes,
        response: [UInt8],
        challenge: [UInt8]
    ) -> [UInt8] {
        var hashHash = hashHash(passwordHash).withUnsafeBytes { Array($0) }
        defer { hashHash.wipe() }
        let first = FixedLegacyDigests.sha1(
            hashHash + response + Array("Magic server to client signing constant".utf8)
        )
        let second = FixedLegacyDigests.sha1(
            first + challenge + Array("Pad to make it do more than one iteration".utf8)
        )
        return Array(("S=" + Hex.encode(second).uppercased()).utf8)
    }

    private static func secret(_ octets: [UInt8]) -> SecretBytes {
        var octets = octets
        defer { octets.wipe() }
        return SecretBytes(octets)
    }
}
