import IPsecTypes
import LegacyDigests

@testable import RADIUS

/// A generator with a seed.
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }
}

/// Servers in virtual time: what a client sends reaches those that are up after a pause, and their answers come back.
struct VirtualServers {
    static let secret = SecretBytes(Array("correct horse battery".utf8))

    var client: RADIUSClient
    var now = Instant.zero
    var random = Seeded(state: 1)
    /// Which servers answer; nil answers nothing and is a black hole.
    var answers: [(@Sendable (RADIUSPacket) -> RADIUSPacket?)?]
    var finished: [RADIUSRequestID: (outcome: RADIUSOutcome, at: Instant)] = [:]
    var reports: [RADIUSReport] = []
    /// What was sent: time, server and octets.
    var sent: [(at: Instant, lane: RADIUSLane, bytes: [UInt8])] = []
    private var actions: [RADIUSAction] = []

    init(_ count: Int, settings: RADIUSClientSettings = RADIUSClientSettings()) {
        let servers = (0..<count).map { Self.server($0) }
        client = RADIUSClient(servers: servers, settings: settings)
        answers = Array(repeating: nil, count: count)
    }

    static func server(_ index: Int) -> RADIUSServer {
        RADIUSServer(name: "r\(index)", endpoint: endpoint(index), secret: secret)
    }

    static func endpoint(_ index: Int) -> Endpoint { Endpoint(.v4(0xc000_0201 + UInt32(index)), port: 1812) }

    mutating func begin(_ request: RADIUSRequest) -> RADIUSRequestID {
        let id = client.begin(request, now: now, using: &random, into: &actions)
        carryOut()
        return id
    }

    /// Hands a datagram to the client.
    mutating func deliver(_ bytes: [UInt8], from source: Endpoint, on lane: RADIUSLane) {
        client.receive(bytes, from: source, on: lane, now: now, into: &actions)
        carryOut()
    }

    /// Lets time pass.
    mutating func run(until end: Instant) {
        while let due = client.nextDeadline, due <= end {
            // A driver wakes up in steps of milliseconds, too.
            now = max(now, min(end, due + .milliseconds(5)))
            client.handleTimeout(now: now, using: &random, into: &actions)
            carryOut()
        }
        now = end
    }

    private mutating func carryOut() {
        while !actions.isEmpty {
            switch actions.removeFirst() {
            case .send(let bytes, let lane):
                sent.append((now, lane, bytes))
                guard let behaviour = answers[lane.server], let request = try? RADIUSPacket(parsing: bytes),
                    let answer = behaviour(request)
                else { continue }
                client.receive(
                    Self.seal(answer, to: request),
                    from: Self.endpoint(lane.server),
                    on: lane,
                    now: now,
                    into: &actions
                )
            case .finished(let id, let outcome): finished[id] = (outcome, now)
            case .report(let report): reports.append(report)
            }
        }
    }

    static func seal(_ answer: RADIUSPacket, to request: RADIUSPacket) -> [UInt8] {
        var answer = answer
        answer.identifier = request.identifier
        answer.sealAnswer(to: request.authenticator, secret)
        return answer.encoded
    }

    /// Says yes to everything.
    static let accepts: @Sendable (RADIUSPacket) -> RADIUSPacket? = { request in
        switch request.code {
        case .accountingRequest: RADIUSPacket(code: .accountingResponse, identifier: 0)
        default: RADIUSPacket(code: .accessAccept, identifier: 0)
        }
    }

    func answer(_ id: RADIUSRequestID) -> RADIUSAnswer? {
        guard case .answered(let answer)? = finished[id]?.outcome else { return nil }
        return answer
    }
}

extension RADIUSRequest {
    static var plain: RADIUSRequest { RADIUSRequest(.accessRequest, [RADIUSAttribute(.userName, text: "nemo")]) }
}

/// Hides a key as MS-MPPE-Send-Key is hidden (RFC 2548 §2.4.2): the server's half, for tests.
func hiddenKey(
    _ key: [UInt8],
    type: UInt8,
    salt: [UInt8],
    secret: SecretBytes,
    authenticator: [UInt8]
) -> RADIUSAttribute {
    var plain = [UInt8(key.count)] + key
    while plain.count % 16 != 0 { plain.append(0) }
    var hidden: [UInt8] = []
    var previous = authenticator + salt
    for start in stride(from: 0, to: plain.count, by: 16) {
        let digest = FixedLegacyDigests.md5([], secret, previous)
        previous = zip(plain[start..<(start + 16)], digest).map { $0 ^ $1 }
        hidden += previous
    }
    let value = salt + hidden
    return RADIUSAttribute(.vendorSpecific, [0, 0, 1, 0x37, type, UInt8(value.count + 2)] + value)
}
