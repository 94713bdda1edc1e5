import Dataplane
import IPsecTypes
import PacketIO
import Runtime
import Synchronization

/// Data planes by address: what one sends arrives at the one that its path names.
public final class MemoryNetwork: Sendable {
    private let planes = Mutex<[IPAddress: MemoryDataplane]>([:])
    private let log = Mutex<[(bytes: [UInt8], path: Path)]>([])

    /// Every IKE message that was sent, with the sender's view of its path.
    public var sent: [(bytes: [UInt8], path: Path)] { log.withLock { $0 } }

    /// A network with nobody on it.
    public init() {}

    /// Adds a data plane.
    public func attach(_ plane: MemoryDataplane, at address: IPAddress) {
        planes.withLock { $0[address] = plane }
        plane.connect { [weak self] bytes, path in
            self?.log.withLock { $0.append((bytes, path)) }
            let target = self?.planes.withLock { $0[path.remote.address] }
            target?.deliver(.ike(bytes: bytes, path: path.reversed))
        }
    }
}

/// A data plane without sockets: IKE messages go through a ``MemoryNetwork``, and Child SAs are only remembered.
public final class MemoryDataplane: ShardDataplane, Sendable {
    /// A Child SA as it was installed.
    public struct Installed: Sendable {
        /// What it was installed with.
        public var parameters: ChildSAParameters
        /// Whether traffic leaves by it.
        public var sends: Bool
    }

    private struct State {
        var peer: (@Sendable ([UInt8], Path) -> Void)?
        var inbox: [InboxItem] = []
        var installed: [SPI: Installed] = [:]
        var counters: [SPI: SACounters] = [:]
        var removed: [SPI] = []
        var sent = 0
        var isCut = false
    }

    private let state = Mutex(State())
    private let signal: EventSignal

    /// Makes one that is connected to nothing.
    public init() throws {
        signal = try EventSignal()
    }

    func connect(_ send: @escaping @Sendable ([UInt8], Path) -> Void) { state.withLock { $0.peer = send } }

    /// Drops everything from now on, or no longer.
    public func cut(_ isCut: Bool) { state.withLock { $0.isCut = isCut } }

    /// Child SAs that are installed.
    public var installed: [SPI: Installed] { state.withLock { $0.installed } }

    /// IKE messages sent.
    public var sentCount: Int { state.withLock { $0.sent } }

    /// Sets the counters that a Child SA shows.
    public func set(_ counters: SACounters, of spi: SPI) { state.withLock { $0.counters[spi] = counters } }

    /// Puts something into the inbox.
    public func deliver(_ item: InboxItem) {
        state.withLock { $0.inbox.append(item) }
        signal.signal()
    }

    /// Readable while the inbox is not empty.
    public var controlDescriptor: CInt { signal.descriptor }

    /// Takes what arrived.
    public func drainInbox(into items: inout [InboxItem], limit: Int) {
        _ = signal.clear()
        let (taken, rest) = state.withLock { state -> ([InboxItem], Bool) in
            let taken = Array(state.inbox.prefix(limit))
            state.inbox.removeFirst(taken.count)
            return (taken, !state.inbox.isEmpty)
        }
        items += taken
        if rest { signal.signal() }
    }

    /// Hands a message to the network; false when the plane is cut off.
    @discardableResult
    public func sendIKE(_ bytes: [UInt8], path: Path) -> Bool {
        let peer = state.withLock { state -> (@Sendable ([UInt8], Path) -> Void)? in
            state.sent += 1
            return state.isCut ? nil : state.peer
        }
        peer?(bytes, path)
        return peer != nil
    }

    /// Nobody needs it here.
    @discardableResult
    public func sendKeepalive(_ path: Path) -> Bool { true }

    /// Remembers a Child SA.
    public func install(_ parameters: ChildSAParameters, sendNow: Bool) throws(SABackendError) {
        state.withLock { $0.installed[parameters.inboundSPI] = Installed(parameters: parameters, sends: sendNow) }
    }

    /// Notes that traffic leaves by it.
    public func activateOutbound(_ inboundSPI: SPI) throws(SABackendError) {
        state.withLock { $0.installed[inboundSPI]?.sends = true }
    }

    /// Notes that none does any more.
    public func deactivateOutbound(_ inboundSPI: SPI) throws(SABackendError) {
        state.withLock { $0.installed[inboundSPI]?.sends = false }
    }

    /// Forgets a Child SA.
    public func remove(_ inboundSPI: SPI) {
        state.withLock { state in
            state.installed[inboundSPI] = nil
            state.counters[inboundSPI] = nil
            state.removed.append(inboundSPI)
        }
    }

    /// Paths are not looked at.
    public func updatePath(_ inboundSPI: SPI, path: Path, udpEncapsulation: Bool) throws(SABackendError) {
        state.withLock { state in
            state.installed[inboundSPI]?.parameters.path = path
            state.installed[inboundSPI]?.parameters.udpEncapsulation = udpEncapsulation
        }
    }

    /// What ``set(_:of:)`` gave, else zeros; nil for an unknown one.
    public func counters(_ inboundSPI: SPI) -> SACounters? {
        state.withLock { state in
            state.installed[inboundSPI] == nil ? nil : state.counters[inboundSPI] ?? SACounters()
        }
    }
}
