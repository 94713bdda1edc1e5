import IKECrypto
import IPsecTypes

/// Stateless cookies (RFC 7296 §2.6) that also remember which puzzle went with them (RFC 8019 §7.1.1.3):
///
///     Cookie = <VersionIDofSecret> | <Difficulty> | <PRF> | HMAC(secret, Ni | IPi | SPIi | <Difficulty> | <PRF>)
///
/// The port is left out: a NAT may change it between the two messages. Whoever solves a puzzle gets one IKE SA for it: the
/// cookies of solved puzzles are remembered for as long as their secret is good.
struct CookieJar {
    /// What a cookie is bound to.
    struct Subject {
        var nonce: [UInt8]
        var address: IPAddress
        var spi: IKESPI
    }

    /// A puzzle that goes with a cookie.
    struct Challenge: Hashable {
        var prf: PRFAlgorithm
        var difficulty: UInt8
    }

    /// What a returned cookie turned out to be.
    enum Verdict: Equatable {
        /// Not one of ours, or too old.
        case invalid
        /// Good; no puzzle went with it.
        case plain
        /// Good, and a puzzle went with it.
        case puzzle(Challenge)
        /// Good, but its puzzle's solution has been used.
        case spent
    }

    private struct Secret {
        var version: UInt8
        var key: SecretBytes
        var madeAt: Instant
        var spent: Set<[UInt8]> = []
    }

    /// Each costs its sender the work of a puzzle, and 36 octets here.
    private static let spentLimit = 65_536

    private var secret: Secret?
    private var previous: Secret?

    /// The cookie for an initiator, made with the newest secret. `freshKey` is called when a new secret is due.
    mutating func cookie(
        _ subject: Subject,
        challenge: Challenge?,
        now: Instant,
        lifetime: Duration,
        crypto: any CryptoProvider,
        freshKey: () -> [UInt8]
    ) -> [UInt8]? {
        rotate(now, lifetime, freshKey)
        guard let secret else { return nil }
        return Self.make(secret, subject, challenge, crypto)
    }

    /// What `cookie` is: one that we gave to this initiator with the newest secret or the one before, or not.
    func verdict(
        on cookie: [UInt8],
        _ subject: Subject,
        now: Instant,
        lifetime: Duration,
        crypto: any CryptoProvider
    ) -> Verdict {
        let candidates = [secret, previous].compactMap { $0 }.filter { now - $0.madeAt < lifetime + lifetime }
        guard let version = cookie.first, let match = candidates.first(where: { $0.version == version }),
            let challenge = Self.challenge(in: cookie),
            let expected = Self.make(match, subject, challenge.difficulty == 0 ? nil : challenge, crypto),
            constantTimeEqual(expected, cookie)
        else { return .invalid }
        if match.spent.contains(cookie) { return .spent }
        return challenge.difficulty == 0 ? .plain : .puzzle(challenge)
    }

    /// Remembers that the solution of this cookie's puzzle was used; false when there is no room to remember it.
    mutating func spend(_ cookie: [UInt8]) -> Bool {
        if secret?.version == cookie.first { return Self.spend(cookie, &secret) }
        return Self.spend(cookie, &previous)
    }

    private static func spend(_ cookie: [UInt8], _ secret: inout Secret?) -> Bool {
        guard let count = secret?.spent.count, count < spentLimit else { return false }
        secret?.spent.insert(cookie)
        return true
    }

    private mutating func rotate(_ now: Instant, _ lifetime: Duration, _ freshKey: () -> [UInt8]) {
        if let secret, now - secret.madeAt < lifetime { return }
        let version = (secret?.version ?? 0) &+ 1
        previous = secret
        secret = Secret(version: version, key: SecretBytes(freshKey()), madeAt: now)
    }

    private static func challenge(in cookie: [UInt8]) -> Challenge? {
        let bytes = cookie.span
        var reader = WireReader(count: bytes.count)
        do {
            try reader.skip(1)
            let difficulty = try reader.readUInt8(bytes)
            return Challenge(prf: PRFAlgorithm(rawValue: try reader.readUInt16(bytes)), difficulty: difficulty)
        } catch { return nil }
    }

    private static func make(
        _ secret: Secret,
        _ subject: Subject,
        _ challenge: Challenge?,
        _ crypto: any CryptoProvider
    ) -> [UInt8]? {
        var puzzle = WireWriter(capacity: 3)
        puzzle.writeUInt8(challenge?.difficulty ?? 0)
        puzzle.writeUInt16(challenge?.prf.rawValue ?? 0)
        var writer = WireWriter(capacity: subject.nonce.count + 27)
        writer.writeBytes(subject.nonce)
        writer.writeBytes(subject.address.bytes)
        writer.writeUInt64(subject.spi.rawValue)
        writer.writeBytes(puzzle.bytes)
        guard let mac = try? crypto.prf(.hmacSHA256, key: secret.key, [.bytes(writer.bytes)]) else { return nil }
        return [secret.version] + puzzle.bytes + mac.withUnsafeBytes { [UInt8]($0) }
    }
}
