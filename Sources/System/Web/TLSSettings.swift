import EAP
import IPsecTypes

/// Certificates, key, anchors and names of one end of TLS.
public struct TLSSettings: Sendable {
    /// Our certificates, DER, leaf first; empty for none.
    public var chain: [[UInt8]]
    /// The leaf's key, DER: PKCS#8, or the traditional form of RSA and EC keys. Nil without certificates.
    public var privateKey: SecretBytes?
    /// The authorities that the other side's certificate may lead to, DER. None means that nobody is trusted.
    public var anchors: [[UInt8]]
    /// DNS names of which a server's certificate must carry one. A client without names trusts no server.
    public var serverNames: [String]
    /// The versions that may be negotiated.
    public var versions: ClosedRange<TLSVersion>

    /// Gathers the parts.
    public init(
        chain: [[UInt8]] = [],
        privateKey: SecretBytes? = nil,
        anchors: [[UInt8]] = [],
        serverNames: [String] = [],
        versions: ClosedRange<TLSVersion> = .tls12 ... .tls13
    ) {
        self.chain = chain
        self.privateKey = privateKey
        self.anchors = anchors
        self.serverNames = serverNames
        self.versions = versions
    }

    /// Why settings are refused.
    public enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// libssl makes no context.
        case unavailable
        /// A certificate of ours cannot be used.
        case badCertificate(position: Int)
        /// The key cannot be used or is not the certificate's.
        case badKey
        /// An anchor cannot be used.
        case badAnchor(position: Int)
        /// A server's name is no DNS name.
        case badName(String)

        /// One sentence for the operator.
        public var description: String {
            switch self {
            case .unavailable: "libssl refuses the settings of TLS"
            case .badCertificate(let position): "certificate \(position + 1) of the chain cannot be used for TLS"
            case .badKey: "the private key cannot be used, or is not the certificate's"
            case .badAnchor(let position): "trusted root \(position + 1) cannot be used for TLS"
            case .badName(let name): "\(name.printable(limit: 64)) is no name of a server"
            }
        }
    }

    /// Letters, digits, hyphens and inner dots: nothing that libssl would read as a pattern or an address.
    func checkNames() throws(Failure) {
        for name in serverNames {
            let isPlain = name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
            guard isPlain, !name.isEmpty, name.utf8.count <= 253, !name.hasPrefix("."), !name.hasSuffix(".") else {
                throw .badName(name)
            }
        }
    }
}
