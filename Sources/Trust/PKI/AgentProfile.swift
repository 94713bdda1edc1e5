import IPsecTypes

/// Everything an agent needs to connect without a CI: the file `culvert ca issue --out NAME.culvert` writes.
///
///     culvert-profile: 1
///     identity: 01jd….jobs.example.com
///     gateway: vpn.example.com
///     address: 203.0.113.9
///     ca-sha256: 64 hex digits
///     (PEM: PRIVATE KEY, CERTIFICATE leaf, CERTIFICATE issuing authority, TRUSTED ROOT …)
///
/// It holds a private key: files of it are 0600.
public struct AgentProfile: Sendable {
    /// The version this code writes and reads.
    public static let version = 1
    /// Largest file that is read.
    public static let maximumBytes = 65_536

    /// One gateway the agent may use.
    public struct Gateway: Hashable, Sendable {
        /// The host name or address the gateway's certificate must carry; sent as IDr.
        public let name: String
        /// Where to reach it; empty: the name is resolved.
        public let addresses: [IPAddress]

        /// Makes a gateway.
        public init(name: String, addresses: [IPAddress]) {
            self.name = name
            self.addresses = addresses
        }

        /// The name as the identity to ask for.
        public var identity: CertificateIdentity { IPAddress(name).map { .address($0) } ?? .fqdn(name) }
    }

    /// The agent's ID_FQDN, equal to a dNSName of the leaf.
    public let identity: String
    /// The gateways, best first.
    public let gateways: [Gateway]
    /// The agent's certificate and its issuers below the root, DER.
    public let chain: [[UInt8]]
    /// The trusted roots, DER.
    public let roots: [[UInt8]]
    /// The keys of the trusted roots.
    public let pins: Set<SPKIFingerprint>
    /// The private key, PKCS #8 DER.
    public let privateKey: SecretBytes

    /// Makes a profile; the pins are those of the roots.
    public init(
        identity: String,
        gateways: [Gateway],
        chain: [[UInt8]],
        roots: [[UInt8]],
        privateKey: SecretBytes
    ) throws(Failure) {
        let pins = try Self.fingerprints(of: roots)
        try self.init(
            identity: identity,
            gateways: gateways,
            chain: chain,
            roots: roots,
            pins: pins,
            privateKey: privateKey
        )
    }

    private init(
        identity: String,
        gateways: [Gateway],
        chain: [[UInt8]],
        roots: [[UInt8]],
        pins: Set<SPKIFingerprint>,
        privateKey: SecretBytes
    ) throws(Failure) {
        guard let leafDER = chain.first, !roots.isEmpty, !gateways.isEmpty, privateKey.count > 0 else {
            throw Failure(line: 0, reason: "a gateway, the key, the certificate and the root are required")
        }
        guard gateways.allSatisfy({ Self.isName($0.name) }) else {
            throw Failure(line: 0, reason: "a gateway's name is neither a host name nor an address")
        }
        let leaf: ParsedCertificate
        do {
            leaf = try ParsedCertificate(der: leafDER)
            try IdentityBinding.check(.fqdn(identity), names: leaf.names, subjectDER: leaf.subjectDER)
        } catch {
            throw Failure(line: 0, reason: "\(error)")
        }
        guard try Self.fingerprints(of: roots).isSubset(of: pins) else {
            throw Failure(line: 0, reason: "a trusted root's key is not among ca-sha256")
        }
        self.identity = identity
        self.gateways = gateways
        self.chain = chain
        self.roots = roots
        self.pins = pins
        self.privateKey = privateKey
    }

    /// The roots and their pins as the anchors of this agent's connections.
    public func trustAnchors() throws(TrustAnchors.Failure) -> TrustAnchors {
        try TrustAnchors(certificates: roots, pins: pins)
    }

    /// Why a profile is refused; line 0 stands for the file as a whole.
    public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// The line, counted from 1, or 0.
        public let line: Int
        /// What is wrong.
        public let reason: String

        /// Line and reason; never a value of the key.
        public var description: String { line == 0 ? reason : "line \(line): \(reason)" }
    }

    private static func isName(_ text: String) -> Bool {
        IPAddress(text) != nil || IdentityBinding.canonicalHostName(text) != nil
    }

    private static func fingerprints(of roots: [[UInt8]]) throws(Failure) -> Set<SPKIFingerprint> {
        var found: Set<SPKIFingerprint> = []
        for root in roots {
            do {
                found.insert(try ParsedCertificate(der: root).fingerprint)
            } catch {
                throw Failure(line: 0, reason: "the trusted root cannot be read: \(error.description)")
            }
        }
        return found
    }
}

extension AgentProfile {
    private static let rootLabel = "TRUSTED ROOT"
    private static let keyLabel = "PRIVATE KEY"
    private static let certificateLabel = "CERTIFICATE"

