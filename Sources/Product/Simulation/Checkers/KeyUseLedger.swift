import IKECrypto
import IKEMessage
import IPsecTypes
import Synchronization

/// Every (key, IV) that anything was sealed with, and every failed check: shared by all hosts of a world.
final class KeyUseLedger: Sendable {
    private struct Use: Hashable {
        var key: UInt64
        var iv: UInt64
    }

    private struct State {
        var used: Set<Use> = []
        var reused: [String] = []
        var sealed = 0
        var failedOpens = 0
        /// The host that seals with a key.
        var sealers: [UInt64: Int] = [:]
        var reflected: [String] = []
    }

    private let state = Mutex(State())

    /// Notes that `key` sealed something with `iv`; numbers stand for both.
    func seal(key: UInt64, iv: UInt64, what: String) {
        state.withLock { state in
            state.sealed += 1
            if !state.used.insert(Use(key: key, iv: iv)).inserted {
                state.reused.append("\(what) with IV \(paddedHex(iv, digits: 16))")
            }
        }
    }

    /// Notes that `host` seals SK payloads with `key`.
    func seals(key: UInt64, host: Int) { state.withLock { $0.sealers[key] = host } }

    /// Notes that `host` opened an SK payload: somebody else sealed it.
    func opened(key: UInt64, host: Int) {
        state.withLock { state in
            if state.sealers[key] == host { state.reflected.append("host \(host) opens what it sealed") }
        }
    }

    /// What was opened by the host that had sealed it, since the last call.
    func takeReflections() -> [String] {
        state.withLock { state in
            defer { state.reflected.removeAll() }
            return state.reflected
        }
    }

    func failedOpen() { state.withLock { $0.failedOpens += 1 } }

    /// What was sealed with an IV of before, since the last call.
    func takeReuses() -> [String] {
        state.withLock { state in
            defer { state.reused.removeAll() }
            return state.reused
        }
    }

    var failedOpens: Int { state.withLock { $0.failedOpens } }
    var sealed: Int { state.withLock { $0.sealed } }
}

/// Passes everything on, and writes down which IVs which keys were used with.
final class RecordingCryptoProvider: CryptoProvider {
    private let base: SimulatedCryptoProvider
    private let ledger: KeyUseLedger
    private let host: Int
    private let remembered: Mutex<[[UInt8]: Sealed]?> = Mutex(nil)

    /// What an SK payload was made of.
    struct Sealed: Sendable {
        var plaintext: [UInt8]
        var iv: [UInt8]
        var keys: SKKeys
    }

    private static let tagLength = 16

    /// Remembers from now on what is sealed, for ``takeLastSealed(ending:)``.
    func rememberSealed() { remembered.withLock { $0 = [:] } }

    /// What the SK payload at the end of a message was made of; nil when nothing is remembered, or it was not sealed here.
    func takeLastSealed(ending message: [UInt8]) -> Sealed? {
        remembered.withLock { $0?.removeValue(forKey: Array(message.suffix(Self.tagLength))) }
    }

    init(seed: UInt64, host: Int, ledger: KeyUseLedger) {
        self.host = host
        base = SimulatedCryptoProvider(seed: seed)
        self.ledger = ledger
    }

    func prf(_ algorithm: PRFAlgorithm, key: SecretBytes, _ input: [CryptoInput]) throws(CryptoFailure) -> SecretBytes {
        try base.prf(algorithm, key: key, input)
    }

    func seal(
        _ plaintext: [UInt8],
        associatedData: [UInt8],
        iv: [UInt8],
        keys: SKKeys
    ) throws(CryptoFailure) -> [UInt8] {
        let key = Digest.of(keys.encryptionKey, keys.salt)
        let number = iv.count == 8 ? iv.reduce(0) { $0 << 8 | UInt64($1) } : Digest.of(iv)
        ledger.seal(key: key, iv: number, what: "SK payload")
        ledger.seals(key: key, host: host)
        let body = try base.seal(plaintext, associatedData: associatedData, iv: iv, keys: keys)
        remembered.withLock {
            $0?[Array(body.suffix(Self.tagLength))] = Sealed(plaintext: plaintext, iv: iv, keys: keys)
        }
        return body
    }

    func open(message: [UInt8], bodyOffset: Int, keys: SKKeys) throws(CryptoFailure) -> [UInt8] {
        do throws(CryptoFailure) {
            let plain = try base.open(message: message, bodyOffset: bodyOffset, keys: keys)
            // Whoever seals tickets opens them; they have less in front than any message.
            if bodyOffset >= IKEHeader.byteCount {
                ledger.opened(key: Digest.of(keys.encryptionKey, keys.salt), host: host)
            }
            return plain
        } catch {
            ledger.failedOpen()
            throw error
        }
    }

    func generateKeyExchange(_ method: KeyExchangeMethod) throws(CryptoFailure) -> KeyExchangePrivateKey {
        try base.generateKeyExchange(method)
    }

    func encapsulate(
        _ method: KeyExchangeMethod,
        peerValue: [UInt8]
    ) throws(CryptoFailure) -> KeyExchangePrivateKey {
        try base.encapsulate(method, peerValue: peerValue)
    }

    func keyExchange(
        _ method: KeyExchangeMethod,
        privateBytes: SecretBytes
    ) throws(CryptoFailure) -> KeyExchangePrivateKey {
        try base.keyExchange(method, privateBytes: privateBytes)
    }

    func sharedSecret(_ key: KeyExchangePrivateKey, peerValue: [UInt8]) throws(CryptoFailure) -> SecretBytes {
        try base.sharedSecret(key, peerValue: peerValue)
    }

    func sign(
        _ octets: [UInt8],
        key: SigningKey,
        peerHashes: Set<SignatureHash>?,
        policy: SignaturePolicy
    ) throws(SignatureRefusal) -> SignatureAuthentication {
        try base.sign(octets, key: key, peerHashes: peerHashes, policy: policy)
    }

    func verify(
        _ authentication: SignatureAuthentication,
        octets: [UInt8],
        key: VerificationKey,
        policy: SignaturePolicy
    ) throws(SignatureRefusal) -> SignatureAlgorithm {
        try base.verify(authentication, octets: octets, key: key, policy: policy)
    }

    func verificationKey(spkiDER: [UInt8]) throws(KeyRefusal) -> VerificationKey {
        try base.verificationKey(spkiDER: spkiDER)
    }
}
