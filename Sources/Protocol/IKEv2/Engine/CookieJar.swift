import IKECrypto
import IPsecTypes

/// Stateless cookies (RFC 7296 §2.6): `Cookie = <VersionIDofSecret> | Hash(Ni | IPi | SPIi | <secret>)`, with HMAC for
/// Hash. The port is left out: a NAT may change it between the two messages.
struct CookieJar {
    private struct Secret {
        var version: UInt8
        var key: SecretBytes
        var madeAt: Instant
    }

    private var secret: Secret?
    private var previous: Secret?

    /// The cookie for an initiator, made with the newest secret. `freshKey` is called when a new secret is due.
    mutating func cookie(
        nonce: [UInt8],
        address: IPAddress,
        spi: IKESPI,
        now: Instant,
        lifetime: Duration,
        crypto: any CryptoProvider,
        freshKey: () -> [UInt8]
    ) -> [UInt8]? {
        rotate(now, lifetime, freshKey)
        guard let secret else { return nil }
        return Self.make(secret, nonce, address, spi, crypto)
    }

    /// Whether `cookie` is one that we gave to this initiator with the newest secret or the one before.
    mutating func isValid(
        _ cookie: [UInt8],
        nonce: [UInt8],
        address: IPAddress,
        spi: IKESPI,
        now: Instant,
        lifetime: Duration,
        crypto: any CryptoProvider
    ) -> Bool {
        let candidates = [secret, previous].compactMap { $0 }.filter { now - $0.madeAt < lifetime + lifetime }
        guard let version = cookie.first, let match = candidates.first(where: { $0.version == version }),
            let expected = Self.make(match, nonce, address, spi, crypto)
        else { return false }
        return constantTimeEqual(expected, cookie)
    }

    private mutating func rotate(_ now: Instant, _ lifetime: Duration, _ freshKey: () -> [UInt8]) {
        if let secret, now - secret.madeAt < lifetime { return }
        let version = (secret?.version ?? 0) &+ 1
        previous = secret
        secret = Secret(version: version, key: SecretBytes(freshKey()), madeAt: now)
    }

    private static func make(
        _ secret: Secret,
        _ nonce: [UInt8],
        _ address: IPAddress,
        _ spi: IKESPI,
        _ crypto: any CryptoProvider
    ) -> [UInt8]? {
        var writer = WireWriter(capacity: nonce.count + 24)
        writer.writeBytes(nonce)
        writer.writeBytes(address.bytes)
        writer.writeUInt64(spi.rawValue)
        guard let mac = try? crypto.prf(.hmacSHA256, key: secret.key, [.bytes(writer.bytes)]) else { return nil }
        return [secret.version] + mac.withUnsafeBytes { [UInt8]($0) }
    }
}
