import Glibc
import IPsecTypes

/// Finds a gateway's addresses. Blocks; not for the shard's thread.
enum GatewayName {
    /// Addresses tried for one name.
    private static let limit = 8

    static func resolve(_ name: String) throws(CulvertError) -> [IPAddress] {
        if let address = IPAddress(name) { return [address] }
        var hints = addrinfo()
        hints.ai_socktype = CInt(SOCK_DGRAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(name, nil, &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        guard code == 0 else {
            throw CulvertError(
                .nameNotResolved,
                "\(name) has no address: \(String(cString: gai_strerror(code)))"
            )
        }
        var found: [IPAddress] = []
        var entry = list
        while let current = entry, found.count < limit {
            if let address = address(of: current.pointee), !found.contains(address) { found.append(address) }
            entry = current.pointee.ai_next
        }
        guard !found.isEmpty else { throw CulvertError(.nameNotResolved, "\(name) has no address") }
        return found
    }

    private static func address(of info: addrinfo) -> IPAddress? {
        guard let raw = info.ai_addr else { return nil }
        if info.ai_family == AF_INET {
            return raw.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                .v4(UInt32(bigEndian: $0.pointee.sin_addr.s_addr))
            }
        }
        guard info.ai_family == AF_INET6 else { return nil }
        return raw.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { pointer in
            withUnsafeBytes(of: pointer.pointee.sin6_addr) { IPAddress(bytes: Array($0)) }
        }
    }
}
