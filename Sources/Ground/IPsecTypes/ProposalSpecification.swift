/// A cipher with its key length, as one word of a proposal names it.
public struct CipherChoice: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The cipher.
    public var algorithm: EncryptionAlgorithm
    /// Key length in bits, without salt.
    public var keyBits: Int

    /// Makes a choice.
    public init(_ algorithm: EncryptionAlgorithm, keyBits: Int) {
        self.algorithm = algorithm
        self.keyBits = keyBits
    }

    /// The word: "aes256gcm", "aes128cbc", "chacha20poly1305".
    public var description: String {
        switch algorithm {
        case .aesGCM16: "aes\(keyBits)gcm"
        case .aesCBC: "aes\(keyBits)cbc"
        case .chaCha20Poly1305: "chacha20poly1305"
        default: "\(algorithm)-\(keyBits)"
        }
    }
}

extension CipherChoice {
    /// AES-256-GCM.
    public static let aes256GCM = CipherChoice(.aesGCM16, keyBits: 256)
    /// AES-128-GCM.
    public static let aes128GCM = CipherChoice(.aesGCM16, keyBits: 128)
    /// AES-256-CBC; needs an integrity transform.
    public static let aes256CBC = CipherChoice(.aesCBC, keyBits: 256)
    /// AES-128-CBC; needs an integrity transform.
    public static let aes128CBC = CipherChoice(.aesCBC, keyBits: 128)
    /// ChaCha20-Poly1305.
    public static let chaCha20Poly1305 = CipherChoice(.chaCha20Poly1305, keyBits: 256)
}

/// One proposal for an IKE SA as configuration names it: in each kind, the algorithms in order of preference.
///
/// The words are joined by "-": `aes256gcm-chacha20poly1305-prfsha384-x25519-ecp384`. AEAD ciphers and AES-CBC do not
/// share a proposal (RFC 7296 §3.3). AES-CBC needs an integrity algorithm, which also names the PRF when none is given.
///
/// `x25519+mlkem768` is a key exchange followed by an additional one (RFC 9370). Several such words in a proposal give
/// alternatives for each place. `x25519-ke1_mlkem768`, as strongSwan writes it, says the same.
public struct IKEProposalSpecification: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The ciphers.
    public var ciphers: [CipherChoice]
    /// Integrity; empty for AEAD ciphers.
    public var integrities: [IntegrityAlgorithm]
    /// The PRFs.
    public var prfs: [PRFAlgorithm]
    /// The key exchange methods.
    public var keyExchanges: [KeyExchangeMethod]
    /// The methods of each additional key exchange, ADDKE1 first; empty for none (RFC 9370).
    public var additionalKeyExchanges: [[KeyExchangeMethod]]

    /// Reads the words of a proposal.
    public init(_ text: String) throws(ProposalNameError) {
        var words = ProposalWords()
        try words.read(text, allowing: [.cipher, .integrity, .prf, .keyExchange])
        try words.checkIntegrity(text)
        guard !words.keyExchanges.isEmpty else {
            throw ProposalNameError(.invalidValue, "\"\(text)\" names no key exchange, such as x25519")
        }
        ciphers = words.ciphers
        integrities = words.integrities
        prfs = words.prfs.isEmpty ? words.derivedPRFs : words.prfs
        keyExchanges = words.keyExchanges
        additionalKeyExchanges = words.additional
    }

    /// The words, joined by "-".
    public var description: String {
        (ciphers.map(\.description) + integrities.map(\.description)
            + prfs.map { $0.description.replacingFirst("prf-", "prf") }
            + keyExchangeWords(keyExchanges, additionalKeyExchanges))
            .joined(separator: "-")
    }
}

extension IKEProposalSpecification {
    /// Whether one of its key exchanges is post-quantum whatever the peer chooses.
    public var guaranteesPostQuantum: Bool {
        ([keyExchanges] + additionalKeyExchanges).contains { place in
            !place.isEmpty && place.allSatisfy(\.isPostQuantum)
        }
    }
}

