import IPsecTypes

/// What passed its self-test: nothing else may be offered, accepted or used.
public struct AvailableAlgorithms: Hashable, Sendable {
    /// A cipher at one key length.
    public struct Cipher: Hashable, Sendable, CustomStringConvertible {
        /// The cipher.
        public var algorithm: EncryptionAlgorithm
        /// Key length in bits.
        public var keyBits: Int

        /// Makes a value.
        public init(_ algorithm: EncryptionAlgorithm, keyBits: Int) {
            self.algorithm = algorithm
            self.keyBits = keyBits
        }

        /// Such as "aes-gcm-256".
        public var description: String { "\(algorithm)-\(keyBits)" }
    }

    /// Ciphers.
    public internal(set) var ciphers: Set<Cipher> = []
    /// Integrity algorithms beside a cipher that has none.
    public internal(set) var integrity: Set<IntegrityAlgorithm> = []
    /// PRFs.
    public internal(set) var prfs: Set<PRFAlgorithm> = []
    /// Key exchange methods.
    public internal(set) var keyExchanges: Set<KeyExchangeMethod> = []
    /// Signature algorithms.
    public internal(set) var signatures: Set<SignatureAlgorithm> = []
    /// Ciphers of ESP: those that the data plane's own test left over.
    public private(set) var espCiphers: Set<Cipher> = []
    /// Integrity algorithms of ESP, likewise.
    public private(set) var espIntegrity: Set<IntegrityAlgorithm> = []
    /// Names of what failed, in the order of the tests; for the log and for `gateway check`.
    public internal(set) var failed: [String] = []

    init() {}

    /// Whether every algorithm of an IKE SA is available.
    public func allows(_ suite: IKESuite) -> Bool {
        allows(suite.encryption, suite.keyBits, suite.integrity) && prfs.contains(suite.prf)
            && suite.allKeyExchanges.allSatisfy(keyExchanges.contains)
    }

    /// Whether every algorithm of a Child SA is available.
    public func allows(_ suite: ESPSuite) -> Bool {
        KeyLengths(suite.encryption, keyBits: suite.keyBits, suite.integrity) != nil
            && espCiphers.contains(Cipher(suite.encryption, keyBits: suite.keyBits))
            && (suite.encryption.isAEAD || espIntegrity.contains(suite.integrity))
            && (suite.keyExchange.map { $0 == .none || keyExchanges.contains($0) } ?? true)
            && suite.additionalKeyExchanges.allSatisfy(keyExchanges.contains)
    }

    /// Takes over what the data plane found in its own test: ESP may do without what failed there, and IKE keeps it.
    public mutating func setESP(
        ciphers: Set<Cipher>,
        integrity: Set<IntegrityAlgorithm>,
        failed names: [String]
    ) {
        espCiphers = ciphers.intersection(self.ciphers)
        espIntegrity = integrity.intersection(self.integrity)
        failed += names
    }

    /// The hashes of `policy` that a signature algorithm is left for, in the order of SIGNATURE_HASH_ALGORITHMS.
    public func hashes(_ policy: SignaturePolicy) -> Set<SignatureHash> {
        policy.hashes.intersection(signatures.map(\.hash))
    }

    private func allows(_ cipher: EncryptionAlgorithm, _ bits: Int, _ integrity: IntegrityAlgorithm) -> Bool {
        KeyLengths(cipher, keyBits: bits, integrity) != nil && ciphers.contains(Cipher(cipher, keyBits: bits))
            && (cipher.isAEAD || self.integrity.contains(integrity))
    }
}
