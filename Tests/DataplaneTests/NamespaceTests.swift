import Foundation
import Glibc
import IPsecTypes
import PacketIO
import Testing

@testable import Dataplane

@Suite(.serialized, .enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
struct NamespaceTests {
    @Test func allFourCombinationsCarryPingsInUDPAndRaw() throws {
        let lab = try Lab()
        var number: UInt32 = 0
        for outer in IPAddress.Family.allCases {
            for encapsulation in [true, false] {
                number += 1
                let child = lab.child(number, outer: outer, encapsulation: encapsulation)
                try lab.agent.install(child.agent, sendNow: true)
                try lab.gateway.install(child.gateway, sendNow: true)
                for target in ["10.20.0.3", "2001:db8:20::3"] {
                    // A call takes effect when the worker comes to it. IKE's own messages wait for that; a ping does not.
                    _ = try lab.inAgent("ping -n -q -c 3 -i 0.1 -W 2 \(target)", mayFail: true)
                    let output = try lab.inAgent("ping -n -q -c 20 -i 0.005 -W 2 \(target)", mayFail: true)
                    #expect(output.contains(" 0% packet loss"), "\(target) in \(outer), \(encapsulation): \(output)")
                }
                let counters = try #require(lab.gateway.counters(child.gatewaySPI))
                #expect(counters.inboundPackets >= 40 && counters.outboundPackets >= 40)
                #expect(counters.lastInbound != nil)
                lab.agent.remove(child.agentSPI)
                lab.gateway.remove(child.gatewaySPI)
                #expect(lab.gateway.counters(child.gatewaySPI) == nil)
            }
        }
        let statistics = lab.gateway.statistics()
        #expect(statistics.drops[.unknownSPI] == nil && statistics.drops[.notAuthentic] == nil)
        #expect(lab.gateway.failure == nil)
    }

    @Test(arguments: [true, false])
    func runsOfDatagramsPassWithOffloadsAndWithout(wanted: Bool) throws {
        let lab = try Lab { if !wanted { $0.offloads = .none } }
        let child = lab.child(1)
        try lab.agent.install(child.agent, sendNow: true)
        try lab.gateway.install(child.gateway, sendNow: true)
        _ = try lab.inAgent("ping -n -q -c 3 -i 0.1 -W 2 10.20.0.3", mayFail: true)
        let receiver = try Lab.inside(lab.gatewaySpace) {
            try UDPSocket(bind: Endpoint(address("10.20.0.3"), port: 9000))
        }
        let sender = try Lab.inside(lab.agentSpace) { try UDPSocket(bind: Endpoint(address("10.99.0.7"), port: 0)) }
        let batch = PacketBatch(capacity: 64)
        let to = PacketAddress(address("10.20.0.3"), port: 9000)
        let sent = (0..<40).map { [UInt8](repeating: UInt8($0), count: $0 == 39 ? 7 : 1000) }
        for datagram in sent { _ = datagram.withUnsafeBytes { batch.append($0, to: to) } }
        #expect(sender.send(batch, 0..<40).taken == 40)
        var got: [[UInt8]] = []
        for _ in 0..<100 where got.count < 40 {
            usleep(10_000)
            for index in 0..<(try receiver.receive(into: batch)) { got.append(Array(batch.bytes(index))) }
        }
        #expect(got == sent)
        let (from, into) = (lab.agent.statistics(), lab.gateway.statistics())
        #expect(from.traffic.outboundPackets >= 43 && into.traffic.inboundPackets >= 43)
        guard wanted else {
            #expect(from.superPackets == 0 && into.mergedReceives == 0 && into.mergedWrites == 0)
            #expect(lab.gateway.offloads["udp gro"] == "off: not wanted")
            return
        }
        #expect(lab.gateway.offloads["udp gro"] == "on" && lab.agent.offloads["udp segment"] == "on")
        // The kernel of Linux 6.2 and later knows all of them.
        guard lab.agent.offloads["tun udp"] == "on" else { return }
        #expect(from.superPackets >= 1 && into.mergedReceives >= 1 && into.mergedWrites >= 1)
    }

    @Test func rekeyingUnderTrafficLosesNothing() throws {
        let lab = try Lab()
        var current = lab.child(1)
        try lab.agent.install(current.agent, sendNow: true)
        try lab.gateway.install(current.gateway, sendNow: true)
        let report = "/tmp/\(lab.agentSpace).ping"
        defer { unlink(report) }
        try shell("ip netns exec \(lab.agentSpace) ping -n -q -c 1000 -i 0.002 -W 2 10.20.0.3 > \(report) 2>&1 &")
        for number in 2...20 as ClosedRange<UInt32> {
            let next = lab.child(number)
            // The responder accepts on the new SA before the initiator uses it, and sends when it has seen it used.
            try lab.gateway.install(next.gateway, sendNow: false)
            try lab.agent.install(next.agent, sendNow: true)
            usleep(50_000)
            try lab.gateway.activateOutbound(next.gatewaySPI)
            try lab.agent.deactivateOutbound(current.agentSPI)
            try lab.gateway.deactivateOutbound(current.gatewaySPI)
            usleep(50_000)
            lab.agent.remove(current.agentSPI)
            lab.gateway.remove(current.gatewaySPI)
            current = next
        }
        var output = ""
        for _ in 0..<100 where !output.contains("packet loss") {
            usleep(50_000)
            output = (try? String(contentsOfFile: report, encoding: .utf8)) ?? ""
        }
        #expect(output.contains("1000 packets transmitted, 1000 received"), "\(output)")
        for dataplane in [lab.agent, lab.gateway] { #expect(dataplane.statistics().drops[.unknownSPI] == nil) }
        let events = Lab.items(lab.gateway, count: 20)
        #expect(events.contains(.event(.firstInbound(inboundSPI: current.gatewaySPI))))
    }

    @Test func ikeTravelsOnBothPortsAndLeavesByTheSame() throws {
        let lab = try Lab()
        let message = (0..<1000).map { UInt8(truncatingIfNeeded: $0 | 1) }
        let long = (0..<9000).map { UInt8(truncatingIfNeeded: $0 | 1) }
        let there500 = Path(
            transport: .udp500,
            local: Endpoint(Lab.agent4, port: 500),
            remote: Endpoint(Lab.gateway4, port: 500)
        )
        let there4500 = Path(
            transport: .udp4500,
            local: Endpoint(.v6(0, 0), port: 4500),
            remote: Endpoint(Lab.gateway6, port: 4500)
        )
        #expect(lab.agent.sendIKE(message, path: there500))
        #expect(Lab.items(lab.gateway, count: 1) == [.ike(bytes: message, path: there500.reversed)])
        #expect(lab.agent.sendIKE(long, path: there4500))
        let seen = Path(
            transport: .udp4500,
            local: Endpoint(Lab.gateway6, port: 4500),
            remote: Endpoint(Lab.agent6, port: 4500)
        )
        #expect(Lab.items(lab.gateway, count: 1) == [.ike(bytes: long, path: seen)])
        // The answer goes back the way the request came.
        #expect(lab.gateway.sendIKE(message, path: seen))
        #expect(Lab.items(lab.agent, count: 1) == [.ike(bytes: message, path: seen.reversed)])
        #expect(lab.agent.sendKeepalive(there4500))
        for _ in 0..<100 where lab.gateway.statistics().keepalivesReceived == 0 { usleep(10_000) }
        #expect(lab.gateway.statistics().keepalivesReceived == 1)
        #expect(!lab.agent.sendIKE(message, path: Path(transport: .tcp, local: seen.remote, remote: seen.local)))
    }

    @Test func hostsLearnTheTunnelsMTUByICMP() throws {
        let lab = try Lab()
        let child = lab.child(1)
        try lab.agent.install(child.agent, sendNow: true)
        try lab.gateway.install(child.gateway, sendNow: true)
        // With a link MTU above the tunnel's, the kernel leaves the answer to us.
        try shell("ip -n \(lab.agentSpace) link set cvt0 mtu 1500")
        let four = try lab.inAgent("ping -n -c 3 -i 0.05 -W 1 -M do -s 1400 10.20.0.3", mayFail: true)
        #expect(four.contains("mtu = 1380") || four.contains("mtu=1380"), "\(four)")
        let six = try lab.inAgent("ping -n -c 3 -i 0.05 -W 1 -M do -s 1400 2001:db8:20::3", mayFail: true)
        #expect(six.contains("mtu=1380") || six.contains("mtu: 1380") || six.contains("mtu = 1380"), "\(six)")
        let stray = try lab.inAgent(
            "sh -c 'ip route add 10.30.0.0/16 dev cvt0 src 10.99.0.7; ping -n -c 1 -W 1 10.30.0.1'",
            mayFail: true
        )
        #expect(stray.contains("Packet filtered"), "\(stray)")
    }

    @Test func severalWorkersShareTheSAsByHandingOver() throws {
        let lab = try Lab { $0.workers = 3 }
        for number in 1...6 as ClosedRange<UInt32> {
            let child = lab.child(number)
            try lab.agent.install(child.agent, sendNow: true)
            try lab.gateway.install(child.gateway, sendNow: true)
            for target in ["10.20.0.3", "2001:db8:20::3"] {
                let output = try lab.inAgent("ping -n -q -c 20 -i 0.005 -W 2 \(target)", mayFail: true)
                #expect(output.contains(" 0% packet loss"), "\(target): \(output)")
            }
        }
        #expect(lab.agent.statistics().traffic.inboundPackets >= 240)
        #expect(lab.agent.statistics().drops[.handover] == nil)
    }

    @Test func deletedInterfaceIsReported() throws {
        let lab = try Lab()
        #expect(lab.agent.interfaceName == "cvt0")
        #expect(lab.agent.ports?.ike == 500 && lab.agent.ports?.nat == 4500)
        try shell("ip -n \(lab.agentSpace) link del cvt0")
        for _ in 0..<100 where lab.agent.failure == nil { usleep(10_000) }
        #expect(lab.agent.failure != nil)
    }

    @Test func takenPortIsNamedAndNothingStaysOpen() throws {
        let lab = try Lab()
        let second = try UserspaceDataplane(DataplaneConfiguration(tunName: "cvt1"), rules: nil)
        #expect(throws: IOFailure.self) { try Lab.inside(lab.agentSpace) { try second.start() } }
        let links = try shell("ip -n \(lab.agentSpace) -br link")
        #expect(!links.contains("cvt1"), "\(links)")
    }
}
