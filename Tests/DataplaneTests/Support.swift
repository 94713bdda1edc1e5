import ESP
import Foundation
import IPsecTypes
import PacketIO
import Policy
import Testing

@testable import Dataplane

func address(_ text: String) -> IPAddress {
    guard let value = IPAddress(text) else { fatalError("not an address: \(text)") }
    return value
}

func selector(_ text: String, _ ipProtocol: UInt8 = 0, _ port: UInt16? = nil) -> TrafficSelector {
    guard let prefix = IPPrefix(text) else { fatalError("not a prefix: \(text)") }
    return TrafficSelector(ipProtocol: ipProtocol, ports: port.map { PortRange($0) } ?? .any, addresses: prefix.range)
}

/// SplitMix64: the same numbers for the same seed on every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

func internetChecksum(_ bytes: [UInt8]) -> UInt16 {
    var sum = 0
    for (place, byte) in bytes.enumerated() { sum += place % 2 == 0 ? Int(byte) * 256 : Int(byte) }
    while sum > 65535 { sum = sum / 65536 + sum % 65536 }
    return UInt16(65535 - sum)
}

func ipPacket(
    _ source: String,
    _ destination: String,
    ipProtocol: UInt8 = 17,
    payload: [UInt8] = udp(4000, 443),
    trafficClass: UInt8 = 0,
    fragmentField: UInt16 = 0
) -> [UInt8] {
    let (source, destination) = (address(source), address(destination))
    var writer = WireWriter()
    if source.family == .v4 {
        writer.writeUInt16(0x4500 | UInt16(trafficClass))
        writer.writeUInt16(UInt16(20 + payload.count))
        writer.writeUInt16(0x1234)
        writer.writeUInt16(fragmentField)
        writer.writeUInt16(0x4000 | UInt16(ipProtocol))
        writer.writeUInt16(0)
        writer.writeBytes(source.bytes + destination.bytes)
        writer.patchUInt16(internetChecksum(writer.bytes), at: 10)
    } else {
        writer.writeUInt32(0x6000_0000 | UInt32(trafficClass) << 20)
        writer.writeUInt16(UInt16(payload.count))
        writer.writeUInt16(UInt16(ipProtocol) << 8 | 64)
        writer.writeBytes(source.bytes + destination.bytes)
    }
    writer.writeBytes(payload)
    return writer.bytes
}

func udp(_ source: UInt16, _ destination: UInt16, _ data: [UInt8] = []) -> [UInt8] {
    var writer = WireWriter()
    for value in [source, destination, UInt16(8 + data.count), 0] { writer.writeUInt16(value) }
    writer.writeBytes(data)
    return writer.bytes
}

/// Both ends' parameters of one Child SA: the agent has 10.99.0.7 and fd00:99::7, the gateway's networks are 10.20.0.0/16
/// and 2001:db8:20::/48.
struct ChildPair {
    var suite = ESPSuite(encryption: .aesGCM16, keyBits: 256)
    var agentSPI = SPI(0x1000_0001)
    var gatewaySPI = SPI(0x2000_0001)
    var agentSelectors = [selector("10.99.0.7/32"), selector("fd00:99::7/128")]
    var gatewaySelectors = [selector("10.20.0.0/16"), selector("2001:db8:20::/48")]
    var agentEnd = Endpoint(address("198.51.100.7"), port: 4500)
    var gatewayEnd = Endpoint(address("203.0.113.9"), port: 4500)
    var encapsulation = true
    var lifetime = SALifetime()
    var rules: [UInt32] = []
    var seed: UInt8 = 1

    private func keys(_ start: UInt8) -> ESPKeys {
        let fill = { (count: Int, from: UInt8) in SecretBytes((0..<count).map { from &+ UInt8($0) }) }
        return ESPKeys(
            encryption: fill(suite.keyBits / 8, start),
            salt: fill(suite.encryption.saltLength, start &+ 9),
            integrity: fill(suite.integrity.keyLength ?? 0, start &+ 31)
        )
    }

    var agent: ChildSAParameters {
        ChildSAParameters(
            inboundSPI: agentSPI,
            outboundSPI: gatewaySPI,
            suite: suite,
            inboundKeys: keys(seed),
            outboundKeys: keys(seed &+ 100),
            path: Path(transport: .udp4500, local: agentEnd, remote: gatewayEnd),
            udpEncapsulation: encapsulation,
            localSelectors: agentSelectors,
            remoteSelectors: gatewaySelectors,
            lifetime: lifetime
        )
    }

    var gateway: ChildSAParameters {
        ChildSAParameters(
            inboundSPI: gatewaySPI,
            outboundSPI: agentSPI,
            suite: suite,
            inboundKeys: keys(seed &+ 100),
            outboundKeys: keys(seed),
            path: Path(transport: .udp4500, local: gatewayEnd, remote: agentEnd),
            udpEncapsulation: encapsulation,
            localSelectors: gatewaySelectors,
            remoteSelectors: agentSelectors,
            lifetime: lifetime,
            owner: ChildSAOwner(ruleIndices: rules)
        )
    }
}

