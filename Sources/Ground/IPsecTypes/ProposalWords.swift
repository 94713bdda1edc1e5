/// The words of a proposal's name, sorted by kind.
struct ProposalWords {
    /// What a word can name.
    enum Kind {
        case cipher
        case integrity
        case prf
        case keyExchange
        case sequenceNumbers
    }

    /// More words in one proposal are refused; all that exist, twice over, are fewer.
    static let maximumWords = 40

    var ciphers: [CipherChoice] = []
    var integrities: [IntegrityAlgorithm] = []
    var prfs: [PRFAlgorithm] = []
    var keyExchanges: [KeyExchangeMethod] = []
    /// Methods of the additional key exchanges, by place: ADDKE1 first (RFC 9370).
    var additional: [[KeyExchangeMethod]] = []
    /// How many methods each word joined by "+" had, to find words that leave a place open.
    private var chainLengths: Set<Int> = []
    var sequenceNumbers: [Bool] = []

    mutating func read(_ text: String, allowing kinds: [Kind]) throws(ProposalNameError) {
        let words = text.lowercased().split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard words.count <= Self.maximumWords else {
            throw ProposalNameError(.outOfRange, "a proposal has at most \(Self.maximumWords) words")
        }
        for word in words {
            guard let kind = add(word) else { throw Self.refusal(of: word, in: text) }
            guard kinds.contains(kind) else {
                throw ProposalNameError(.invalidValue, "\"\(word)\" does not belong into this kind of proposal")
            }
        }
        try checkAdditional(text)
    }

    /// Additional key exchanges come after a first one, without a gap, and every "+" word fills the same places: else
    /// nobody could tell whether the additional exchange may be left out.
    private func checkAdditional(_ text: String) throws(ProposalNameError) {
        guard !additional.isEmpty else { return }
        guard !keyExchanges.isEmpty, additional.allSatisfy({ !$0.isEmpty }) else {
            throw ProposalNameError(
                .invalidValue,
                "\"\(text.printable)\" needs a first key exchange and no gap before the additional ones"
            )
        }
        guard chainLengths.count <= 1 else {
            throw ProposalNameError(
                .invalidValue,
                "\"\(text.printable)\" mixes key exchanges with and without an additional one: make two proposals"
            )
        }
    }

    /// AEADs stand alone, AES-CBC never does.
    func checkIntegrity(_ text: String) throws(ProposalNameError) {
        guard let first = ciphers.first else {
            throw ProposalNameError(.invalidValue, "\"\(text.printable)\" names no cipher, such as aes256gcm")
        }
        guard ciphers.allSatisfy({ $0.algorithm.isAEAD == first.algorithm.isAEAD }) else {
            throw ProposalNameError(
                .invalidValue,
                "AEAD ciphers and aes-cbc need proposals of their own (RFC 7296 section 3.3)"
            )
        }
        if first.algorithm.isAEAD, let integrity = integrities.first {
            throw ProposalNameError(
                .invalidValue,
                "\(first) authenticates by itself; leave \(integrity) out, or name a PRF: prf\(integrity)"
            )
        }
        if !first.algorithm.isAEAD, integrities.isEmpty {
            throw ProposalNameError(
                .invalidValue,
                "\(first) needs an integrity algorithm: sha256, sha384 or sha512"
            )
        }
    }

    /// The PRFs of the integrity algorithms' hashes, or SHA-384 and SHA-256 beside AEADs.
    var derivedPRFs: [PRFAlgorithm] {
        guard !integrities.isEmpty else { return [.hmacSHA384, .hmacSHA256] }
        return integrities.compactMap { integrity in
            switch integrity {
            case .hmacSHA256_128: .hmacSHA256
            case .hmacSHA384_192: .hmacSHA384
            case .hmacSHA512_256: .hmacSHA512
            default: nil
            }
        }
    }

