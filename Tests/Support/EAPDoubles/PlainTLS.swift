import EAP
import IPsecTypes
import Synchronization

/// A double of TLS that encrypts nothing and proves nothing, so that what stands on TLS can be tested and fuzzed without
/// randomness. Its handshake is a word each way: CH, SH, CF and, where it plays TLS 1.2, SF.
public final class PlainTLS: TLSEngine {
    private struct State {
        var step = 0
        var isEstablished = false
    }

    private let state = Mutex(State())
    private let isServer: Bool
    private let plays: TLSVersion
    private let padding: Int
    /// What the other side is said to have shown.
    private let chain: [[UInt8]]

    /// Makes an engine; `padding` octets make the server's first message long.
    public init(isServer: Bool, plays: TLSVersion, padding: Int = 0, chain: [[UInt8]] = [[0x30]]) {
        self.isServer = isServer
        self.plays = plays
        self.padding = padding
        self.chain = chain
    }

    /// Takes a word.
    public func receive(_ bytes: [UInt8]) -> TLSProgress {
        state.withLock { state in
            if state.isEstablished { return TLSProgress(state: .established, plaintext: bytes) }
            state.step += 1
            switch (isServer, state.step) {
            case (false, 1) where bytes.isEmpty: return TLSProgress(state: .handshaking, output: word("CH"))
            case (true, 1) where bytes == word("CH"):
                return TLSProgress(
                    state: .handshaking,
                    output: word("SH") + [UInt8](repeating: 0x20, count: padding)
                )
            case (false, 2) where bytes.starts(with: word("SH")):
                state.isEstablished = plays == .tls13
                return TLSProgress(state: plays == .tls13 ? .established : .handshaking, output: word("CF"))
            case (true, 2) where bytes.starts(with: word("CF")):
                state.isEstablished = true
                return TLSProgress(
                    state: .established,
                    output: plays == .tls12 ? word("SF") : [],
                    plaintext: Array(bytes.dropFirst(2))
                )
            case (false, 3) where bytes == word("SF") && plays == .tls12:
                state.isEstablished = true
                return TLSProgress(state: .established)
            default: return TLSProgress(state: .failed("no such step"), output: word("AL"))
            }
        }
    }

    private func word(_ text: String) -> [UInt8] { Array(text.utf8) }

    /// The same octets.
    public func encrypt(_ plaintext: [UInt8]) -> [UInt8]? {
        state.withLock { $0.isEstablished } ? plaintext : nil
    }

    /// Octets that depend on label and context alone.
    public func exportKey(label: String, context: [UInt8]?, count: Int) -> SecretBytes? {
        guard state.withLock({ $0.isEstablished }) else { return nil }
        let seed = Array(label.utf8) + (context ?? [0xFF])
        return SecretBytes((0..<count).map { UInt8(truncatingIfNeeded: $0) ^ seed[$0 % seed.count] })
    }

    /// What it plays.
    public var version: TLSVersion? { state.withLock { $0.isEstablished } ? plays : nil }
    /// What it was made with.
    public var peerChain: [[UInt8]] { chain }
}

/// Hands out doubles of TLS.
public struct PlainTLSProvider: TLSEngineProvider {
    private let plays: TLSVersion
    private let padding: Int

    /// Settings of all doubles.
    public init(plays: TLSVersion = .tls12, padding: Int = 0) {
        self.plays = plays
        self.padding = padding
    }

    /// A double for the role.
    public func makeEngine(_ role: TLSRole, wallClock: WallTime) -> (any TLSEngine)? {
        switch role {
        case .server: PlainTLS(isServer: true, plays: plays, padding: padding)
        case .client: PlainTLS(isServer: false, plays: plays)
        }
    }
}