/// A packet path with all it needs, without sockets.
struct Bench: ~Copyable {
    let inbox: ControlInbox
    let counters: CounterBlock
    let ruleCounters: CounterBlock
    let rules: RuleTable?
    var path: PacketPath
    let batch = PacketBatch(capacity: 64, room: 16384)
    let answers = PacketBatch(capacity: 64)
    var inner = PacketMerger(capacity: PacketPath.openedAtMost, kinds: [])

    init(
        rules: RuleTable? = nil,
        index: UInt16 = 0,
        handovers: [HandoverRings] = [],
        _ change: (inout PacketPath.Settings) -> Void = { _ in }
    ) throws {
        var settings = PacketPath.Settings()
        settings.index = index
        settings.sockets = [
            SocketPlace(role: .ike, address: .v4(0), port: 500), SocketPlace(role: .nat, address: .v4(0), port: 4500),
            SocketPlace(role: .nat, address: .v6(0, 0), port: 4500),
            SocketPlace(role: .rawESP, address: .v4(0), port: 0),
        ]
        change(&settings)
        inbox = try ControlInbox(messageBytes: 1 << 20)
        counters = CounterBlock(count: WorkerCounterPlace.count)
        ruleCounters = CounterBlock(count: 64 * RuleCounterPlace.count)
        self.rules = rules
        path = PacketPath(
            settings,
            inbox: inbox,
            counters: counters,
            ruleCounters: ruleCounters,
            handovers: handovers
        )
    }

    func makeHandle(_ parameters: ChildSAParameters, owner: UInt16 = 0) throws -> SAHandle {
        let table = rules
        return try SAHandle(
            parameters,
            owner: owner,
            rules: table.map { UserspaceDataplane.compile(parameters.owner.ruleIndices, $0) }
        )
    }

    @discardableResult
    mutating func install(_ parameters: ChildSAParameters, sendNow: Bool = true) throws -> SAHandle {
        let handle = try makeHandle(parameters)
        path.apply(.install(handle))
        if sendNow { path.apply(.activate(handle)) }
        return handle
    }

    /// Puts packets in at the TUN. Returns the ESP frames that leave.
    mutating func fromTUN(_ packets: [[UInt8]]) -> [Wire] {
        batch.removeAll()
        answers.removeAll()
        for packet in packets { _ = packet.withUnsafeBytes { batch.append($0) } }
        path.send(batch, answers: answers)
        return (0..<batch.count).map { Wire(bytes: Array(batch.bytes($0)), frame: batch[$0]) }
    }

    /// Puts datagrams in at a socket. Returns the inner packets that arrive at the TUN.
    mutating func fromNetwork(_ datagrams: [Wire], on role: SocketRole = .nat) -> [[UInt8]] {
        batch.removeAll()
        for datagram in datagrams {
            let tos = datagram.frame.tos
            let index = datagram.bytes.withUnsafeBytes {
                batch.append($0, to: datagram.frame.local, from: datagram.frame.remote, tos: tos)
            }
            if let index { batch[index].segmentSize = datagram.frame.segmentSize }
        }
        return receive(on: role)
    }

    /// Opens what the batch holds. Returns the inner packets.
    mutating func receive(on role: SocketRole) -> [[UInt8]] {
        var packets: [[UInt8]] = []
        var next = 0
        while next < batch.count {
            next = path.receive(batch, from: next, on: role, into: &inner)
            for index in 0..<inner.count { packets.append(Array(inner.packet(index).buffer)) }
            inner.removeAll()
        }
        return packets
    }

    var answered: [[UInt8]] { (0..<answers.count).map { Array(answers.bytes($0)) } }

    func drops(_ cause: DropCause) -> UInt64 { counters.read(WorkerCounterPlace.drops + cause.rawValue) }

    var allDrops: [DropCause: UInt64] {
        var result: [DropCause: UInt64] = [:]
        for cause in DropCause.allCases where drops(cause) > 0 { result[cause] = drops(cause) }
        return result
    }

    func items() -> [InboxItem] {
        var items: [InboxItem] = []
        inbox.drain(into: &items, limit: 1000)
        return items
    }

    var events: [SABackendEvent] {
        items().compactMap {
            if case .event(let event) = $0 { return event }
            return nil
        }
    }
}

/// A datagram on its way: `remote` is where it goes, `local` where it comes from.
struct Wire {
    var bytes: [UInt8]
    var frame: PacketFrame

    init(bytes: [UInt8], frame: PacketFrame) {
        self.bytes = bytes
        self.frame = frame
    }

    init(_ bytes: [UInt8], from: String = "198.51.100.7", port: UInt16 = 4500, tos: UInt8 = 0) {
        self.bytes = bytes
        frame = PacketFrame(slot: 0, start: 0)
        frame.local = PacketAddress(address(from), port: port)
        frame.remote = PacketAddress(address("203.0.113.9"), port: 4500)
        frame.tos = tos
    }
}