/// One proposal for Child SAs as configuration names it; see ``IKEProposalSpecification`` for the form.
///
/// Key exchanges are for rekeying with PFS; without any there is none. `esn` and `noesn` choose the sequence number
/// length; without either, extended numbers are preferred and short ones accepted.
public struct ESPProposalSpecification: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The ciphers.
    public var ciphers: [CipherChoice]
    /// Integrity; empty for AEAD ciphers.
    public var integrities: [IntegrityAlgorithm]
    /// Key exchange methods for PFS; empty for none.
    public var keyExchanges: [KeyExchangeMethod]
    /// The methods of each additional key exchange, ADDKE1 first; empty for none (RFC 9370).
    public var additionalKeyExchanges: [[KeyExchangeMethod]]
    /// Whether sequence numbers have 64 bits: the choices in order of preference.
    public var extendedSequenceNumbers: [Bool]

    /// Reads the words of a proposal.
    public init(_ text: String) throws(ProposalNameError) {
        var words = ProposalWords()
        try words.read(text, allowing: [.cipher, .integrity, .keyExchange, .sequenceNumbers])
        try words.checkIntegrity(text)
        ciphers = words.ciphers
        integrities = words.integrities
        keyExchanges = words.keyExchanges
        additionalKeyExchanges = words.additional
        extendedSequenceNumbers = words.sequenceNumbers.isEmpty ? [true, false] : words.sequenceNumbers
    }

    /// The words, joined by "-".
    public var description: String {
        let numbers =
            extendedSequenceNumbers == [true, false] ? [] : extendedSequenceNumbers.map { $0 ? "esn" : "noesn" }
        return
            (ciphers.map(\.description) + integrities.map(\.description)
            + keyExchangeWords(keyExchanges, additionalKeyExchanges) + numbers)
            .joined(separator: "-")
    }
}

/// Why the name of a proposal was refused.
public struct ProposalNameError: Error, Hashable, Sendable {
    /// weakAlgorithm, unknownAlgorithm or invalidValue.
    public var code: ErrorCode
    /// What is wrong.
    public var message: String
    /// The known word closest to an unknown one.
    public var nearest: String?

    init(_ code: ErrorCode, _ message: String, nearest: String? = nil) {
        self.code = code
        self.message = message
        self.nearest = nearest
    }
}

extension ConfigForm where Value == IKEProposalSpecification {
    /// A proposal for IKE SAs.
    public static var ikeProposal: ConfigForm {
        proposal("a proposal such as aes256gcm-prfsha384-x25519") { text throws(ProposalNameError) in
            try IKEProposalSpecification(text)
        }
    }
}

extension ConfigForm where Value == ESPProposalSpecification {
    /// A proposal for Child SAs.
    public static var espProposal: ConfigForm {
        proposal("a proposal such as aes256gcm-x25519") { text throws(ProposalNameError) in
            try ESPProposalSpecification(text)
        }
    }
}

extension ConfigForm where Value: CustomStringConvertible {
    fileprivate static func proposal(
        _ expected: String,
        _ parse: @escaping @Sendable (String) throws(ProposalNameError) -> Value
    ) -> ConfigForm {
        ConfigForm(
            expected: expected,
            read: { node, diagnostics in
                guard let text = node.text else {
                    diagnostics.report(.wrongKind, at: node.place, "expected \(expected), not \(node.kindName)")
                    return nil
                }
                do throws(ProposalNameError) {
                    return try parse(text)
                } catch {
                    diagnostics.report(error.code, at: node.place, error.message, nearest: error.nearest)
                    return nil
                }
            },
            show: \.description
        )
    }
}

/// One word where each place has one method, else a word for each method with its place.
private func keyExchangeWords(_ first: [KeyExchangeMethod], _ additional: [[KeyExchangeMethod]]) -> [String] {
    if first.count == 1, !additional.isEmpty, additional.allSatisfy({ $0.count == 1 }) {
        return [(first + additional.flatMap { $0 }).map(\.description).joined(separator: "+")]
    }
    let places = additional.enumerated().flatMap { place, methods in methods.map { "ke\(place + 1)_\($0)" } }
    return first.map(\.description) + places
}

extension String {
    fileprivate func replacingFirst(_ prefix: String, _ other: String) -> String {
        hasPrefix(prefix) ? other + dropFirst(prefix.count) : self
    }
}
