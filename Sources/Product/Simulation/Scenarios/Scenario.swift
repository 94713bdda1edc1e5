import IKEMessage
import IPsecTypes

/// One run's settings, all drawn from its seed.
struct Scenario {
    /// What gateway and agents know of a post-quantum pre-shared key.
    struct SharedPPK {
        var gatewayRequires: Bool
        var agentsRequire: Bool
        /// Whether the agents call it otherwise, so that both go on without.
        var isUnknown: Bool
    }

    enum Credentials: CaseIterable {
        case certificate
        case preSharedKey
    }

    /// How agents prove themselves beside, or instead of, what ``Credentials`` says.
    enum Proofs: CaseIterable {
        /// By nothing else, in one round.
        case credentials
        /// By EAP; the gateway by its certificate.
        case eap
        /// Both ends by EAP alone (RFC 5998).
        case eapOnly
        /// By the credentials, then by EAP (RFC 4739).
        case credentialsThenEAP
        /// By their certificate twice, and so does the gateway (RFC 4739).
        case twoCertificates

        /// Whether EAP has the last word, and so names the peer.
        var endsWithEAP: Bool { self == .eap || self == .eapOnly || self == .credentialsThenEAP }
    }

    /// Something a run does to itself.
    enum Disturbance: CaseIterable {
        case rekeyChild
        case rekeyIKE
        case rekeyBoth
        case probe
        case addChild
        case closeChild
        case closeIKE
        case crash
        case handOver
        case rebootNAT
        case partition
        case move
        case restartWithState
        case stepClock
        case suspend

        /// What a driver may ask for at any time.
        static let commands: [Disturbance] = [
            .rekeyChild, .rekeyIKE, .rekeyBoth, .probe, .addChild, .rekeyChild, .closeChild, .closeIKE,
        ]
        /// Those of them after which no packet may be lost.
        static let harmless: [Disturbance] = [.rekeyChild, .rekeyIKE, .rekeyBoth, .probe]
    }

    var kind: ScenarioKind
    var seed: UInt64
    var agents = 1
    var children = 1
    var conditions = LinkConditions()
    var credentials = Credentials.certificate
    var proofs = Proofs.credentials
    var eap = EAPDescription(password: "")
    var certificateBytes = 600
    var fragmentBytes = 1280
    var fragments = true
    var nat: NATBehaviour?
    /// Whether all agents are behind one NAT.
    var sharesNAT = false
    /// Whether the gateway is behind a NAT that forwards its ports.
    var gatewayNAT = false
    var adversary = AdversarySettings()
    /// How far civil clocks are apart, and what they are set by.
    var clockSteps: [Int64] = []
    var virtualAddresses = true
    var usesIPv6 = false
    var refusesFirstMethod = false
    var demandsCookies = false
    /// How many half-open IKE SAs bring a demand for cookies, how long its secrets live, and how long a demand stands.
    var cookieThreshold = 1
    var cookieSecretLifetime: Duration?
    var cookieDemandMemory: Duration?
    /// Whether Child SAs are in transport mode.
    var transport = false
    /// Whether everybody must solve puzzles, before IKE_SA_INIT and before IKE_AUTH.
    var demandsPuzzles = false
    var site = false
    var strangers = false
    var answerLatency: ClosedRange<Duration> = .zero ... .zero
    var answerFaults = 0
    var childRekey: ClosedRange<Duration> = .seconds(1200) ... .seconds(1500)
    var childHard: Duration = .seconds(1800)
    var ikeRekey: ClosedRange<Duration> = .seconds(3000) ... .seconds(3600)
    var packetLimit: UInt64?
    /// Additional key exchanges (RFC 9370) of IKE SAs and, the first of them, of Child SAs.
    var additional: [[KeyExchangeMethod]] = []
    /// The post-quantum pre-shared key (RFC 8784); nil for none.
    var ppk: SharedPPK?
    var cipher = CipherChoice(.aesGCM16, keyBits: 256)
    var trafficPause: Duration? = .milliseconds(700)
    /// How long things go wrong.
    var turmoil: Duration = .seconds(60)
    /// Pause between two disturbances.
    var disturbancePause: ClosedRange<Duration> = .milliseconds(300) ... .seconds(6)
    var disturbances: [Disturbance] = Disturbance.commands

