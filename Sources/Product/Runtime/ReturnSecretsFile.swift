import Glibc
import IKEv2
import IPsecTypes
import PacketIO
import Store

/// Where a gateway keeps what lets its agents return quickly after a restart: secrets of crash tokens (RFC 6290 §5.1) and
/// ticket keys (RFC 5723 §9.5), in a file of mode 0600.
///
/// Every start and every hour add a ticket key, which alone seals from then on: no key seals in two processes, so that no IV
/// repeats under one. Older keys open tickets for as long as a ticket can live.
public struct ReturnSecretsFile: Sendable {
    /// The newest ticket key seals for this long.
    public static let rotation: Int64 = 3600
    /// A gateway that is restarted over and over keeps no more than this: the oldest tickets end early.
    private static let ticketKeyLimit = 64
    /// A new generation of the crash secret after this; four are kept (RFC 6290 §5.1).
    private static let crashRotation: Int64 = 30 * 86_400
    private static let crashLimit = 4
    private static let heading = "culvert return secrets 1"

    private struct Entry: Sendable {
        var secret: SecretBytes
        var id: UInt64
        var madeAt: Int64
    }

    private let path: String
    private var ticketLifetime: Int64
    private var crash: [Entry] = []
    private var tickets: [Entry] = []

    /// Reads the file, or makes it; adds a fresh ticket key and writes it back before anybody uses it. A file that is not
    /// understood is replaced: agents then make full exchanges. One that others can read is an error.
    public init(path: String, ticketLifetime: Duration, wallClock: WallTime) throws(CulvertError) {
        self.path = path
        self.ticketLifetime = ticketLifetime.components.seconds
        do throws(AtomicFile.Failure) {
            var bytes = try AtomicFile.readPrivate(path)
            defer { bytes.wipe() }
            read(bytes)
        } catch {
            guard error.code == ENOENT else { throw error.culvertError }
        }
        try renew(wallClock)
    }

    /// What an endpoint is given.
    public var secrets: ReturnSecrets {
        ReturnSecrets(
            crash: crash.map(\.secret),
            tickets: tickets.compactMap { TicketKey(id: $0.id, secret: $0.secret) }
        )
    }

    /// Adds a ticket key, forgets those whose tickets have all expired, and writes the file.
    public mutating func renew(_ wallClock: WallTime, ticketLifetime: Duration? = nil) throws(CulvertError) {
        if let ticketLifetime { self.ticketLifetime = ticketLifetime.components.seconds }
        let now = wallClock.secondsSinceEpoch
        if crash.first.map({ now - $0.madeAt >= Self.crashRotation }) ?? true {
            crash.insert(Self.fresh(32, now), at: 0)
            crash = Array(crash.prefix(Self.crashLimit))
        }
        tickets.insert(Self.fresh(TicketKey.secretLength, now), at: 0)
        let age = self.ticketLifetime + 2 * Self.rotation
        // A clock that was set back makes no key immortal.
        tickets = Array(tickets.filter { abs(now - $0.madeAt) < age }.prefix(Self.ticketKeyLimit))
        var text = encoded()
        defer { text.wipe() }
        do throws(AtomicFile.Failure) {
            try AtomicFile.write(text, to: path)
        } catch {
            throw error.culvertError
        }
    }

    private static func fresh(_ count: Int, _ now: Int64) -> Entry {
        var random = SystemRandom()
        var bytes = SystemRandom.bytes(count)
        defer { bytes.wipe() }
        return Entry(secret: SecretBytes(bytes), id: random.next(), madeAt: now)
    }

    private func encoded() -> [UInt8] {
        var text = Array("\(Self.heading)\n".utf8)
        for (word, entries) in [("crash", crash), ("ticket", tickets)] {
            for entry in entries {
                text += Array("\(word) \(paddedHex(entry.id, digits: 16)) \(entry.madeAt) ".utf8)
                entry.secret.withUnsafeBytes { bytes in
                    for byte in bytes { text += Array(paddedHex(UInt64(byte), digits: 2).utf8) }
                }
                text.append(10)
            }
        }
        return text
    }

    private mutating func read(_ bytes: [UInt8]) {
        let lines = bytes.split(separator: 10)
        guard let first = lines.first, first.elementsEqual(Self.heading.utf8) else { return }
        for line in lines.dropFirst().prefix(Self.ticketKeyLimit + Self.crashLimit) {
            let words = line.split(separator: 32)
            guard words.count == 4, let id = UInt64(String(decoding: words[1], as: UTF8.self), radix: 16),
                let madeAt = Int64(String(decoding: words[2], as: UTF8.self)),
                var secret = Hex.decode(words[3])
            else { continue }
            defer { secret.wipe() }
            let entry = Entry(secret: SecretBytes(secret), id: id, madeAt: madeAt)
            switch String(decoding: words[0], as: UTF8.self) {
            case "crash" where secret.count == 32: crash.append(entry)
            case "ticket" where secret.count == TicketKey.secretLength: tickets.append(entry)
            default: break
            }
        }
    }
}
