import CLinux
import ESP
import Glibc
import IPsecTypes
import PacketIO

/// What a worker needs of one Child SA, at a fixed address so that packets reach it without ARC.
///
/// The owning worker alone changes it. Other workers read `localSelectors` and `remoteSelectors`, which never change.
struct SASlot: ~Copyable {
    /// Events that go to the control plane once.
    struct Reports: OptionSet {
        let rawValue: UInt8
        static var soft: Reports { Reports(rawValue: 1) }
        static var hard: Reports { Reports(rawValue: 2) }
        static var firstInbound: Reports { Reports(rawValue: 4) }
    }

    let inboundSPI: SPI
    let localSelectors: SelectorSet
    let remoteSelectors: SelectorSet
    /// The resource ends that the session's rules allow, tagged with rule indices; nil where no rules are enforced.
    var rules: SelectorSet?

    var inbound: InboundSA
    var outbound: OutboundSA
    var inboundMeter: LifetimeMeter
    var outboundMeter: LifetimeMeter

    /// In transport mode: the header of what comes out. It never changes.
    let transport: TransportHeader?

    var local: PacketAddress
    var remote: PacketAddress
    var isEncapsulated: Bool
    /// The place of its socket among the worker's; -1 when none fits.
    var socket: Int16 = -1

    /// Whether the first authentic packet of the peer opens the way out, too.
    var sendsWhenHeard: Bool
    var reported: Reports = []
    /// The last new remote address that was reported, and when.
    var reportedRemote = PacketAddress()
    var reportedRemoteAt = Instant.zero
    let counters: UnsafeMutablePointer<UInt64>
}

/// An SA as control thread and workers share it: the slot's memory and its counters. Keys are wiped with the last
/// reference, which is dropped when the last worker has carried out the removal.
///
/// Unchecked Sendable: `slot` is initialised before the handle is handed to a worker, changed by the owning worker alone
/// and deinitialised when nobody holds the handle any more; the other fields never change.
final class SAHandle: @unchecked Sendable {
    let inboundSPI: SPI
    let outboundSPI: SPI
    let owner: UInt16
    let ruleIndices: [UInt32]
    /// Where packets for the peer's selectors are looked up.
    let prefixes: [PrefixKey]
    let counters: CounterBlock
    let slot: UnsafeMutablePointer<SASlot>

    /// Prefixes that the selectors of one SA may cover: a range of addresses takes up to 254.
    static let maximumPrefixes = 4096

    init(_ parameters: ChildSAParameters, owner: UInt16, rules: consuming SelectorSet?) throws(SABackendError) {
        let prefixes = PrefixKey.covering(parameters.remoteSelectors)
        guard prefixes.count <= Self.maximumPrefixes else {
            throw .limitReached("selectors cover \(prefixes.count) prefixes, at most \(Self.maximumPrefixes)")
        }
        let counters = CounterBlock(count: SACounterPlace.count)
        let made = try Self.makeSlot(parameters, rules: rules, counters: counters.words)
        inboundSPI = parameters.inboundSPI
        outboundSPI = parameters.outboundSPI
        ruleIndices = parameters.owner.ruleIndices
        self.owner = owner
        self.prefixes = prefixes
        self.counters = counters
        slot = .allocate(capacity: 1)
        slot.initialize(to: made)
    }

    deinit {
        slot.deinitialize(count: 1)
        explicit_bzero(slot, MemoryLayout<SASlot>.size)
        slot.deallocate()
    }

    private static func makeSlot(
        _ parameters: ChildSAParameters,
        rules: consuming SelectorSet?,
        counters: UnsafeMutablePointer<UInt64>
    ) throws(SABackendError) -> SASlot {
        do throws(ESPSetupError) {
            let inbound = try InboundSA(
                spi: parameters.inboundSPI,
                suite: parameters.suite,
                keys: parameters.inboundKeys,
                replayWindow: parameters.replayWindow
            )
            let outbound = try OutboundSA(
                spi: parameters.outboundSPI,
                suite: parameters.suite,
                keys: parameters.outboundKeys,
                ivEpoch: parameters.ivEpoch
            )
            return SASlot(
                inboundSPI: parameters.inboundSPI,
                localSelectors: SelectorSet(parameters.localSelectors),
                remoteSelectors: SelectorSet(parameters.remoteSelectors),
                rules: rules,
                inbound: inbound,
                outbound: outbound,
                inboundMeter: LifetimeMeter(parameters.lifetime),
                outboundMeter: LifetimeMeter(parameters.lifetime),
                transport: Self.transportHeader(parameters),
                local: PacketAddress(parameters.path.local),
                remote: PacketAddress(parameters.path.remote),
                isEncapsulated: parameters.udpEncapsulation,
                sendsWhenHeard: parameters.sendsWhenHeard,
                counters: counters
            )
        } catch {
            switch error {
            case .unsupportedSuite(let name): throw .unsupported(name)
            case .badKeyLength: throw .unsupported("keys that do not fit \(parameters.suite)")
            case .libcrypto: throw .system("libcrypto made no context for \(parameters.suite)")
            }
        }
    }

    /// The ends of transport mode are in the selectors, one address a side (``UserspaceDataplane`` has checked it).
    private static func transportHeader(_ parameters: ChildSAParameters) -> TransportHeader? {
        guard parameters.mode == .transport, let local = parameters.localSelectors.first?.addresses.first,
            let remote = parameters.remoteSelectors.first?.addresses.first
        else { return nil }
        return TransportHeader(local: local, remote: remote, original: parameters.originalAddresses)
    }

    /// What the counters say.
    var snapshot: SACounters {
        var result = SACounters()
        result.inboundPackets = counters.read(SACounterPlace.inboundPackets)
        result.inboundBytes = counters.read(SACounterPlace.inboundBytes)
        result.outboundPackets = counters.read(SACounterPlace.outboundPackets)
        result.outboundBytes = counters.read(SACounterPlace.outboundBytes)
        result.replayDrops = counters.read(SACounterPlace.replay)
        result.integrityDrops = counters.read(SACounterPlace.integrity)
        result.policyDrops = counters.read(SACounterPlace.policy)
        result.otherDrops = counters.read(SACounterPlace.other)
        let last = counters.read(SACounterPlace.lastInbound)
        result.lastInbound = last == 0 ? nil : Instant(nanoseconds: Int64(bitPattern: last))
        return result
    }
}