    init(kind: ScenarioKind, seed: UInt64) {
        self.kind = kind
        self.seed = seed
        var random = SplitMix64(seed: seed ^ Digest.of(kind.rawValue.utf8))
        agents = random.number(1...3)
        children = random.number(1...2)
        credentials = random.pick(Credentials.allCases)
        virtualAddresses = random.chance(700)
        refusesFirstMethod = random.chance(200)
        demandsCookies = random.chance(150)
        usesIPv6 = random.chance(200)
        site = random.chance(200)
        if random.chance(250) { trafficPause = nil }
        if random.chance(300) { answerLatency = .zero ... .milliseconds(200) }
        if random.chance(300) { drawNAT(using: &random) }
        cipher = random.pick([
            CipherChoice(.aesGCM16, keyBits: 256), CipherChoice(.chaCha20Poly1305, keyBits: 256),
            CipherChoice(.aesCBC, keyBits: 128),
        ])
        conditions.delay = .milliseconds(1) ... .milliseconds(random.number(2...120))
        adapt(using: &random)
        if nat != nil { usesIPv6 = false }
        // RFC 8200 §5: no link of IPv6 has less.
        if usesIPv6 { conditions.mtu = max(conditions.mtu, 1280) }
    }

    mutating func drawNAT(using random: inout SplitMix64) {
        nat = NATBehaviour(
            mapping: random.pick(NATBehaviour.Dependence.allCases),
            filtering: random.pick(NATBehaviour.Dependence.allCases),
            ports: random.pick(NATBehaviour.Ports.allCases),
            hairpins: random.chance(300)
        )
        sharesNAT = random.chance(400)
    }

    // Long because it is a table: what each kind changes.
    private mutating func adapt(using random: inout SplitMix64) {
        switch kind {
        case .clean: disturbances = random.chance(600) ? Disturbance.harmless : Disturbance.commands
        case .lossy: conditions.loss = random.number(20...300)
        case .reordering:
            conditions.reordering = random.number(50...400)
            conditions.duplication = random.number(0...300)
        case .nat:
            drawNAT(using: &random)
            gatewayNAT = random.chance(300)
            if random.chance(300) { nat?.lifetime = .seconds(15) }
            disturbances += [.rebootNAT, .rebootNAT, .rebootNAT]
        case .rekeying:
            childRekey = .seconds(8) ... .seconds(10)
            childHard = .seconds(40)
            ikeRekey = .seconds(15) ... .seconds(20)
            if random.chance(300) { packetLimit = UInt64(random.number(5...20)) }
            disturbances = Disturbance.harmless + [.addChild]
            conditions.delay = .milliseconds(50) ... .milliseconds(400)
            conditions.loss = random.pick([0, 0, 50, 150])
        case .handover:
            disturbances += [.handOver, .handOver, .handOver, .handOver]
            conditions.loss = random.pick([0, 50])
        case .crash:
            disturbances += [.crash, .crash]
            conditions.loss = random.pick([0, 50])
        case .smallMTU:
            conditions.mtu = random.pick([600, 1000, 1280])
            fragmentBytes = random.pick([576, conditions.mtu])
            certificateBytes = random.number(1500...9000)
            credentials = .certificate
            conditions.loss = random.pick([0, 0, 100])
            conditions.reordering = random.pick([0, 200])
        case .hostile:
            conditions.corruption = random.number(0...60)
            conditions.replay = random.number(10...150)
            conditions.duplication = random.number(0...100)
        case .slowDriver:
            answerLatency = .zero ... .milliseconds(random.number(50...1500))
            answerFaults = random.pick([0, 20, 80])
        case .partition: disturbances += [.partition, .partition]
        case .strangers:
            strangers = true
            agents = random.number(2...3)
        case .moving, .persisted, .clocks, .adversary, .flood, .eap: adaptToTrouble(using: &random)
        case .hybrid, .ppk: adaptToPostQuantum(using: &random)
        case .returning: adaptToReturning(using: &random)
        case .transport: adaptToTransport(using: &random)
        case .longRun:
            turmoil = .seconds(3 * 3600 + 600)
            agents = 1
            disturbances = []
            trafficPause = random.chance(500) ? .seconds(7) : nil
            conditions.loss = random.pick([0, 0, 30])
        }
    }

