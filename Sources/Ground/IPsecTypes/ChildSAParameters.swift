/// The keys of one direction of a Child SA (RFC 7296 §2.17).
public struct ESPKeys: Sendable {
    /// The cipher key, without salt.
    public var encryption: SecretBytes
    /// The salt of an AEAD (4 bytes); empty otherwise.
    public var salt: SecretBytes
    /// The integrity key; empty beside an AEAD.
    public var integrity: SecretBytes

    /// Makes a set of keys; lengths must fit the suite they are used with.
    public init(encryption: SecretBytes, salt: SecretBytes, integrity: SecretBytes) {
        self.encryption = encryption
        self.salt = salt
        self.integrity = integrity
    }
}

/// When an SA is to be replaced (soft) and when it must not be used any more (hard).
public struct SALifetime: Hashable, Sendable, Codable {
    /// Bytes after which the backend reports a soft expiry; nil for never.
    public var softBytes: UInt64?
    /// Bytes after which nothing is sealed any more.
    public var hardBytes: UInt64?
    /// Packets after which the backend reports a soft expiry.
    public var softPackets: UInt64?
    /// Packets after which nothing is sealed any more.
    public var hardPackets: UInt64?

    /// Makes a lifetime; every limit may be absent.
    public init(
        softBytes: UInt64? = nil,
        hardBytes: UInt64? = nil,
        softPackets: UInt64? = nil,
        hardPackets: UInt64? = nil
    ) {
        self.softBytes = softBytes
        self.hardBytes = hardBytes
        self.softPackets = softPackets
        self.hardPackets = hardPackets
    }
}

/// Who a Child SA belongs to (law 6): the session, the grant, the rules that its packets are checked against, the tenant.
public struct ChildSAOwner: Hashable, Sendable, Codable {
    /// The session's identifier, empty when there is none (an agent's own side).
    public var session: String
    /// The grant this child carries; one child a grant.
    public var grant: String
    /// The policy rule that allowed it, by index into the running rule table.
    public var ruleIndices: [UInt32]
    /// The tenant.
    public var tenant: String

    /// Makes an owner.
    public init(session: String = "", grant: String = "default", ruleIndices: [UInt32] = [], tenant: String = "default")
    {
        self.session = session
        self.grant = grant
        self.ruleIndices = ruleIndices
        self.tenant = tenant
    }
}

/// The ends of a transport mode SA as the peer knows them: its own address, and ours as it sees it. They differ from those
/// that we see where a NAT is on the way, and TCP and UDP checksums are made with them (RFC 7296 §2.23.1, RFC 3948 §3.1.2).
public struct OriginalAddresses: Hashable, Sendable, Codable {
    /// Our address as the peer sends to it.
    public var local: IPAddress
    /// The peer's own address.
    public var remote: IPAddress

    /// Makes a pair.
    public init(local: IPAddress, remote: IPAddress) {
        self.local = local
        self.remote = remote
    }
}

/// All that a data plane needs to know of a Child SA: plain values, so that userspace, kernel, simulator or another node
/// can stand behind ``SABackend`` (law 4).
public struct ChildSAParameters: Sendable {
    /// Tunnel or transport mode.
    public enum Mode: String, Sendable, Codable {
        /// RFC 4303 tunnel mode.
        case tunnel
        /// RFC 4303 transport mode.
        case transport
    }

    /// The SPI the peer writes into packets for us. It names the SA in every later call.
    public var inboundSPI: SPI
    /// The SPI we write into packets for the peer.
    public var outboundSPI: SPI
    /// The algorithms.
    public var suite: ESPSuite
    /// Keys for what we receive.
    public var inboundKeys: ESPKeys
    /// Keys for what we send.
    public var outboundKeys: ESPKeys
    /// Outer addresses and transport.
    public var path: Path
    /// Whether ESP goes in UDP (RFC 3948) rather than as IP protocol 50.
    public var udpEncapsulation: Bool
    /// Tunnel or transport.
    public var mode: Mode
    /// With transport mode: the ends as the peer knows them. The selectors hold one address a side then, as we see it.
    public var originalAddresses: OriginalAddresses?
    /// What may be inside on our side.
    public var localSelectors: [TrafficSelector]
    /// What may be inside on the peer's side.
    public var remoteSelectors: [TrafficSelector]
    /// Anti-replay window in packets; a multiple of 64 (decisions: 4096).
    public var replayWindow: Int
    /// Byte and packet limits; time is the control plane's.
    public var lifetime: SALifetime
    /// The upper 16 bits of every AEAD IV sealed with the outbound key (law 5).
    public var ivEpoch: UInt16
    /// Installed without sending: it begins to send by itself with the first authentic packet of the peer, which may thus
    /// have its answer although the control plane has not heard of that packet yet.
    public var sendsWhenHeard: Bool
    /// Who it belongs to.
    public var owner: ChildSAOwner

    /// Makes the parameters.
    public init(
        inboundSPI: SPI,
        outboundSPI: SPI,
        suite: ESPSuite,
        inboundKeys: ESPKeys,
        outboundKeys: ESPKeys,
        path: Path,
        udpEncapsulation: Bool,
        mode: Mode = .tunnel,
        originalAddresses: OriginalAddresses? = nil,
        localSelectors: [TrafficSelector],
        remoteSelectors: [TrafficSelector],
        replayWindow: Int = 4096,
        lifetime: SALifetime = SALifetime(),
        ivEpoch: UInt16 = 0,
        sendsWhenHeard: Bool = false,
        owner: ChildSAOwner = ChildSAOwner()
    ) {
        self.inboundSPI = inboundSPI
        self.outboundSPI = outboundSPI
        self.suite = suite
        self.inboundKeys = inboundKeys
        self.outboundKeys = outboundKeys
        self.path = path
        self.udpEncapsulation = udpEncapsulation
        self.mode = mode
        self.originalAddresses = originalAddresses
        self.localSelectors = localSelectors
        self.remoteSelectors = remoteSelectors
        self.replayWindow = replayWindow
        self.lifetime = lifetime
        self.ivEpoch = ivEpoch
        self.sendsWhenHeard = sendsWhenHeard
        self.owner = owner
    }
}
