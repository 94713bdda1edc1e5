import IPsecTypes

/// Derivation of keys as RFC 7296 §2.13 to §2.18 lay it down. Every function is pure.
public struct IKEKeySchedule: Sendable {
    private let provider: any CryptoProvider

    /// Derives with the PRFs of `provider`.
    public init(provider: any CryptoProvider) {
        self.provider = provider
    }

    /// The keys of an IKE SA set up by IKE_SA_INIT (§2.14).
    ///
    /// > SKEYSEED = prf(Ni | Nr, g^ir)
    public func initialKeys(
        suite: IKESuite,
        sharedSecret: SecretBytes,
        nonces: NoncePair,
        initiatorSPI: IKESPI,
        responderSPI: IKESPI
    ) throws(CryptoFailure) -> IKEKeys {
        let key = SecretBytes(nonces.initiatorNonce + nonces.responderNonce)
        let seed = try provider.prf(suite.prf, key: key, [.secret(sharedSecret)])
        return try expand(seed, suite, nonces, initiatorSPI, responderSPI)
    }

    /// The keys of an IKE SA that replaces another (§2.18).
    ///
    /// > SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr)
    ///
    /// The secrets of additional key exchanges follow the nonces, in their order (RFC 9370 §2.2.4). SKEYSEED comes from the PRF of the old SA, everything else from that of the new one. The initiator of the rekeying
    /// is the original initiator of the new SA, and its SPI is `initiatorSPI`.
    public func rekeyedKeys(
        suite: IKESuite,
        oldPRF: PRFAlgorithm,
        oldSKd: SecretBytes,
        sharedSecret: SecretBytes,
        additionalSecrets: [SecretBytes] = [],
        nonces: NoncePair,
        initiatorSPI: IKESPI,
        responderSPI: IKESPI
    ) throws(CryptoFailure) -> IKEKeys {
        let input: [CryptoInput] = [
            .secret(sharedSecret), .bytes(nonces.initiatorNonce), .bytes(nonces.responderNonce),
        ]
        let seed = try provider.prf(oldPRF, key: oldSKd, input + additionalSecrets.map { .secret($0) })
        return try expand(seed, suite, nonces, initiatorSPI, responderSPI)
    }

    /// The keys of an IKE SA after an additional key exchange of its set-up (RFC 9370 §2.2.2).
    ///
    /// > SKEYSEED(n) = prf(SK_d(n-1), SK(n) | Ni | Nr)
    ///
    /// Nonces and SPIs are those of IKE_SA_INIT.
    public func keys(
        after previous: IKEKeys,
        suite: IKESuite,
        sharedSecret: SecretBytes,
        nonces: NoncePair,
        initiatorSPI: IKESPI,
        responderSPI: IKESPI
    ) throws(CryptoFailure) -> IKEKeys {
        try rekeyedKeys(
            suite: suite,
            oldPRF: suite.prf,
            oldSKd: previous.skD,
            sharedSecret: sharedSecret,
            nonces: nonces,
            initiatorSPI: initiatorSPI,
            responderSPI: responderSPI
        )
    }

    /// The three keys that a post-quantum pre-shared key goes into (RFC 8784 §3).
    ///
    /// > SK_d = prf+ (PPK, SK_d'), SK_pi = prf+ (PPK, SK_pi'), SK_pr = prf+ (PPK, SK_pr')
    public func mixed(_ keys: PPKKeys, prf: PRFAlgorithm, ppk: SecretBytes) throws(CryptoFailure) -> PPKKeys {
        guard let length = prf.outputLength else { throw .unsupportedAlgorithm }
        func mix(_ key: SecretBytes) throws(CryptoFailure) -> SecretBytes {
            try provider.prfPlus(prf, key: ppk, seed: [.secret(key)], count: length)
        }
        return PPKKeys(skD: try mix(keys.skD), skPi: try mix(keys.skPi), skPr: try mix(keys.skPr))
    }

