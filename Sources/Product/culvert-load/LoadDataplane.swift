import Dataplane
import Foundation
import IPsecTypes
import PacketIO
import Runtime
import Synchronization

/// Stands where a data plane stands: IKE goes through its two sockets; Child SAs are taken and carry nothing.
final class LoadDataplane: ShardDataplane, Sendable {
    private struct Owned: ~Copyable {
        let poller: Poller
        let inbound: PacketBatch
        let outbound: PacketBatch
    }

    private let owned: Mutex<Owned>
    private let ike: UDPSocket
    private let encapsulated: UDPSocket
    private let refused = Atomic<Int>(0)
    /// Long enough for an answer that the gateway did not split.
    private static let room = 8192
    private static let batch = 64
    private static let buffer = 8 << 20

    /// Readable while messages wait.
    let controlDescriptor: CInt

    /// Binds both ports on every address of the family.
    init(family: IPAddress.Family, ikePort: UInt16, natPort: UInt16) throws {
        var options = UDPSocketOptions()
        options.receiveBufferBytes = Self.buffer
        options.sendBufferBytes = Self.buffer
        ike = try UDPSocket(bind: Endpoint(.unspecified(family), port: ikePort), options: options)
        encapsulated = try UDPSocket(bind: Endpoint(.unspecified(family), port: natPort), options: options)
        let poller = try Poller()
        try poller.add(ike.descriptor, .readable, token: 1)
        try poller.add(encapsulated.descriptor, .readable, token: 2)
        controlDescriptor = poller.descriptor
        owned = Mutex(
            Owned(
                poller: poller,
                inbound: PacketBatch(capacity: Self.batch, room: Self.room, headroom: 0),
                outbound: PacketBatch(capacity: 1, room: PacketBatch.largestRoom, headroom: 0)
            )
        )
    }

    /// Messages that the kernel did not take.
    var refusedCount: Int { refused.load(ordering: .relaxed) }

    func drainInbox(into items: inout [InboxItem], limit: Int) {
        owned.withLock { owned in
            for (socket, transport) in [(ike, Path.Transport.udp500), (encapsulated, .udp4500)] {
                guard let count = try? socket.receive(into: owned.inbound) else { continue }
                for index in 0..<count {
                    if let item = Self.item(owned.inbound, index, transport) { items.append(item) }
                }
            }
        }
    }

    private static func item(_ batch: PacketBatch, _ index: Int, _ transport: Path.Transport) -> InboxItem? {
        let frame = batch[index]
        guard let local = frame.local.address, let remote = frame.remote.endpoint else { return nil }
        var bytes = [UInt8](batch.bytes(index))
        var port: UInt16 = 500
        if transport == .udp4500 {
            // Behind the non-ESP marker (RFC 3948 §2.2) is IKE; anything else is ESP or a keepalive.
            guard bytes.count > 4, bytes.starts(with: [0, 0, 0, 0]) else { return nil }
            bytes.removeFirst(4)
            port = 4500
        }
        port = frame.local.port == 0 ? port : frame.local.port
        return .ike(bytes: bytes, path: Path(transport: transport, local: Endpoint(local, port: port), remote: remote))
    }

    @discardableResult
    func sendIKE(_ bytes: [UInt8], path: Path) -> Bool {
        send(path.transport == .udp4500 ? [0, 0, 0, 0] + bytes : bytes, path)
    }

    @discardableResult
    func sendKeepalive(_ path: Path) -> Bool { send([0xFF], path) }

    private func send(_ bytes: [UInt8], _ path: Path) -> Bool {
        let isSent = owned.withLock { owned in
            owned.outbound.removeAll()
            let index = bytes.withUnsafeBytes {
                owned.outbound.append($0, to: PacketAddress(path.remote), from: PacketAddress(path.local))
            }
            guard index != nil else { return false }
            let outcome = (path.transport == .udp4500 ? encapsulated : ike).send(owned.outbound, 0..<1)
            return outcome.taken == 1 && outcome.refused == 0
        }
        if !isSent { refused.add(1, ordering: .relaxed) }
        return isSent
    }

    func install(_ parameters: ChildSAParameters, sendNow: Bool) throws(SABackendError) {}
    func activateOutbound(_ inboundSPI: SPI) throws(SABackendError) {}
    func deactivateOutbound(_ inboundSPI: SPI) throws(SABackendError) {}
    func remove(_ inboundSPI: SPI) {}
    func updatePath(_ inboundSPI: SPI, path: Path, udpEncapsulation: Bool) throws(SABackendError) {}
    func counters(_ inboundSPI: SPI) -> SACounters? { nil }
}
