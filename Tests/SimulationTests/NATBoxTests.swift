import IPsecTypes
import Testing

@testable import Simulation

/// The NAT of the simulation behaves as RFC 4787 describes its kinds.
struct NATBoxTests {
    private static let inside = Endpoint(.v4(0x0A00_0005), port: 4500)
    private static let near = Endpoint(.v4(0xC000_0201), port: 4500)
    private static let samePlace = Endpoint(.v4(0xC000_0201), port: 500)
    private static let far = Endpoint(.v4(0xC000_0202), port: 4500)
    private static let outside = IPAddress.v4(0xCB00_7101)

    private func box(_ behaviour: NATBehaviour, forwards: [UInt16] = []) -> NATBox {
        NATBox(outside: Self.outside, behaviour: behaviour, seed: 3, forwards: forwards)
    }

    /// The port that a packet leaves from.
    private func leave(_ box: inout NATBox, _ source: Endpoint, _ destination: Endpoint, at seconds: Int = 0) -> UInt16?
    {
        box.outward(packet(source, destination), now: .zero + .seconds(seconds))?.source.port
    }

    private func packet(_ source: Endpoint, _ destination: Endpoint) -> SimulatedPacket {
        SimulatedPacket(carrier: .udp, source: source, destination: destination, payload: [0], sentAt: .zero)
    }

    @Test(arguments: NATBehaviour.Dependence.allCases)
    func mappingsAreSharedAsTheKindSays(_ mapping: NATBehaviour.Dependence) {
        var box = box(NATBehaviour(mapping: mapping))
        let ports = [Self.near, Self.samePlace, Self.far].map { leave(&box, Self.inside, $0) }
        #expect((ports[0] == ports[1]) == (mapping != .addressAndPortDependent))
        #expect((ports[0] == ports[2]) == (mapping == .endpointIndependent))
    }

    @Test(arguments: NATBehaviour.Dependence.allCases)
    func filtersLetInWhomTheKindAllows(_ filtering: NATBehaviour.Dependence) throws {
        var box = box(NATBehaviour(filtering: filtering))
        let port = try #require(leave(&box, Self.inside, Self.near))
        func passes(_ source: Endpoint) -> Bool {
            box.inward(packet(source, Endpoint(Self.outside, port: port)), now: .zero)?.destination == Self.inside
        }
        #expect(passes(Self.near))
        #expect(passes(Self.samePlace) == (filtering != .addressAndPortDependent))
        #expect(passes(Self.far) == (filtering == .endpointIndependent))
    }

    @Test func portsArePreservedWhileNobodyElseHasThem() throws {
        var box = box(NATBehaviour(ports: .preserved))
        let other = Endpoint(.v4(0x0A00_0006), port: 4500)
        #expect(leave(&box, Self.inside, Self.near) == 4500)
        #expect(leave(&box, other, Self.near) != 4500)
    }

    @Test func mappingsEndInTimeAndWithARestartButForwardedPortsStay() throws {
        var box = box(NATBehaviour(ports: .random, lifetime: .seconds(30)), forwards: [500])
        box.forward(to: Self.inside.address)
        let port = try #require(leave(&box, Self.inside, Self.near))
        let back = packet(Self.near, Endpoint(Self.outside, port: port))
        #expect(box.inward(back, now: .zero + .seconds(30)) != nil)
        #expect(box.inward(back, now: .zero + .seconds(31)) == nil)
        let again = try #require(leave(&box, Self.inside, Self.near, at: 40))
        #expect(again != port)
        box.reboot()
        #expect(box.inward(packet(Self.near, Endpoint(Self.outside, port: again)), now: .zero + .seconds(40)) == nil)
        let forwarded = packet(Self.far, Endpoint(Self.outside, port: 500))
        #expect(box.inward(forwarded, now: .zero + .seconds(9999)) != nil)
        #expect(leave(&box, Endpoint(Self.inside.address, port: 500), Self.far) == 500)
    }

    @Test(arguments: [true, false]) func hairpinsAreTakenOnlyWhereTheKindHasThem(_ hairpins: Bool) throws {
        var box = box(NATBehaviour(filtering: .endpointIndependent, hairpins: hairpins))
        let port = try #require(leave(&box, Self.inside, Self.near))
        let other = Endpoint(.v4(0x0A00_0006), port: 4500)
        let sent = box.outward(packet(other, Endpoint(Self.outside, port: port)), now: .zero)
        let arrived = try box.inward(#require(sent), now: .zero)
        #expect((arrived?.destination == Self.inside) == hairpins)
    }
}
