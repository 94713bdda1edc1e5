import IKEMessage
import IKEv2
import IPsecTypes

/// The hosts of a scenario: one gateway and its agents.
extension Scenario {
    static let gatewayName = "gateway.example"
    static let preSharedKey = "4b1d5eedc0ffee5a1ad0badcab1e00ff"

    var gatewayAddress: IPAddress { usesIPv6 ? .v6(0x2001_0DB8_0000_0001, 1) : .v4(0xC633_6401) }

    func agentName(_ number: Int) -> String { "agent\(number).example" }

    /// EAP names its peers by octets, whatever they are.
    private func agentIdentity(_ number: Int) -> Identity {
        proofs.endsWithEAP ? .keyID(Array(agentName(number).utf8)) : .fqdn(agentName(number))
    }

    private func agentAddress(_ number: Int) -> IPAddress {
        if nat != nil { return .v4(0xC0A8_0100 + UInt32(number) + 1) }
        return usesIPv6 ? .v6(0x2001_0DB8_0000_0002, UInt64(number) + 1) : .v4(0xC000_0200 + UInt32(number) + 10)
    }

    func gateway() -> HostDescription {
        var connection = connection(
            local: .fqdn(Self.gatewayName),
            remote: credentials == .certificate ? .any : .oneOf((0..<agents).map(agentIdentity)),
            children: [child(0, isAgent: false, number: 0)]
        )
        addProofsOfGateway(&connection)
        var gateway = HostDescription(
            name: "gateway",
            identity: .fqdn(Self.gatewayName),
            address: gatewayNAT ? .v4(0x0A00_0002) : gatewayAddress,
            nat: gatewayNAT
                ? NATBox(outside: gatewayAddress, behaviour: NATBehaviour(), seed: seed, forwards: [500, 4500]) : nil,
            configuration: configuration([connection]),
            secret: credentials == .certificate ? Self.gatewayName : Self.preSharedKey,
            eap: eap,
            answerLatency: answerLatency,
            answerFaults: answerFaults
        )
        gateway.grantsTransport = transport
        return gateway
    }

    func agent(_ number: Int) -> HostDescription {
        let name = agentName(number)
        var connection = connection(
            local: agentIdentity(number),
            remote: .oneOf([.fqdn(Self.gatewayName)]),
            children: (0..<children).map { child($0, isAgent: true, number: number) }
        )
        addProofsOfAgent(&connection)
        if virtualAddresses { connection.requestedAddresses = [.v4] }
        if refusesFirstMethod { connection.ikeProposals = [proposal([.ecp384, .x25519])] }
        let nat = nat.map {
            NATBox(
                outside: .v4(0xCB00_7100 + UInt32(sharesNAT ? 0 : number) + 1),
                behaviour: $0,
                seed: seed &+ UInt64(number)
            )
        }
        let secret = credentials == .certificate ? name : Self.preSharedKey
        return HostDescription(
            name: "agent\(number)",
            identity: agentIdentity(number),
            address: agentAddress(number),
            nat: nat,
            configuration: configuration([connection]),
            connection: connection,
            peer: gatewayAddress,
            secret: strangers && number == 0 ? "mallory" : secret,
            eap: EAPDescription(
                password: strangers && number == 0 ? "guess" : EAPDescription.password(of: name),
                questions: eap.questions,
                padding: eap.padding
            ),
            answerLatency: answerLatency,
            answerFaults: answerFaults,
            clockSkewSeconds: Int64(number) * 17
        )
    }

    private func configuration(_ connections: [ConnectionConfiguration]) -> IKEConfiguration {
        var limits = IKELimits()
        if demandsCookies { limits.cookieThreshold = cookieThreshold }
        if let cookieSecretLifetime { limits.cookieSecretLifetime = cookieSecretLifetime }
        if let cookieDemandMemory { limits.cookieDemandMemory = cookieDemandMemory }
        if demandsPuzzles {
            limits.puzzleThreshold = 0
            limits.puzzleDifficulty = 3...5
            limits.authPuzzleThreshold = 0
        }
        return IKEConfiguration(connections: connections, limits: limits)
    }

    private func proposal(_ methods: [KeyExchangeMethod]) -> IKEProposal {
        IKEProposal(
            ciphers: [cipher],
            prfs: [.hmacSHA256],
            integrities: cipher.algorithm.isAEAD ? [] : [.hmacSHA256_128],
            keyExchanges: methods,
            additionalKeyExchanges: additional
        )
    }

    private func ppkSettings(isGateway: Bool) -> PPKSettings? {
        ppk.map { ppk in
            let name = ppk.isUnknown && !isGateway ? "another" : "simulated"
            return PPKSettings(
                entries: [.init(identifier: Array(name.utf8), key: KeyID(SimulatedHost.ppkName))],
                isRequired: isGateway ? ppk.gatewayRequires : ppk.agentsRequire
            )
        }
    }

    private func connection(
        local: Identity,
        remote: RemoteIdentity,
        children: [ChildConfiguration]
    ) -> ConnectionConfiguration {
        let key = KeyID("key")
        let chain = [
            SimulatedHost.certificate(of: SimulatedHost.text(of: local) ?? "", bytes: certificateBytes),
            SimulatedHost.certificate(of: "authority.example", bytes: certificateBytes / 2),
        ]
        var timing: ConnectionTiming = site ? .site : ConnectionTiming()
        timing.ikeRekey = ikeRekey
        var connection = ConnectionConfiguration(
            name: "tunnel",
            localIdentity: local,
            remoteIdentity: remote,
            localAuthentication: credentials == .certificate
                ? .certificate(chain: chain, key: key) : .preSharedKey(key),
            remoteAuthentication: credentials == .certificate
                ? .certificate(authorityKeyHashes: [Array(repeating: 7, count: 20)]) : .preSharedKey(key),
            ikeProposals: [proposal([.x25519])],
            children: children,
            fragmentation: fragments,
            fragmentBytes: fragmentBytes,
            timing: timing
        )
        connection.ppk = ppkSettings(isGateway: local == .fqdn(Self.gatewayName))
        // With it, every IKE SA that stands has them: nothing on the path may talk them away.
        connection.requiresPostQuantum = !additional.isEmpty
        return connection
    }

    /// Child `index`, as the agent asks for it or the gateway accepts it.
    func child(_ index: Int, isAgent: Bool, number: Int) -> ChildConfiguration {
        let servers = isAgent ? IPRange(SimulatedWorld.server(index)) : SimulatedWorld.servers.range
        let client = TrafficSelector(addresses: IPRange(SimulatedWorld.lease(UInt32(number))))
        let near = virtualAddresses ? [] : [client]
        var child = ChildConfiguration(
            name: isAgent ? "child\(index)" : "grant",
            proposals: [
                ESPProposal(
                    ciphers: [cipher],
                    integrities: cipher.algorithm.isAEAD ? [] : [.hmacSHA256_128],
                    keyExchanges: [.x25519],
                    additionalKeyExchanges: Array(additional.prefix(1))
                )
            ],
            localSelectors: isAgent ? near : [TrafficSelector(addresses: servers)],
            remoteSelectors: isAgent ? [TrafficSelector(addresses: servers)] : [.everything(.v4)],
            lifetime: SALifetime(softPackets: packetLimit, hardPackets: packetLimit.map { $0 * 100 }),
            rekey: childRekey,
            hard: childHard
        )
        if transport, isAgent { (child.mode, child.localSelectors, child.remoteSelectors) = (.transport, [], []) }
        return child
    }
}
