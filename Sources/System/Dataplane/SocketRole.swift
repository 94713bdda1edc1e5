import IPsecTypes
import PacketIO

/// What a socket is for.
enum SocketRole: UInt8, Sendable {
    /// Port 500: IKE alone.
    case ike
    /// Port 4500: IKE behind a marker, ESP, keepalives (RFC 3948).
    case nat
    /// IP protocol 50.
    case rawESP
}

/// What a worker knows of one of its sockets when it chooses one.
struct SocketPlace: Sendable {
    var role: SocketRole
    /// The address it is bound to; unspecified for all.
    var address: IPAddress
    var port: UInt16

    /// How well it fits: 2 for its own address, 1 for any address of the family, nil when not at all.
    func fitness(role: SocketRole, local: PacketAddress, remote: PacketAddress) -> Int? {
        let family: UInt8 = address.family == .v4 ? 4 : 6
        guard self.role == role, remote.family == family else { return nil }
        if address == .unspecified(address.family) { return 1 }
        guard let wanted = local.address else { return 1 }
        return wanted == address ? 2 : wanted == .unspecified(address.family) ? 1 : nil
    }
}

extension [SocketPlace] {
    /// The best socket for a path; -1 when none fits.
    func best(role: SocketRole, local: PacketAddress, remote: PacketAddress) -> Int16 {
        var best: (place: Int16, fitness: Int) = (-1, 0)
        for (place, socket) in enumerated() {
            guard let fitness = socket.fitness(role: role, local: local, remote: remote) else { continue }
            if fitness > best.fitness { best = (Int16(place), fitness) }
        }
        return best.place
    }
}
