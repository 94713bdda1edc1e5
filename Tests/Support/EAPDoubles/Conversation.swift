import EAP
import IPsecTypes

/// SplitMix64: the same seed gives the same run everywhere.
public struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    /// Starts at a seed.
    public init(seed: UInt64) { state = seed }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A peer and a server talking to each other in one process.
public struct Conversation {
    /// The server.
    public var server: EAPServer
    /// The peer.
    public var peer: EAPPeer
    /// Answers about users.
    public var users: (EAPCredentialQuestion) -> EAPCredential = { _ in .refused }
    /// Judges the client's certificate.
    public var judgeClient: (EAPCertificateQuestion) -> EAPCertificateVerdict = { _ in .accepted(identity: "client") }
    /// Judges the server's certificate.
    public var judgeServer: (EAPCertificateQuestion) -> EAPCertificateVerdict = { _ in .accepted(identity: "server") }
    /// May spoil what is on its way to the peer.
    public var toPeer: ([UInt8]) -> [UInt8] = { $0 }
    /// May spoil what is on its way to the server.
    public var toServer: ([UInt8]) -> [UInt8] = { $0 }
    private var random = SeededGenerator(seed: 1)

    /// What came of it at each end; nil where an end was still waiting.
    public struct Outcome {
        /// The server's end.
        public var server: Result<EAPSuccess, EAPFailure>?
        /// The peer's end.
        public var peer: Result<EAPSuccess, EAPFailure>?
        /// Packets that the server sent.
        public var requests: [[UInt8]] = []
        /// Packets that the peer sent.
        public var responses: [[UInt8]] = []
    }

    /// Takes both ends.
    public init(_ server: EAPServer, _ peer: EAPPeer) {
        self.server = server
        self.peer = peer
    }

    /// Talks until both ends are done or one falls silent.
    public mutating func run() -> Outcome {
        var outcome = Outcome()
        var action = server.handle(.start, using: &random)
        while true {
            let packet: [UInt8]
            switch action {
            case .lookUp(let question):
                action = server.handle(.credential(users(question)), using: &random)
                continue
            case .verify(let question):
                action = server.handle(.certificate(judgeClient(question)), using: &random)
                continue
            case .send(let bytes): packet = bytes
            case .succeeded(let bytes, let success):
                outcome.server = .success(success)
                packet = bytes
            case .failed(let bytes, let failure):
                outcome.server = .failure(failure)
                packet = bytes
            }
            outcome.requests.append(packet)
            guard let response = tell(packet, &outcome) else { return outcome }
            outcome.responses.append(response)
            guard outcome.server == nil else { return outcome }
            action = server.handle(.packet(toServer(response)), using: &random)
        }
    }

    private mutating func tell(_ packet: [UInt8], _ outcome: inout Outcome) -> [UInt8]? {
        var action = peer.handle(.packet(toPeer(packet)), using: &random)
        while case .verify(let question) = action {
            action = peer.handle(.certificate(judgeServer(question)), using: &random)
        }
        switch action {
        case .send(let response): return response
        case .succeeded(let success): outcome.peer = .success(success)
        case .failed(let failure): outcome.peer = .failure(failure)
        case .verify: break
        }
        return nil
    }
}

extension Conversation.Outcome {
    /// The server's success.
    public var served: EAPSuccess? { try? server?.get() }
    /// The peer's success.
    public var peered: EAPSuccess? { try? peer?.get() }
    /// Why the server failed.
    public var serverFailure: EAPFailure? { if case .failure(let failure) = server { failure } else { nil } }
    /// Why the peer failed.
    public var peerFailure: EAPFailure? { if case .failure(let failure) = peer { failure } else { nil } }
    /// Whether both ends succeeded with the same key.
    public var agrees: Bool {
        guard let served, let peered else { return false }
        switch (served.key, peered.key) {
        case (nil, nil): return true
        case (let left?, let right?): return left.count == 64 && left.isEqual(to: right)
        default: return false
        }
    }
}

extension SecretBytes {
    /// A secret of a text.
    public convenience init(text: String) { self.init(Array(text.utf8)) }
}
