import AdminAPI
import IPsecTypes
import Testing

private let operations: [AdminRequest.Operation] = [
    .status, .reload, .stop, .up(UpArguments()),
    .up(UpArguments(profilePath: "/p", name: "n", timeoutSeconds: 5, ownerProcess: 7, leaseSeconds: 60)),
    .down(name: nil), .down(name: "office"), .ping(name: "office", timeoutSeconds: 3),
    .wait(name: nil, timeoutSeconds: 30), .rekey(name: "s", ike: true), .closeSession(session: "01J"),
]

private func refusal(_ text: String) -> ErrorCode? {
    do throws(CulvertError) {
        _ = try AdminCoding.request(Array(text.utf8))
        return nil
    } catch {
        return error.code
    }
}

private func child() -> ChildStatus {
    var counters = SACounters()
    counters.inboundBytes = .max
    counters.lastInbound = Instant(nanoseconds: 5)
    return ChildStatus(
        name: "all",
        phase: "installed",
        inboundSPI: "c0000001",
        outboundSPI: "c0000002",
        suite: "aes256gcm esn",
        udpEncapsulation: true,
        localSelectors: ["10.0.0.0/8[tcp/443]"],
        remoteSelectors: ["10.99.0.2/32"],
        rules: ["r"],
        ageSeconds: 1.5,
        rekeySeconds: nil,
        counters: counters
    )
}

private func tunnel() -> TunnelStatus {
    TunnelStatus(
        id: "ike-7",
        connection: "office",
        phase: "established",
        localIdentity: "gw",
        remoteIdentity: "\u{1b}x",
        local: "192.0.2.1:4500",
        remote: "198.51.100.7:61022",
        transport: "udp4500",
        nat: true,
        suite: "x25519 aes256gcm prf-sha384",
        initiatorSPI: "01",
        responderSPI: "02",
        session: "01J",
        addresses: ["10.99.0.2"],
        dnsServers: [],
        subnets: [],
        establishedSeconds: 2,
        rekeySeconds: 3,
        notAfter: 4,
        idleSeconds: 0.25,
        rekeyings: 1,
        peer: ["serial": "9f"],
        children: [child()]
    )
}

@Test func everyRequestReadsBackAsItWasSent() throws {
    for operation in operations {
        let request = AdminRequest(operation)
        #expect(try AdminCoding.request(AdminCoding.encode(request)) == request)
    }
}

@Test func everyAnswerReadsBackAsItWasSent() throws {
    let agentTunnel = AgentTunnelStatus(
        name: "office",
        state: .waiting,
        gateway: "vpn",
        tunnel: tunnel(),
        routes: ["10.0.0.0/8"],
        setupMilliseconds: 12.5,
        lastError: CulvertError(.gatewayUnreachable, details: [("tried", "3")]),
        retrySeconds: 4
    )
    let gateway = GatewayStatus(
        name: "gw",
        version: "1",
        processID: 7,
        uptimeSeconds: 1,
        listening: ["udp 0.0.0.0:500"],
        interface: "culvert0",
        dataplane: "userspace",
        pools: [PoolStatus(prefix: "10.99.0.0/16", leased: 3)],
        sourceNAT: true,
        policy: PolicyStatus(
            file: "policy.yaml",
            loadedAt: 5,
            rules: [RuleStatus(name: "r", line: 4, packets: 1, bytes: .max)]
        ),
        halfOpen: 0,
        tunnels: [tunnel()],
        failures: [FailureStatus(at: 9, peer: "192.0.2.7:500", error: CulvertError(.noProposalChosen))],
        counters: ["drops": 1]
    )
    let agent = AgentStatus(
        name: "a",
        version: "1",
        processID: 7,
        uptimeSeconds: 1,
        interface: "culvert-agent0",
        dataplane: "userspace",
        tunnels: [agentTunnel],
        counters: [:]
    )
    let answers: [AdminResponse] = [
        .done("reloaded"), .gateway(gateway), .agent(agent), .tunnel(agentTunnel),
        .pong(name: "office", milliseconds: 1.5), .failed(CulvertError(.notRunning)),
    ]
    for answer in answers { #expect(try AdminCoding.response(AdminCoding.encode(answer)) == answer) }
}

@Test func equalMessagesGiveEqualBytes() {
    #expect(AdminCoding.encode(tunnel()) == AdminCoding.encode(tunnel()))
    #expect(String(decoding: AdminCoding.encode(tunnel()), as: UTF8.self).hasPrefix(#"{"addresses":["#))
    // JSON escapes what could steer a terminal that shows it raw.
    #expect(!AdminCoding.encode(tunnel()).contains(0x1b))
    #expect(!AdminCoding.pretty(tunnel()).utf8.contains(0x1b))
}

@Test func aRequestOfAnotherVersionIsRefusedByName() {
    #expect(refusal(#"{"version":2,"operation":{"status":{}}}"#) == .controlVersion)
    #expect(refusal(#"{"version":2,"operation":{"teleport":{}},"more":1}"#) == .controlVersion)
}

@Test func damagedRequestsAreRefusedAndNeverTrap() {
    for text in [
        "", "null", "{}", "[]", "{\"version\":1}", #"{"version":"1","operation":{"status":{}}}"#,
        #"{"version":1,"operation":{"teleport":{}}}"#, #"{"version":1,"operation":{"status":{},"stop":{}}}"#,
        #"{"version":1,"operation":{"ping":{"name":"a"}}}"#, String(repeating: "[", count: 100_000), "\u{0}",
    ] { #expect(refusal(text) == .controlRefused, "\(text.prefix(60))") }
    let valid = AdminCoding.encode(AdminRequest(.up(UpArguments(profilePath: "/p", name: "n"))))
    for position in valid.indices {
        var bytes = valid
        bytes[position] ^= 0x20
        _ = try? AdminCoding.request(bytes)
        _ = try? AdminCoding.request(Array(valid.prefix(position)))
        _ = try? AdminCoding.response(bytes)
    }
}
