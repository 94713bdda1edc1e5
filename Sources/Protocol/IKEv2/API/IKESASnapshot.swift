import IKECrypto
import IKEMessage
import IPsecTypes

/// An established IKE SA and what the control plane knows of its Child SAs, as plain values (law 5). The Child SAs' own keys
/// are in the data plane and travel with its state.
///
/// It holds the keys of the IKE SA: whoever stores it, encrypts it. Times are durations, because the monotonic clocks of
/// two machines share no origin.
public struct IKESASnapshot: Sendable {
    /// The layout this code writes; others are refused.
    public static let currentVersion = 3

    /// The layout of this value.
    public let version: Int
    /// The IKE SA's identifier at its owner.
    public let id: IKESAID
    /// Our SPI, which tells node and shard.
    public let localSPI: IKESPI
    /// The epoch its owner seals with; a new owner must have another.
    public let ivEpoch: UInt16
    /// The connection's name.
    public var connectionName: String { connection.name }
    /// Inbound SPIs of the Child SAs, oldest first.
    public var childSPIs: [SPI] { children.map(\.inboundSPI) }

    let remoteSPI: IKESPI
    let isInitiator: Bool
    let connection: ConnectionConfiguration
    let path: Path
    let suite: IKESuite
    let keys: IKEKeys
    let supportsFragments: Bool
    let nat: NATState
    let mobility: Mobility
    let nextRequestID: UInt32
    let outstanding: Outstanding?
    let expectedRequestID: UInt32
    let lastTag: [UInt8]
    let lastResponse: [[UInt8]]
    let tasks: [ExchangeTask]
    let children: [Child]
    let remoteIdentity: Identity?
    let peer: VerifiedPeer?
    let grant: AuthorizationGrant?
    let authorizesPeer: Bool
    let configuration: ReceivedConfiguration
    let notAfter: WallTime?
    let age: Duration
    let rekeyIn: Duration?
    let hardIn: Duration?
    let rekeyings: Int
    let returning: ReturnState
    let reauthenticateIn: Duration?
    let supersededIn: Duration?

    /// A request of ours that waits for its response. It is sent again with the same bytes.
    struct Outstanding: Sendable {
        enum Kind: Sendable {
            case deleteChildren([SPI])
            case probe
            case mobility(MobilityExchange)
        }

        var kind: Kind
        var messageID: UInt32
        var datagrams: [[UInt8]]
        var detour: Path?
        var ways: [Path]
    }

    /// A Child SA.
    struct Child: Sendable {
        var inboundSPI: SPI
        var outboundSPI: SPI
        var configuration: ChildConfiguration
        var suite: ESPSuite
        var mode: ChildSAParameters.Mode
        var originalAddresses: OriginalAddresses?
        var localSelectors: [TrafficSelector]
        var remoteSelectors: [TrafficSelector]
        var owner: ChildSAOwner
        var age: Duration
        var phase: ChildSA.Phase
        var udpEncapsulation: Bool
        var outboundActive: Bool
        var rekeyIn: Duration?
        var hardIn: Duration?
        var removeIn: Duration?
        var deleteSent: Bool
        var awaitsConfirmation: Bool
        var isRemoved: Bool
        var closeReason: CloseReason?
        var peerRekeying: PeerChildRekeying?
    }
}
