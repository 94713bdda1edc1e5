/// Work that the kernel leaves to the reader of a TUN, and takes from who writes to it (tun.h, TUNSETOFFLOAD).
public struct TUNOffloads: OptionSet, Hashable, Sendable {
    /// The bits, as in CLinux.
    public let rawValue: CInt

    /// Makes a set of bits.
    public init(rawValue: CInt) { self.rawValue = rawValue }

    /// Checksums; all others need it.
    public static let checksum = TUNOffloads(rawValue: 1)
    /// TCP over IPv4 in packets of up to 64 KiB.
    public static let tcp4 = TUNOffloads(rawValue: 2)
    /// TCP over IPv6 in packets of up to 64 KiB.
    public static let tcp6 = TUNOffloads(rawValue: 4)
    /// Those of them whose first segment has CWR.
    public static let tcpECN = TUNOffloads(rawValue: 8)
    /// UDP datagrams in packets of up to 64 KiB (Linux 6.2).
    public static let udp = TUNOffloads(rawValue: 16)

    /// Everything there is.
    public static let all: TUNOffloads = [.checksum, .tcp4, .tcp6, .tcpECN, .udp]

    /// The names of the members, for people.
    public var names: [String] {
        [(TUNOffloads.checksum, "checksum"), (.tcp4, "tcp4"), (.tcp6, "tcp6"), (.tcpECN, "tcp-ecn"), (.udp, "udp")]
            .filter { contains($0.0) }.map(\.1)
    }

    /// The members of `wanted` that `accepts` takes, asked for one after the other. What was taken last is what counts.
    static func negotiate(_ wanted: TUNOffloads, accepts: (TUNOffloads) -> Bool) -> TUNOffloads {
        var taken: TUNOffloads = []
        for feature in [TUNOffloads.checksum, .tcp4, .tcp6, .tcpECN, .udp] where wanted.contains(feature) {
            guard feature == .checksum || taken.contains(.checksum) else { break }
            if feature == .tcpECN, taken.isDisjoint(with: [.tcp4, .tcp6]) { continue }
            if accepts(taken.union(feature)) { taken.formUnion(feature) }
        }
        return taken
    }
}