    /// The file's content. It holds the private key.
    public func serialised() -> [UInt8] {
        var lines = ["culvert-profile: \(Self.version)", "identity: \(identity)"]
        for gateway in gateways {
            lines.append("gateway: \(gateway.name)")
            lines += gateway.addresses.map { "address: \($0)" }
        }
        lines += pins.sorted().map { "ca-sha256: \($0)" }
        var file = Array((lines.joined(separator: "\n") + "\n").utf8)
        privateKey.withUnsafeBytes { file += PEM.encode(label: Self.keyLabel, $0) }
        for der in chain { file += PEM.encode(label: Self.certificateLabel, der) }
        for der in roots { file += PEM.encode(label: Self.rootLabel, der) }
        return file
    }

    /// Reads a file's content. Unknown and repeated lines are refused, so that a newer profile is not half understood.
    public static func parse(_ file: [UInt8]) throws(Failure) -> AgentProfile {
        guard file.count <= maximumBytes else {
            throw Failure(line: 0, reason: "the profile is over \(maximumBytes) bytes")
        }
        let blocks: [PEM.Block]
        do {
            blocks = try PEM.blocks(in: file)
        } catch {
            throw Failure(line: error.line, reason: error.reason)
        }
        var header = Header()
        var isFirst = true
        for (index, bytes) in file.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if bytes.starts(with: "-----BEGIN ".utf8) { break }
            guard let line = String(validating: bytes, as: UTF8.self) else {
                throw Failure(line: index + 1, reason: "the line is not text")
            }
            try header.read(line, number: index + 1, isFirst: isFirst)
            isFirst = false
        }
        func ders(_ label: String) -> [[UInt8]] { blocks.filter { $0.label == label }.map(\.der) }
        let known = [keyLabel, certificateLabel, rootLabel]
        if let odd = blocks.first(where: { !known.contains($0.label) }) {
            throw Failure(line: odd.line, reason: "the block \(printable(odd.label)) is not known")
        }
        let keys = ders(keyLabel)
        guard keys.count == 1, let key = keys.first else {
            throw Failure(line: 0, reason: "the profile must hold one private key")
        }
        guard let identity = header.identity, header.sawVersion else {
            throw Failure(line: 1, reason: "the profile must begin with culvert-profile and name its identity")
        }
        let chain = ders(certificateLabel)
        guard chain.count <= PathValidator.maximumCertificates else {
            throw Failure(
                line: 0,
                reason: "the profile holds more than \(PathValidator.maximumCertificates) certificates"
            )
        }
        return try AgentProfile(
            identity: identity,
            gateways: header.gateways,
            chain: chain,
            roots: ders(rootLabel),
            pins: header.pins,
            privateKey: SecretBytes(key)
        )
    }

    /// The lines above the first block.
    private struct Header {
        var sawVersion = false
        var identity: String?
        var gateways: [Gateway] = []
        var pins: Set<SPKIFingerprint> = []

        mutating func read(_ line: String, number: Int, isFirst: Bool) throws(Failure) {
            let text = line.trimmingBlanks()
            if text.isEmpty && !isFirst { return }
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let name = parts.first, let rest = parts.last else {
                throw Failure(line: number, reason: "a line must be a name, a colon and a value")
            }
            let value = String(rest).trimmingBlanks()
            guard isFirst == (name == "culvert-profile") else {
                throw Failure(line: number, reason: "culvert-profile must be the first line, once")
            }
            switch name {
            case "culvert-profile":
                guard value == "\(AgentProfile.version)" else {
                    throw Failure(
                        line: number,
                        reason: "profile version \(printable(value)) is not known (this reads \(AgentProfile.version))"
                    )
                }
                sawVersion = true
            case "identity":
                guard identity == nil else { throw Failure(line: number, reason: "identity is given twice") }
                identity = value
            case "gateway":
                guard gateways.count < 16, AgentProfile.isName(value) else {
                    throw Failure(line: number, reason: "neither a host name nor an address, or over 16 gateways")
                }
                gateways.append(Gateway(name: value, addresses: []))
            case "address": try readAddress(value, number)
            case "ca-sha256":
                guard let pin = SPKIFingerprint(value), pins.count < 16 else {
                    throw Failure(line: number, reason: "ca-sha256 is not a SHA-256 digest, or over 16 of them")
                }
                pins.insert(pin)
            default: throw Failure(line: number, reason: "\(printable(String(name))) is not known")
            }
        }

        private mutating func readAddress(_ value: String, _ number: Int) throws(Failure) {
            guard let address = IPAddress(value) else { throw Failure(line: number, reason: "not an IP address") }
            guard let gateway = gateways.popLast(), gateway.addresses.count < 16 else {
                throw Failure(line: number, reason: "an address without its gateway, or over 16 addresses")
            }
            gateways.append(Gateway(name: gateway.name, addresses: gateway.addresses + [address]))
        }
    }
}

extension String {
    fileprivate func trimmingBlanks() -> String {
        var rest = self[...]
        while let first = rest.first, first == " " || first == "\t" || first == "\r" || first == "\r\n" {
            rest.removeFirst()
        }
        while let last = rest.last, last == " " || last == "\t" || last == "\r" || last == "\r\n" { rest.removeLast() }
        return String(rest)
    }
}
