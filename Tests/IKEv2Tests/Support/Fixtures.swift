import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes

let nameA = Identity.fqdn("a.example")
let nameB = Identity.fqdn("b.example")
let networkA = selector("10.1.0.0/16")
let networkB = selector("10.2.0.0/16")

func selector(_ text: String, _ ipProtocol: UInt8 = 0, _ ports: PortRange = .any) -> TrafficSelector {
    guard let prefix = IPPrefix(text) else { preconditionFailure("not a prefix: \(text)") }
    return TrafficSelector(ipProtocol: ipProtocol, ports: ports, addresses: prefix.range)
}

/// The stand-in for a certificate of an identity.
func certificate(_ identity: Identity) -> [UInt8] {
    SimulatedCryptoProvider.publicKey(Array(identity.description.utf8))
}

func child(
    _ name: String = "net",
    local: [TrafficSelector],
    remote: [TrafficSelector],
    proposals: [ESPProposal] = ESPProposal.offered
) -> ChildConfiguration {
    ChildConfiguration(name: name, proposals: proposals, localSelectors: local, remoteSelectors: remote)
}

/// Timers that leave a test alone: no liveness checks, rekeying in hours.
func quietTiming() -> ConnectionTiming {
    var timing = ConnectionTiming()
    timing.deadPeerDetection = nil
    return timing
}

func pskA() -> ConnectionConfiguration {
    ConnectionConfiguration(
        name: "ab",
        localIdentity: nameA,
        remoteIdentity: .oneOf([nameB]),
        localAuthentication: .preSharedKey(KeyID("psk")),
        remoteAuthentication: .preSharedKey(KeyID("psk")),
        children: [child(local: [networkA], remote: [networkB])],
        timing: quietTiming()
    )
}

func pskB() -> ConnectionConfiguration {
    ConnectionConfiguration(
        name: "ba",
        localIdentity: nameB,
        remoteIdentity: .oneOf([nameA]),
        localAuthentication: .preSharedKey(KeyID("psk")),
        remoteAuthentication: .preSharedKey(KeyID("psk")),
        ikeProposals: IKEProposal.accepted,
        children: [child(local: [networkB], remote: [networkA], proposals: ESPProposal.accepted)],
        timing: quietTiming()
    )
}

func certificateA() -> ConnectionConfiguration {
    var connection = pskA()
    connection.localAuthentication = .certificate(chain: [certificate(nameA)], key: KeyID(nameA.description))
    connection.remoteAuthentication = .certificate(authorityKeyHashes: [[UInt8](repeating: 7, count: 20)])
    return connection
}

func certificateB() -> ConnectionConfiguration {
    var connection = pskB()
    connection.localAuthentication = .certificate(chain: [certificate(nameB)], key: KeyID(nameB.description))
    connection.remoteAuthentication = .certificate(authorityKeyHashes: [[UInt8](repeating: 7, count: 20)])
    connection.remoteIdentity = .any
    return connection
}

/// A pair with an established IKE SA and one Child SA. Grants of B are exactly its network and A's.
func establishedPair(
    _ left: ConnectionConfiguration = pskA(),
    _ right: ConnectionConfiguration = pskB(),
    seed: UInt64 = 1
) -> Pair {
    let pair = Pair(left, right, seed: seed)
    pair.b.authorizer = { _ in
        .allow(
            AuthorizationGrant(
                owner: ChildSAOwner(session: "s1", ruleIndices: [3]),
                localSelectors: [networkB],
                remoteSelectors: [networkA]
            )
        )
    }
    pair.initiate(left)
    pair.settle()
    return pair
}
