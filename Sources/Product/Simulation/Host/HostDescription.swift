import IKEMessage
import IKEv2
import IPsecTypes

/// What one host of a world is.
struct HostDescription {
    var name: String
    var identity: Identity
    /// Its own address, behind its NAT where it has one.
    var address: IPAddress
    var nat: NATBox?
    var configuration: IKEConfiguration
    /// What it keeps up; nil for a host that only answers.
    var connection: ConnectionConfiguration?
    /// Where its connection goes.
    var peer: IPAddress?
    /// The secret it signs or proves with; another one than the peer expects is a wrong credential.
    var secret: String
    /// How it takes part in EAP; nil for not at all.
    var eap: EAPDescription?
    /// How long answers to actions take.
    var answerLatency: ClosedRange<Duration> = .zero ... .zero
    /// Actions that fail, per mille.
    var answerFaults = 0
    /// Whether no key can be made, by script.
    var failsKeyExchange = false
    var sabotage: Sabotage?
    var clockSkewSeconds: Int64 = 0
    /// What it grants access to.
    var networks: IPPrefix = SimulatedWorld.servers
    /// Whether it grants transport mode, with itself, instead.
    var grantsTransport = false
    /// How long its grants last, by its civil clock.
    var leaseSeconds: Int64?
}

/// A bug planted in a host, to show that the checkers see it.
public enum Sabotage: String, Sendable, CaseIterable {
    /// A retransmitted request is handled as a new one.
    case retransmissionIsNew
    /// A new owner of an IKE SA goes on with the IV epoch of the old one.
    case reusedEpoch
    /// The old Child SA goes as soon as it is replaced.
    case oldSADropped
    /// One key bit of each Child SA differs.
    case wrongKey
    /// One side narrows to something else than it answered.
    case wrongSelectors
    /// Ephemeral private keys are never discarded.
    case keepsPrivateKeys
    /// What must wait for the peer is sent at once.
    case sendsEarly
    /// Child SAs are never removed.
    case keepsChildren
    /// The responder takes any signature.
    case trustsEveryone
    /// The host forgets to look at its deadlines.
    case ignoresDeadlines
    /// Addresses are never given back.
    case keepsLeases
    /// Conversations of EAP are never forgotten.
    case keepsConversations
}