    private mutating func adaptToPostQuantum(using random: inout SplitMix64) {
        conditions.loss = random.pick([0, 0, 50, 150])
        conditions.reordering = random.pick([0, 200, 400])
        conditions.duplication = random.pick([0, 200])
        if kind == .hybrid || random.chance(500) {
            additional = random.pick([
                [[.mlKEM768]], [[.mlKEM1024]], [[.mlKEM768], [.ecp384]], [[.ecp384], [.mlKEM1024], [.mlKEM768]],
            ])
        }
        if random.chance(400) {
            childRekey = .seconds(8) ... .seconds(12)
            childHard = .seconds(60)
            ikeRekey = .seconds(20) ... .seconds(30)
        }
        if random.chance(300) { (conditions.mtu, fragmentBytes) = (1000, 576) }
        if random.chance(300) { conditions.corruption = random.number(5...40) }
        if random.chance(300) { adversary = .random(using: &random) }
        if random.chance(200) { (answerLatency, answerFaults) = (.zero ... .milliseconds(300), 20) }
        if random.chance(300) { disturbances += [.crash, .handOver] }
        guard kind == .ppk else { return }
        let isUnknown = random.chance(250)
        ppk = SharedPPK(
            gatewayRequires: !isUnknown && random.chance(500),
            agentsRequire: !isUnknown && random.chance(500),
            isUnknown: isUnknown
        )
    }

    /// Many messages before anything stands, long ones among them, and all that a network does to them.
    private mutating func adaptToEAP(using random: inout SplitMix64) {
        proofs = random.pick(Proofs.allCases.filter { $0 != .credentials })
        if proofs != .credentialsThenEAP { credentials = .certificate }
        eap.questions = UInt8(random.number(1...6))
        eap.padding = random.pick([0, 0, 1500, 4000])
        conditions.loss = random.pick([0, 50, 200])
        conditions.reordering = random.pick([0, 100, 300])
        conditions.duplication = random.pick([0, 100, 300])
        if random.chance(300) { adversary = .random(using: &random) }
        if random.chance(300) { answerFaults = random.pick([20, 80]) }
        if random.chance(300) { disturbances += [.crash, .handOver, .restartWithState] }
        strangers = random.chance(300)
        if strangers { agents = max(agents, 2) }
    }

    /// Families whose hosts are hit from outside.
    private mutating func adaptToTrouble(using random: inout SplitMix64) {
        switch kind {
        case .moving:
            if random.chance(500) { drawNAT(using: &random) }
            disturbances += [.move, .move, .move, .rebootNAT]
            conditions.loss = random.pick([0, 50])
        case .persisted:
            disturbances += [.restartWithState, .restartWithState, .crash, .handOver]
            conditions.loss = random.pick([0, 50])
        case .clocks:
            disturbances += [.stepClock, .stepClock, .suspend, .suspend]
            clockSteps = [31_536_000, -31_536_000, 1, -1, -600, 600]
        case .adversary:
            adversary = .random(using: &random)
            if random.chance(300) { drawNAT(using: &random) }
            if random.chance(300) { disturbances += [.crash, .handOver] }
        case .flood:
            adversary.flood = random.number(50...400)
            disturbances = Disturbance.harmless
            trafficPause = .milliseconds(700)
            turmoil = .seconds(40)
            demandsPuzzles = random.chance(500)
            if demandsPuzzles {
                // Junk in the name of honest half-open IKE SAs, loss and fragments that overtake each other.
                adversary.forge = random.number(0...200)
                conditions.loss = random.pick([0, 50])
                conditions.reordering = random.pick([0, 200])
                fragmentBytes = random.pick([1280, 576])
            }
        case .eap: adaptToEAP(using: &random)
        default: break
        }
    }
}