    private mutating func add(_ word: String) -> Kind? {
        if let cipher = Self.ciphers[word] {
            if !ciphers.contains(cipher) { ciphers.append(cipher) }
            return .cipher
        }
        if let integrity = Self.integrities[word] {
            if !integrities.contains(integrity) { integrities.append(integrity) }
            return .integrity
        }
        if let prf = Self.prfs[word] {
            if !prfs.contains(prf) { prfs.append(prf) }
            return .prf
        }
        if let chain = Self.chain(word), let method = chain.first {
            chainLengths.insert(chain.count)
            if !keyExchanges.contains(method) { keyExchanges.append(method) }
            for (place, method) in chain.dropFirst().enumerated() { addAdditional(method, place) }
            return .keyExchange
        }
        if let (place, method) = Self.place(word) {
            addAdditional(method, place)
            return .keyExchange
        }
        guard word == "esn" || word == "noesn" else { return nil }
        if !sequenceNumbers.contains(word == "esn") { sequenceNumbers.append(word == "esn") }
        return .sequenceNumbers
    }

    private mutating func addAdditional(_ method: KeyExchangeMethod, _ place: Int) {
        while additional.count <= place { additional.append([]) }
        if !additional[place].contains(method) { additional[place].append(method) }
    }

    /// The methods of a word such as "x25519+mlkem768"; nil when a part of it is none, or when one comes twice (RFC 9370
    /// §2.2.1 forbids the same method in two places).
    private static func chain(_ word: String) -> [KeyExchangeMethod]? {
        let parts = word.split(separator: "+", omittingEmptySubsequences: false).map(String.init)
        let methods = parts.compactMap { keyExchanges[$0] }
        guard methods.count == parts.count, methods.count <= 1 + KeyExchangeMethod.maximumAdditional,
            Set(methods).count == methods.count
        else { return nil }
        return methods
    }

    /// Place and method of a word such as "ke1_mlkem768", which is how strongSwan writes it.
    private static func place(_ word: String) -> (Int, KeyExchangeMethod)? {
        guard word.hasPrefix("ke"), let underscore = word.firstIndex(of: "_"),
            let number = Int(word[..<underscore].dropFirst(2)),
            (1...KeyExchangeMethod.maximumAdditional).contains(number),
            let method = keyExchanges[String(word[word.index(after: underscore)...])]
        else { return nil }
        return (number - 1, method)
    }

    private static func refusal(of word: String, in text: String) -> ProposalNameError {
        if let reason = weak[word] {
            return ProposalNameError(.weakAlgorithm, "\(word) is refused: \(reason)")
        }
        if let reason = unavailable[word] {
            return ProposalNameError(.unknownAlgorithm, "\(word) is not available: \(reason)")
        }
        guard !word.isEmpty else {
            return ProposalNameError(.invalidValue, "\"\(text.printable(limit: 60))\" has an empty word")
        }
        if word.contains("+") || word.hasPrefix("ke"),
            let underscore = word.lastIndex(where: { $0 == "_" || $0 == "+" })
        {
            let last = String(word[word.index(after: underscore)...])
            if last != word, keyExchanges[last] == nil { return refusal(of: last, in: text) }
            return ProposalNameError(
                .invalidValue,
                "\"\(word.printable(limit: 60))\" must join at most eight different key exchanges"
            )
        }
        return ProposalNameError(
            .unknownAlgorithm,
            "unknown algorithm \"\(word.printable(limit: 40))\"",
            nearest: NearestName.find(word, in: known)
        )
    }

    /// Every word that a proposal may hold, sorted.
    static var known: [String] {
        (Array(ciphers.keys) + Array(integrities.keys) + Array(prfs.keys) + Array(keyExchanges.keys) + ["esn", "noesn"])
            .sorted()
    }

