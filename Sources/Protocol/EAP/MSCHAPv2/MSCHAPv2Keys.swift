import IPsecTypes
import LegacyDigests

/// Keys from an MSCHAPv2 exchange (RFC 3079 §3.4).
enum MSCHAPv2Keys {
    /// The MSK, 64 octets, the same at both ends: the server's receive key, its send key, 32 zeros.
    static func masterSessionKey(passwordHash: SecretBytes, response: [UInt8]) -> SecretBytes {
        let master = masterKey(passwordHash: passwordHash, response: response)
        var octets =
            startKey(master, isSend: false, isServer: true) + startKey(master, isSend: true, isServer: true)
            + [UInt8](repeating: 0, count: 32)
        defer { octets.wipe() }
        return SecretBytes(octets)
    }

    /// GetMasterKey, 16 bytes.
    static func masterKey(passwordHash: SecretBytes, response: [UInt8]) -> SecretBytes {
        var hashHash = MSCHAPv2Hashes.hashHash(passwordHash).withUnsafeBytes { Array($0) }
        defer { hashHash.wipe() }
        var digest = FixedLegacyDigests.sha1(hashHash + response + Array("This is the MPPE Master Key".utf8))
        defer { digest.wipe() }
        return SecretBytes(digest.prefix(16))
    }

    /// GetAsymmetricStartKey for 128 bits, 16 bytes.
    static func startKey(_ masterKey: SecretBytes, isSend: Bool, isServer: Bool) -> [UInt8] {
        let clientSends = "On the client side, this is the send key; on the server side, it is the receive key."
        let clientReceives = "On the client side, this is the receive key; on the server side, it is the send key."
        let magic = isSend != isServer ? clientSends : clientReceives
        var key = masterKey.withUnsafeBytes { Array($0) }
        defer { key.wipe() }
        let first = [UInt8](repeating: 0, count: 40)
        let second = [UInt8](repeating: 0xF2, count: 40)
        return Array(FixedLegacyDigests.sha1(key + first + Array(magic.utf8) + second).prefix(16))
    }
}
