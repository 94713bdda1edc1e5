import CLibssl
import EAP
import IPsecTypes
import Synchronization

/// One TLS session of libssl over bytes in memory. A lock makes its calls follow each other whatever thread they come from.
final class TLSSession: TLSEngine {
    private struct State {
        let session: OpaquePointer
        var isEstablished = false
        /// A session that failed answers nothing else.
        var failure: String?
        var received = 0
    }

    private let state: Mutex<State>
    /// Octets that one session takes: four times the longest message.
    private static let inputLimit = 4 * EAPLimits.tlsMessage
    /// Certificates handed out.
    private static let chainLimit = 8
    private static let certificateLimit = 32 * 1024

    init?(_ context: TLSContext, names: [String], wallClock: WallTime) {
        let isServer: Int32 = context.role.isServer ? 1 : 0
        guard let session = culvert_tls_new(context.pointer, isServer, wallClock.secondsSinceEpoch) else { return nil }
        for name in names where culvert_tls_accept_name(session, name) != 1 {
            culvert_tls_free(session)
            return nil
        }
        state = Mutex(State(session: session))
    }

    deinit { state.withLock { culvert_tls_free($0.session) } }

    func receive(_ bytes: [UInt8]) -> TLSProgress {
        state.withLock { state in
            if let failure = state.failure { return TLSProgress(state: .failed(failure)) }
            state.received += bytes.count
            guard state.received <= Self.inputLimit, culvert_tls_feed(state.session, bytes, bytes.count) == 1 else {
                state.failure = "the peer sent more than a TLS session here takes"
                return TLSProgress(state: .failed("the peer sent more than a TLS session here takes"))
            }
            var progress = Self.advance(&state)
            progress.output = Self.drain(state.session)
            if case .failed(let reason) = progress.state { state.failure = reason }
            return progress
        }
    }

    private static func advance(_ state: inout State) -> TLSProgress {
        if !state.isEstablished {
            switch culvert_tls_handshake(state.session) {
            case CULVERT_TLS_DONE: state.isEstablished = true
            case CULVERT_TLS_NEEDS_INPUT: return TLSProgress(state: .handshaking)
            default: return TLSProgress(state: .failed(reason(state.session)))
            }
        }
        var plaintext: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        defer { buffer.wipe() }
        while plaintext.count <= EAPLimits.tlsMessage {
            var count = 0
            switch culvert_tls_read(state.session, &buffer, buffer.count, &count) {
            case CULVERT_TLS_DONE: plaintext += buffer.prefix(count)
            case CULVERT_TLS_NEEDS_INPUT: return TLSProgress(state: .established, plaintext: plaintext)
            case CULVERT_TLS_CLOSED: return TLSProgress(state: .closed, plaintext: plaintext)
            default: return TLSProgress(state: .failed(reason(state.session)))
            }
        }
        return TLSProgress(state: .failed("a TLS message is too long"))
    }

    private static func drain(_ session: OpaquePointer) -> [UInt8] {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = culvert_tls_drain(session, &buffer, buffer.count)
            guard count > 0 else { return output }
            output += buffer.prefix(count)
        }
    }

    private static func reason(_ session: OpaquePointer) -> String {
        var text = [CChar](repeating: 0, count: 160)
        culvert_tls_reason(session, &text, text.count)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func encrypt(_ plaintext: [UInt8]) -> [UInt8]? {
        state.withLock { state in
            guard state.isEstablished, state.failure == nil,
                culvert_tls_write(state.session, plaintext, plaintext.count) == CULVERT_TLS_DONE
            else { return nil }
            return Self.drain(state.session)
        }
    }

    func exportKey(label: String, context: [UInt8]?, count: Int) -> SecretBytes? {
        state.withLock { state in
            guard state.isEstablished, state.failure == nil, count > 0, count <= 1024 else { return nil }
            let octets = context ?? []
            var isGood = false
            let secret = SecretBytes(count: count) { buffer in
                guard let base = buffer.baseAddress else { return }
                let target = base.assumingMemoryBound(to: UInt8.self)
                isGood =
                    culvert_tls_export(
                        state.session,
                        target,
                        count,
                        label,
                        label.utf8.count,
                        octets,
                        octets.count,
                        context == nil ? 0 : 1
                    ) == 1
            }
            return isGood ? secret : nil
        }
    }

    var version: TLSVersion? {
        state.withLock { state in
            state.isEstablished ? TLSVersion(rawValue: Int(culvert_tls_version(state.session))) : nil
        }
    }

    var peerChain: [[UInt8]] {
        state.withLock { state in
            guard state.isEstablished else { return [] }
            var chain: [[UInt8]] = []
            var buffer = [UInt8](repeating: 0, count: Self.certificateLimit)
            while chain.count < Self.chainLimit {
                let count = culvert_tls_peer_certificate(state.session, chain.count, &buffer, buffer.count)
                guard count > 0 else { break }
                chain.append(Array(buffer.prefix(count)))
            }
            return chain
        }
    }
}