    private static let ciphers: [String: CipherChoice] = [
        "aes128gcm": CipherChoice(.aesGCM16, keyBits: 128), "aes128gcm16": CipherChoice(.aesGCM16, keyBits: 128),
        "aes192gcm": CipherChoice(.aesGCM16, keyBits: 192), "aes192gcm16": CipherChoice(.aesGCM16, keyBits: 192),
        "aes256gcm": CipherChoice(.aesGCM16, keyBits: 256), "aes256gcm16": CipherChoice(.aesGCM16, keyBits: 256),
        "chacha20poly1305": CipherChoice(.chaCha20Poly1305, keyBits: 256),
        "aes128cbc": CipherChoice(.aesCBC, keyBits: 128), "aes128": CipherChoice(.aesCBC, keyBits: 128),
        "aes192cbc": CipherChoice(.aesCBC, keyBits: 192), "aes192": CipherChoice(.aesCBC, keyBits: 192),
        "aes256cbc": CipherChoice(.aesCBC, keyBits: 256), "aes256": CipherChoice(.aesCBC, keyBits: 256),
    ]
    private static let integrities: [String: IntegrityAlgorithm] = [
        "sha256": .hmacSHA256_128, "sha384": .hmacSHA384_192, "sha512": .hmacSHA512_256,
    ]
    private static let prfs: [String: PRFAlgorithm] = [
        "prfsha256": .hmacSHA256, "prfsha384": .hmacSHA384, "prfsha512": .hmacSHA512,
    ]
    private static let keyExchanges: [String: KeyExchangeMethod] = [
        "x25519": .x25519, "curve25519": .x25519, "ecp256": .ecp256, "ecp384": .ecp384, "ecp521": .ecp521,
        "modp2048": .modp2048, "modp3072": .modp3072, "modp4096": .modp4096, "modp6144": .modp6144,
        "modp8192": .modp8192, "mlkem768": .mlKEM768, "mlkem1024": .mlKEM1024,
    ]

    private static let weak: [String: String] = {
        let block64 = "64-bit blocks repeat within minutes of traffic (RFC 8221)"
        let smallGroup = "the group can be broken (RFC 8247)"
        let oldHash = "the hash is broken for signatures and has better successors (RFC 8247)"
        let shortTag = "the tag is shorter than 16 bytes (RFC 8221)"
        return [
            "des": "56-bit keys are searched in a day", "3des": block64, "blowfish": block64, "blowfish128": block64,
            "blowfish256": block64, "cast128": block64, "idea": block64, "rc4": "its key stream is biased",
            "null": "it does not encrypt", "none": "it protects nothing", "aes128gmac": "it does not encrypt",
            "aes256gmac": "it does not encrypt", "md5": oldHash, "sha1": oldHash, "sha": oldHash, "prfmd5": oldHash,
            "prfsha1": oldHash, "modp768": smallGroup, "modp1024": smallGroup, "modp1536": smallGroup,
            "modp1024s160": smallGroup, "modp2048s224": "the group has a small subgroup (RFC 8247)",
            "modp2048s256": "the group has a small subgroup (RFC 8247)", "ecp192": smallGroup,
            "ecp224": "below the 128-bit level", "ecp224bp": "below the 128-bit level",
            "sha256_96":
                "the check value is cut at 96 bits", "aesxcbc": "it has no advantage over SHA-2 and is rarely tested",
            "aes128gcm8": shortTag, "aes256gcm8": shortTag, "aes128gcm12": shortTag, "aes256gcm12": shortTag,
            "mlkem512": "below what this product takes for a key that must last; use mlkem768 or mlkem1024",
            "aes128gcm64": shortTag, "aes256gcm64": shortTag, "aes128ccm8": shortTag, "aes256ccm8": shortTag,
        ]
    }()

    private static let unavailable: [String: String] = {
        let noCipher = "use aes256gcm or chacha20poly1305"
        return [
            "x448": "use x25519 or ecp384", "curve448": "use x25519 or ecp384", "ecp256bp": "use ecp256",
            "ecp384bp": "use ecp384", "ecp512bp": "use ecp521", "aes128ctr": noCipher, "aes192ctr": noCipher,
            "aes256ctr": noCipher, "aes128ccm": noCipher, "aes256ccm": noCipher, "aes128ccm16": noCipher,
            "aes256ccm16": noCipher, "camellia128": noCipher, "camellia192": noCipher, "camellia256": noCipher,
            "aescmac": "use sha256",
        ]
    }()
}