    /// The keys of an IKE SA that is resumed by a ticket (RFC 5723 §5.1).
    ///
    /// > SKEYSEED = prf(SK_d_old, "Resumption" | Ni | Nr)
    public func resumedKeys(
        suite: IKESuite,
        oldSKd: SecretBytes,
        nonces: NoncePair,
        initiatorSPI: IKESPI,
        responderSPI: IKESPI
    ) throws(CryptoFailure) -> IKEKeys {
        let seed = try provider.prf(
            suite.prf,
            key: oldSKd,
            [
                .bytes(Array("Resumption".utf8)), .bytes(nonces.initiatorNonce), .bytes(nonces.responderNonce),
            ]
        )
        return try expand(seed, suite, nonces, initiatorSPI, responderSPI)
    }

    /// The keys of a Child SA (§2.17).
    ///
    /// > KEYMAT = prf+(SK_d, Ni | Nr), or prf+(SK_d, g^ir (new) | Ni | Nr) with a key exchange of its own
    ///
    /// The secrets of additional key exchanges follow the nonces, in their order (RFC 9370 §2.2.4). "Initiator" is whoever
    /// started the exchange that makes the child: IKE_AUTH or CREATE_CHILD_SA.
    public func childKeys(
        suite: ESPSuite,
        prf: PRFAlgorithm,
        skD: SecretBytes,
        sharedSecret: SecretBytes?,
        additionalSecrets: [SecretBytes] = [],
        nonces: NoncePair
    ) throws(CryptoFailure) -> ChildKeys {
        guard let lengths = KeyLengths(suite.encryption, keyBits: suite.keyBits, suite.integrity) else {
            throw .unsupportedAlgorithm
        }
        var seed: [CryptoInput] = [.bytes(nonces.initiatorNonce), .bytes(nonces.responderNonce)]
        if let sharedSecret { seed.insert(.secret(sharedSecret), at: 0) }
        seed += additionalSecrets.map { .secret($0) }
        var material = KeyMaterial(try provider.prfPlus(prf, key: skD, seed: seed, count: 2 * lengths.total))
        // > The encryption key (if any) MUST consist of the first bits, the integrity key (if any) of the remaining ones
        let initiator = material.takeESPKeys(lengths)
        let responder = material.takeESPKeys(lengths)
        return ChildKeys(initiator: initiator, responder: responder)
    }

    /// {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr)
    private func expand(
        _ seed: SecretBytes,
        _ suite: IKESuite,
        _ nonces: NoncePair,
        _ initiatorSPI: IKESPI,
        _ responderSPI: IKESPI
    ) throws(CryptoFailure) -> IKEKeys {
        guard let lengths = KeyLengths(suite.encryption, keyBits: suite.keyBits, suite.integrity),
            let prfLength = suite.prf.outputLength
        else { throw .unsupportedAlgorithm }
        var spis = WireWriter(capacity: 16)
        spis.writeUInt64(initiatorSPI.rawValue)
        spis.writeUInt64(responderSPI.rawValue)
        let input: [CryptoInput] = [
            .bytes(nonces.initiatorNonce), .bytes(nonces.responderNonce), .bytes(spis.bytes),
        ]
        let count = 3 * prfLength + 2 * lengths.total
        var material = KeyMaterial(try provider.prfPlus(suite.prf, key: seed, seed: input, count: count))
        let skD = material.take(prfLength)
        let integrity = [material.take(lengths.integrity), material.take(lengths.integrity)]
        var directions: [SKKeys] = []
        for key in integrity {
            directions.append(
                try SKKeys(
                    cipher: suite.encryption,
                    integrity: suite.integrity,
                    encryptionKey: material.take(lengths.encryption),
                    // RFC 5282 §7.1: the salt is the last part of SK_e.
                    salt: material.take(lengths.salt),
                    integrityKey: key
                )
            )
        }
        let skPi = material.take(prfLength)
        let skPr = material.take(prfLength)
        return IKEKeys(skD: skD, initiator: directions[0], responder: directions[1], skPi: skPi, skPr: skPr)
    }
}

/// Key material that is handed out from the front.
private struct KeyMaterial {
    private let bytes: SecretBytes
    private var offset = 0

    init(_ bytes: SecretBytes) {
        self.bytes = bytes
    }

    mutating func take(_ count: Int) -> SecretBytes {
        defer { offset += count }
        return bytes.slice(offset, count: count)
    }

    mutating func takeESPKeys(_ lengths: KeyLengths) -> ESPKeys {
        let encryption = take(lengths.encryption)
        let salt = take(lengths.salt)
        return ESPKeys(encryption: encryption, salt: salt, integrity: take(lengths.integrity))
    }
}
