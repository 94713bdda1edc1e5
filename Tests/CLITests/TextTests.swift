import AdminAPI
import IPsecTypes
import Testing

@testable import culvert

@Suite("What the command line prints")
struct TextTests {
    @Test func amountsReadAtAGlance() {
        #expect(Amounts.duration(0) == "0 s")
        #expect(Amounts.duration(119.9) == "119 s")
        #expect(Amounts.duration(150) == "2 min")
        #expect(Amounts.duration(12_000) == "3 h 20 min")
        #expect(Amounts.duration(10_800) == "3 h")
        #expect(Amounts.duration(800_000) == "9 d")
        #expect(Amounts.duration(.infinity) == "-")
        #expect(Amounts.bytes(999) == "999 B")
        #expect(Amounts.bytes(12_345) == "12.3 kB")
        #expect(Amounts.bytes(.max) == "18446.7 PB")
        #expect(Amounts.milliseconds(0.04) == "0.0 ms")
        #expect(Amounts.milliseconds(112.3) == "112 ms")
        #expect(Amounts.milliseconds(640) == "640 ms")
        #expect(Amounts.milliseconds(1234) == "1.23 s")
        #expect(Amounts.fixed(-0.05, digits: 2) == "-0.05")
        #expect(Amounts.fixed(2.005, digits: 1) == "2.0")
        #expect(Amounts.count(1, "rule") == "1 rule")
        #expect(Amounts.count(0, "rule") == "0 rules")
    }

    @Test func coloursComeOnlyToATerminalThatWantsThem() {
        #expect(TextStyle(isTerminal: true, environment: [:]).bold("a") == "\u{1b}[1ma\u{1b}[0m")
        #expect(TextStyle(isTerminal: false, environment: [:]).bold("a") == "a")
        #expect(TextStyle(isTerminal: true, environment: ["NO_COLOR": "1"]).bold("a") == "a")
        #expect(TextStyle(isTerminal: true, environment: ["TERM": "dumb"]).bold("a") == "a")
    }

    @Test func tablesAreColumnsOnATerminalAndTabsElsewhere() {
        let table = TextTable(headings: ["NAME", "STATE"], rows: [["runner1", "valid"], ["a\u{1b}[2J", "x"]])
        #expect(table.lines(.plain) == ["runner1\tvalid", "a\\u{1b}[2J\tx"])
        let terminal = TextStyle(isTerminal: true, environment: ["NO_COLOR": "1"])
        #expect(table.lines(terminal) == ["NAME        STATE", "runner1     valid", "a\\u{1b}[2J  x"])
    }

    @Test func whatAPeerChoseCannotSteerTheTerminal() {
        var failure = CulvertError(.authenticationFailed, "bad \u{1b}]0;x\u{7} peer")
        failure.details.append(.init("peer\n", "a\r\nb"))
        let tunnel = AgentTunnelStatus(
            name: "t\u{1b}[31m",
            state: .failed,
            gateway: "gw\u{202e}",
            routes: ["10.0.0.0/8\n"],
            lastError: failure
        )
        let text = StatusText(.plain).agentTunnel(tunnel)
        #expect(text.allSatisfy { $0.printable == $0 })
        #expect(text.first == "t\\u{1b}[31m  failed  gw\\u{202e}")
    }

    @Test func readyLinesShowIdentityGatewayPolicyAndAddress() {
        let lines = ReadyText.lines(Self.tunnel, totalMilliseconds: 640, .plain)
        #expect(
            lines == [
                "culvert  identity  runner1  01j.jobs.lab",
                "culvert  gateway   vpn.example.com  203.0.113.9:4500 udp4500 through NAT  x25519 aes256gcm  112 ms",
                "culvert  policy    -> 10.20.0.0/28[tcp/443]",
                "culvert  ready     10.99.0.2  total 640 ms",
            ]
        )
    }

    @Test func waitingNamesWhatItWaitsFor() {
        var tunnel = Self.tunnel
        tunnel.state = .connecting
        tunnel.tunnel = nil
        var status = AgentStatus(
            name: "agent",
            version: "1",
            processID: 1,
            uptimeSeconds: 1,
            interface: "t",
            dataplane: "userspace",
            tunnels: [tunnel],
            counters: [:]
        )
        #expect(UpCommand.progress(nil, nil) == "the agent is busy")
        #expect(UpCommand.progress(.agent(status), nil) == "vpn.example.com, no answer yet")
        #expect(UpCommand.progress(.agent(status), "other") == "connecting")
        status.tunnels[0].lastError = CulvertError(.gatewayUnreachable, "no answer from 203.0.113.9:500")
        #expect(UpCommand.progress(.agent(status), nil) == "vpn.example.com: no answer from 203.0.113.9:500")
    }

    @Test func statusNamesTheOffloadsInUseAndWhyOthersAreNot() {
        let status = AgentStatus(
            name: "agent",
            version: "1",
            processID: 1,
            uptimeSeconds: 1,
            interface: "t",
            dataplane: "userspace",
            tunnels: [],
            counters: [:],
            offloads: ["udp gro": "on", "tun tcp4": "on", "tun udp": "off: the kernel's TUN does not know it"]
        )
        let lines = StatusText(.plain).agent(status)
        #expect(lines.contains("  offloads   tun tcp4, udp gro; tun udp: off: the kernel's TUN does not know it"))
    }

    @Test func helpFlowsInParagraphsAndKeepsExamples() {
        let text = Help.flow("One\ntwo.\n\nExamples:\n  culvert a\n  culvert b\nEnd\nof it.")
        #expect(text == "One two.\n\nExamples:\n  culvert a\n  culvert b\nEnd of it.")
    }

    private static var tunnel: AgentTunnelStatus {
        let child = ChildStatus(
            name: "default",
            phase: "installed",
            inboundSPI: "00000001",
            outboundSPI: "00000002",
            suite: "aes256gcm",
            udpEncapsulation: true,
            localSelectors: ["10.99.0.2/32"],
            remoteSelectors: ["10.20.0.0/28[tcp/443]"],
            rules: [],
            ageSeconds: 1,
            rekeySeconds: nil,
            counters: SACounters()
        )
        let inner = TunnelStatus(
            id: "ike-1",
            connection: "runner1",
            phase: "established",
            localIdentity: "01j.jobs.lab",
            remoteIdentity: "vpn.example.com",
            local: "192.0.2.1:4500",
            remote: "203.0.113.9:4500",
            transport: "udp4500",
            nat: true,
            suite: "x25519 aes256gcm",
            initiatorSPI: "01",
            responderSPI: "02",
            session: "",
            addresses: ["10.99.0.2"],
            dnsServers: [],
            subnets: [],
            establishedSeconds: 1,
            rekeySeconds: nil,
            notAfter: nil,
            idleSeconds: nil,
            rekeyings: 0,
            peer: [:],
            children: [child]
        )
        return AgentTunnelStatus(
            name: "runner1",
            state: .up,
            gateway: "vpn.example.com",
            tunnel: inner,
            routes: ["10.20.0.0/28"],
            setupMilliseconds: 112
        )
    }
}
