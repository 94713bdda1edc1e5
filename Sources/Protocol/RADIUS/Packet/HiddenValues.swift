import IPsecTypes
import LegacyDigests

/// Values that RADIUS hides with the shared secret: User-Password and the MPPE keys.
enum HiddenValues {
    /// A password is cut in blocks of 16; RFC 2865 §5.2 allows 128 octets.
    static let longestPassword = 128
    private static let block = 16

    /// User-Password (RFC 2865 §5.2): blocks of the padded password, each XORed with MD5 of the secret and the Request
    /// Authenticator, then of the secret and the block before. nil for an empty or too long password.
    static func hide(password: SecretBytes, secret: SecretBytes, authenticator: [UInt8]) -> [UInt8]? {
        guard (1...longestPassword).contains(password.count) else { return nil }
        var plain = password.withUnsafeBytes { [UInt8]($0) }
        while plain.count % block != 0 { plain.append(0) }
        return chain(plain, secret, first: authenticator, hides: true)
    }

    /// A key hidden as in MS-MPPE-Send-Key (RFC 2548 §2.4.2): salt, then blocks like a password's with the salt added to
    /// the first digest; the plain text is the key's length, the key and padding. nil for what does not fit.
    static func revealKey(_ value: [UInt8], secret: SecretBytes, authenticator: [UInt8]) -> SecretBytes? {
        var reader = WireReader(count: value.count)
        guard let salt = try? reader.readBytes(value.span, count: 2), (salt.first ?? 0) & 0x80 != 0,
            let hidden = try? reader.readRemaining(value.span), !hidden.isEmpty, hidden.count % block == 0
        else { return nil }
        let plain = chain(hidden, secret, first: authenticator + salt, hides: false)
        var inner = WireReader(count: plain.count)
        guard let length = try? inner.readUInt8(plain.span), length > 0,
            let key = try? inner.readBytes(plain.span, count: Int(length))
        else { return nil }
        return SecretBytes(key)
    }

    /// XORs blocks with digests that chain over the hidden text.
    private static func chain(_ input: [UInt8], _ secret: SecretBytes, first: [UInt8], hides: Bool) -> [UInt8] {
        var output: [UInt8] = []
        var rest = input.prefix(input.count)
        var previous = first
        while !rest.isEmpty {
            let digest = FixedLegacyDigests.md5([], secret, previous)
            let taken = Array(rest.prefix(block))
            let result = zip(taken, digest).map { $0 ^ $1 }
            output += result
            previous = hides ? result : taken
            rest = rest.dropFirst(block)
        }
        return output
    }
}

extension [RADIUSAttribute] {
    /// The MSK that an Access-Accept carries: MS-MPPE-Recv-Key, then MS-MPPE-Send-Key (RFC 2548 §2.4, the order of
    /// RFC 5216 §2.3), filled up with zeros to the 64 octets that RFC 3748 §7.10 wants; an HMAC's key is filled up so anyway.
    /// nil when a key is missing, doubled or malformed.
    func masterSessionKey(secret: SecretBytes, requestAuthenticator: [UInt8]) -> SecretBytes? {
        let vendors = all(.vendorSpecific).flatMap { (try? VendorAttribute.parse($0)) ?? [] }
        func key(_ type: UInt8) -> SecretBytes? {
            let hidden = vendors.filter { $0.type == type }
            guard hidden.count == 1, let value = hidden.first?.value else { return nil }
            return HiddenValues.revealKey(value, secret: secret, authenticator: requestAuthenticator)
        }
        guard let receive = key(VendorAttribute.mppeRecvKey), let send = key(VendorAttribute.mppeSendKey) else {
            return nil
        }
        let length = Swift.max(64, receive.count + send.count)
        return SecretBytes(count: length) { target in
            receive.withUnsafeBytes { target.copyBytes(from: $0) }
            send.withUnsafeBytes { bytes in
                for (offset, byte) in bytes.enumerated() {
                    target.storeBytes(of: byte, toByteOffset: receive.count + offset, as: UInt8.self)
                }
            }
        }
    }
}
