public import ESP
public import IPsecTypes
public import PacketIO

/// What a userspace data plane is started with.
public struct DataplaneConfiguration: Sendable {
    /// Bytes of inner packet before discovery of the path (decisions: 1380).
    public static let defaultMTU = 1380

    /// Addresses to listen on; unspecified ones stand for all of their family.
    public var listenAddresses: [IPAddress]
    /// The IKE port; 0 lets the kernel choose.
    public var ikePort: UInt16
    /// The port of IKE and ESP in UDP (RFC 3948); 0 lets the kernel choose.
    public var natPort: UInt16
    /// Name of the TUN interface; `%d` becomes the first free number.
    public var tunName: String
    /// Longest inner packet that is sealed without an ICMP answer to its sender.
    public var mtu: Int
    /// Whether to open IP protocol 50 as well; needs CAP_NET_RAW.
    public var rawESP: Bool
    /// Worker threads, each with a TUN queue and sockets of its own: 1...16.
    public var workers: Int = 1
    /// What becomes of the DF bit of outer IPv4 headers.
    public var outerDontFragment: OuterHeader.DontFragment = .clear
    /// Whether TCP's maximum segment size is lowered to the MTU in both directions.
    public var clampsSegmentSize = true
    /// Whether the TUN's hosts hear by ICMP that no SA carries their packet.
    public var answersProhibited = true
    /// Bytes of send and receive buffer a socket; nil for the system's default.
    public var socketBufferBytes: Int? = 4 << 20
    /// Most SAs at a time: bounds memory, about 2 KiB each.
    public var maximumSAs = 65_536
    /// Bytes of IKE messages that wait for the control plane; what comes on top is dropped and counted.
    public var inboxBytes = 4 << 20

    /// What is left to the kernel, or taken from it, in large pieces; what it cannot do is left out.
    public var offloads = DataplaneOffloads()

    /// Makes a configuration; the rest has defaults.
    public init(
        listenAddresses: [IPAddress] = [.unspecified(.v4), .unspecified(.v6)],
        ikePort: UInt16 = 500,
        natPort: UInt16 = 4500,
        tunName: String = "culvert%d",
        mtu: Int = defaultMTU,
        rawESP: Bool = false
    ) {
        self.listenAddresses = listenAddresses
        self.ikePort = ikePort
        self.natPort = natPort
        self.tunName = tunName
        self.mtu = mtu
        self.rawESP = rawESP
    }
}

/// The offloads that a data plane asks the kernel for.
public struct DataplaneOffloads: Hashable, Sendable {
    /// Super-packets from the TUN, and to it.
    public var tun = TUNOffloads.all
    /// Runs of equal datagrams in one send (UDP_SEGMENT).
    public var segmentsSent = true
    /// Runs of equal datagrams in one receive (UDP_GRO).
    public var mergesReceived = true

    /// Asks for all.
    public init() {}

    /// Asks for none.
    public static var none: DataplaneOffloads {
        var result = DataplaneOffloads()
        result.tun = []
        result.segmentsSent = false
        result.mergesReceived = false
        return result
    }
}
