import ArgumentParser
import Foundation
import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes
import LegacyDigests
import PKI
import PacketIO
import Runtime

/// `culvert-load setup`: many tunnels to one gateway, from one process, each with a certificate of its own.
struct SetupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "setup",
        abstract: "Sets tunnels up and says how long each took; can keep them up.",
        discussion: """
            Full set-ups: IKE_SA_INIT with X25519, IKE_AUTH with certificates, a virtual address and one Child SA with
            AES-256-GCM, ESP in UDP. With --hybrid, ML-KEM-768 in IKE_INTERMEDIATE as well. The gateway's chain is validated once, its signature every time. What is printed
            comes when the last set-up has ended; with --hold the tunnels then stay until the time is over or SIGTERM
            comes. Exits with 1 when a set-up failed.
            """
    )

    @Option(help: "The gateway's address: loopback, or reached from a laboratory's network namespace.")
    var gateway: String

    @Option(help: "The identity the gateway must prove.")
    var remoteId = "gw.lab"

    @Option(help: "A directory that culvert-load pki filled.")
    var pki: String

    @Option(help: "How many tunnels, up to 100000.")
    var count = 100

    @Option(help: "The number of the first client's certificate.")
    var first = 0

    @Option(help: "Set-ups under way at a time, up to 1024.")
    var concurrency = 8

    @Option(help: "A source address; repeated, they are taken in turn. By default the one the routes say.")
    var local: [String] = []

    @Option(help: "What to ask for on the gateway's side.")
    var remoteNetwork = "10.20.0.0/24"

    @Option(help: "Seconds to keep the tunnels up, up to 3600.")
    var hold = 0

    @Option(help: "Seconds after which the run is given up, up to 3600.")
    var timeout = 120

    @Flag(help: "X25519 with ML-KEM-768 behind it, and nothing less.")
    var hybrid = false

    @Flag(help: "One line of JSON.")
    var json = false

    func validate() throws {
        try Self.check(count, 1...100_000, "--count")
        try Self.check(first, 0...99_999, "--first")
        try Self.check(concurrency, 1...1024, "--concurrency")
        try Self.check(hold, 0...3600, "--hold")
        try Self.check(timeout, 1...3600, "--timeout")
        _ = try Self.address(gateway)
        for text in local { _ = try Self.address(text) }
        guard IPPrefix(remoteNetwork) != nil else { throw ValidationError("--remote-network is not a network") }
    }

    func run() throws {
        let target = try Self.address(gateway)
        try LaboratoryOnly.check(target)
        let signals = try DaemonSignals()
        let shard = try makeShard(target)
        shard.post { core, delegate in (delegate as? LoadDriver)?.begin(core) }
        var progress = wait(for: shard, signals)
        if !progress.isComplete {
            progress.reasons += shard.call { core, delegate in (delegate as? LoadDriver)?.unfinished(core) ?? [] } ?? []
        }
        let report = SetupReport(progress)
        // Unbuffered: what follows may take long, and whoever reads this wants it at once.
        FileHandle.standardOutput.write(Data(((json ? report.json : report.text) + "\n").utf8))
        if progress.isComplete, hold > 0 { keep(shard, signals) }
        _ = shard.call { _, delegate in (delegate as? LoadDriver)?.prepareToClose() }
        shard.shutDown(grace: 10)
        if !progress.isComplete {
            throw LoadFailure("given up after \(timeout) s, or told to stop, before all had ended")
        }
        if report.failed > 0 { throw ExitCode(1) }
    }

    /// Until all set-ups have ended, a signal comes or the time is over.
    private func wait(for shard: ControlShard, _ signals: DaemonSignals) -> LoadProgress {
        let deadline = SystemClock.now + .seconds(timeout)
        var last = LoadProgress()
        while SystemClock.now < deadline {
            if signals.wait(milliseconds: 20) == .stop { break }
            if let now = Self.progress(of: shard) { last = now }
            if last.isComplete { break }
        }
        return last
    }

    private func keep(_ shard: ControlShard, _ signals: DaemonSignals) {
        let end = SystemClock.now + .seconds(hold)
        while SystemClock.now < end {
            if signals.wait(milliseconds: 500) == .stop { break }
        }
        let lost = Self.progress(of: shard)?.lost ?? 0
        if lost > 0 { FileHandle.standardError.write(Data("\(lost) tunnels ended while they were held\n".utf8)) }
    }

    private static func progress(of shard: ControlShard) -> LoadProgress? {
        shard.call { _, delegate in (delegate as? LoadDriver)?.progress } ?? nil
    }

    private func makeShard(_ target: IPAddress) throws -> ControlShard {
        let crypto = StandardCryptoProvider()
        let clients = try ClientCredentials.load(pki, first..<(first + count))
        let anchors = try TrustAnchors(certificates: PEM.certificates(in: ClientCredentials.read("\(pki)/ca.crt")))
        let connections = try clients.enumerated().map { try connection($0.offset, $0.element, anchors) }
        let signers = clients.enumerated().map { (Self.keyID($0.offset), LocalKeyOracle.Signer(key: $0.element.key)) }
        let authenticator = CertificateAuthenticator(
            crypto: crypto,
            trust: [Self.name: CertificateAuthenticator.Trust(anchors: anchors, purpose: .peer)],
            registry: PeerRegistry()
        )
        var random = SystemRandom()
        let spis = SPIAllocator(node: 0, shard: 0, key: (random.next(), random.next()), start: random.next())
        let parts = ControlShard.Parts(
            configuration: IKEConfiguration(connections: []),
            crypto: crypto,
            spis: spis,
            oracle: LocalKeyOracle(crypto: crypto, signers: Dictionary(uniqueKeysWithValues: signers)),
            authenticator: LoadAuthenticator(authenticator, crypto: crypto) { try? ParsedCertificate(der: $0).spkiDER },
            pool: BoundedPool(name: "load", threads: 2, limit: 1 << 16)
        )
        let endpoint = Endpoint(target, port: 500)
        let sources = try local.map { try Self.address($0) }
        let plan = LoadPlan(
            connections: connections,
            locals: try sources.isEmpty ? [UDPSocket.sourceAddress(towards: endpoint)] : sources,
            gateway: endpoint,
            localPort: 500,
            concurrency: concurrency
        )
        let dataplane = try LoadDataplane(family: target.family, ikePort: 500, natPort: 4500)
        return try ControlShard(parts, dataplane: dataplane) { LoadDriver(plan) }
    }

    private static let name = "load"

    private static func keyID(_ number: Int) -> KeyID { KeyID("client-\(number)") }

    private func connection(
        _ number: Int,
        _ client: ClientCredentials,
        _ anchors: TrustAnchors
    ) throws -> ConnectionConfiguration {
        guard let remote = Identity(configuration: remoteId), let network = IPPrefix(remoteNetwork) else {
            throw LoadFailure("\(remoteId) is not an identity")
        }
        var timing = ConnectionTiming()
        timing.giveUp = .seconds(30)
        // The gateway asks whether we live; we do not ask back, so that what is measured is the gateway.
        timing.deadPeerDetection = nil
        return ConnectionConfiguration(
            name: Self.name,
            localIdentity: client.identity,
            remoteIdentity: .oneOf([remote]),
            localAuthentication: .certificate(chain: client.chain, key: Self.keyID(number)),
            remoteAuthentication: .certificate(
                authorityKeyHashes: anchors.spkiDERs.map { FixedLegacyDigests.authorityHash(spkiDER: $0) }
            ),
            ikeProposals: [
                IKEProposal(
                    ciphers: [.aes256GCM],
                    prfs: [.hmacSHA384],
                    keyExchanges: [.x25519],
                    additionalKeyExchanges: hybrid ? [[.mlKEM768]] : []
                )
            ],
            children: [
                ChildConfiguration(
                    name: "net",
                    proposals: [ESPProposal(ciphers: [.aes256GCM])],
                    remoteSelectors: [TrafficSelector(network)]
                )
            ],
            requestedAddresses: [network.range.first.family],
            alwaysEncapsulates: true,
            replacesOlder: false,
            timing: timing
        )
    }
}
