import IPsecTypes

/// IKE SAs that a peer began and has not authenticated: how many, of whom, and by which message (RFC 7296 §2.1, §2.6).
struct HalfOpenTable {
    /// Tells a retransmitted IKE_SA_INIT from a new one, together with the bytes of the message.
    struct Key: Hashable {
        var initiatorSPI: IKESPI
        var remote: Endpoint
    }

    private var byKey: [Key: [IKESPI]] = [:]
    private var perSource: [IPAddress: Int] = [:]

    /// How many there are.
    private(set) var count = 0

    /// How many there are from where this peer is.
    func count(of remote: IPAddress) -> Int { perSource[Self.source(remote)] ?? 0 }

    /// Those that the same initiator SPI and address began, oldest first.
    func candidates(_ key: Key) -> [IKESPI] { byKey[key] ?? [] }

    mutating func insert(_ key: Key, _ spi: IKESPI) {
        byKey[key, default: []].append(spi)
        perSource[Self.source(key.remote.address), default: 0] += 1
        count += 1
    }

    mutating func remove(_ key: Key, _ spi: IKESPI) {
        guard var spis = byKey[key], let index = spis.firstIndex(of: spi) else { return }
        spis.remove(at: index)
        byKey[key] = spis.isEmpty ? nil : spis
        let source = Self.source(key.remote.address)
        let left = (perSource[source] ?? 1) - 1
        perSource[source] = left > 0 ? left : nil
        count -= 1
    }

    /// One source is an IPv4 address or an IPv6 /64: whoever has one address of it has them all.
    private static func source(_ address: IPAddress) -> IPAddress {
        switch address {
        case .v4: address
        case .v6(let high, _): .v6(high, 0)
        }
    }
}
