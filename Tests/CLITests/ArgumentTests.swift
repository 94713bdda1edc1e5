import ArgumentParser
import CertificateAuthority
import ConfigFile
import Foundation
import IPsecTypes
import PKI
import Policy
import Testing

@testable import culvert

@Suite("What the command line takes")
struct ArgumentTests {
    @Test(arguments: [
        ["--nmae"], ["init", "--address", "10.0.0.300"], ["ca", "issue"], ["ca", "issue", "--role", "king"],
        ["ca", "issue", "--name", "a", "--lifetime", "-3h"], ["up", "a", "--profile", "b"], ["gateway", "close"],
        ["up", "--owner-pid", "0", "a"], ["policy", "explain"], ["frobnicate"], ["ca", "revoke"],
    ])
    func mistakesAreUsageErrorsWithTheNextCommand(words: [String]) throws {
        let error = #expect(throws: (any Error).self) { _ = try Culvert.parseAsRoot(words) }
        let failure = Invocation.culvertError(try #require(error))
        #expect(failure.code == .usage)
        #expect(failure.exitClass == .config)
        #expect(failure.next.hasPrefix("culvert "))
        #expect(!failure.message.isEmpty)
    }

    @Test func durationsNameTheirUnit() {
        #expect(DurationArgument(argument: "24h")?.seconds == 86_400)
        #expect(DurationArgument(argument: "30d")?.seconds == 2_592_000)
        #expect(DurationArgument(argument: "90s")?.seconds == 90)
        #expect(DurationArgument(argument: "20")?.seconds == 20)
        for text in ["", "0", "0s", "-1h", "h", "10y", "500ms"] { #expect(DurationArgument(argument: text) == nil) }
    }

    @Test func pathsFollowWhoRunsTheProgram() {
        let environment = ["HOME": "/users/u", "XDG_RUNTIME_DIR": "/run/user/7", "XDG_STATE_HOME": "relative"]
        #expect(StandardPaths.choose(isRoot: true, environment: environment) == .system)
        let user = StandardPaths.choose(isRoot: false, environment: environment)
        #expect(user.configuration == "/users/u/.config/culvert")
        #expect(user.state == "/users/u/.local/state/culvert")
        #expect(user.run == "/run/user/7/culvert")
    }

    @Test func aDirectoryOfItsOwnHoldsEverything() {
        let own = InstallationLayout(directory: "/srv/gw/", paths: .system)
        #expect(own.gatewayFile == "/srv/gw/gateway.yaml")
        #expect(own.control == "/srv/gw/run/gateway.sock")
        #expect((own.files + [own.state, own.authority.records]).allSatisfy { $0.hasPrefix("/srv/gw/") })
        let standard = InstallationLayout(directory: "/etc/culvert", paths: .system)
        #expect(standard == InstallationLayout(directory: nil, paths: .system))
        #expect(standard.authority.directory == "/var/lib/culvert/ca")
    }

    @Test(arguments: ["/srv/gw", "/etc/culvert"])
    func theFilesOfInitAreReadAsTheyAre(directory: String) throws {
        let layout = InstallationLayout(directory: directory, paths: .system)
        let pools = try ["10.99.0.0/16", "fd00:99::/64"].map { try #require(IPPrefix($0)) }
        let text = StarterFiles.gateway(
            name: "gw",
            identity: "vpn.example.com",
            trustDomain: "example.com",
            pools: pools,
            layout: layout
        )
        let configuration = try GatewayConfiguration.decode(Array(text.utf8), file: layout.gatewayFile)
        #expect(configuration.identity.id == "vpn.example.com")
        #expect(configuration.identity.certificate == layout.certificateFile)
        #expect(configuration.identity.key == layout.keyFile)
        #expect(configuration.identity.authorities == layout.rootsFile)
        #expect(configuration.pools == pools)
        #expect(configuration.files.policy == layout.policyFile)
        #expect(configuration.files.ca == layout.authority.directory)
        #expect(configuration.files.caDatabase == layout.authority.records)
        #expect(configuration.files.state == layout.state)
        #expect(configuration.files.control == layout.control)
        let starter = StarterFiles.policy(layout: layout)
        let policy = try PolicyDocument.decode(ConfigDocument.parse(Array(starter.utf8), file: "policy.yaml"))
        #expect(policy.rules.isEmpty)
        // The example is correct once its marks are removed.
        let example = starter.split(separator: "\n").drop { !$0.hasPrefix("# resources") }.map { $0.dropFirst(2) }
        let filled = "version: 1\n" + example.joined(separator: "\n")
        let engine = PolicyEngine(
            try PolicyDocument.decode(ConfigDocument.parse(Array(filled.utf8), file: "policy.yaml"))
        )
        #expect(engine.document.tests.count == 2)
        #expect(engine.testFailures().isEmpty)
    }

    @Test func trustDomainsComeFromTheName() {
        #expect(InitCommand.trustDomain(for: "vpn.example.com") == "example.com")
        #expect(InitCommand.trustDomain(for: "gw.lab") == "gw.lab")
        #expect(InitCommand.trustDomain(for: "gw") == "culvert.internal")
    }

    @Test func profilesNameAWayThatWorks() throws {
        let address = try #require(IPAddress("203.0.113.10"))
        let given = ProfileDefaults.choose(name: "gw.lab", given: [address], guessed: [])
        #expect(given == ProfileDefaults(gateway: "203.0.113.10", gatewayID: "gw.lab"))
        let named = ProfileDefaults.choose(name: "vpn.example.com", given: [], guessed: [address])
        #expect(named == ProfileDefaults(gateway: "vpn.example.com"))
        let bare = ProfileDefaults.choose(name: "gw", given: [], guessed: [address])
        #expect(bare.gateway == "203.0.113.10")
        for defaults in [given, named, bare] {
            let text = StarterFiles.profileDefaults(defaults)
            #expect(try ProfileDefaults.decode(Array(text.utf8), file: "profile.yaml") == defaults)
        }
        #expect(throws: ConfigProblems.self) {
            _ = try ProfileDefaults.decode(Array("gatway: a\n".utf8), file: "profile.yaml")
        }
    }

    @Test(arguments: [
        ("10.20.0.2:443", "10.20.0.2:443/tcp"), ("10.20.0.2:53/udp", "10.20.0.2:53/udp"),
        ("10.20.0.2/icmp", "10.20.0.2/icmp"), ("[fd00::1]:443", "[fd00::1]:443/tcp"),
    ])
    func destinationsAreReadAsTheyAreWritten(text: String, shown: String) throws {
        #expect(try ExplainSubject.target(text).description == shown)
    }

    @Test(arguments: ["", "10.20.0.2", "10.20.0.2/udp", "10.20.0.2:1/icmp", "fd00::1:443/gre", "10.0.0.1:99999", "a:1"])
    func destinationsThatMeanNothingAreRefused(text: String) {
        #expect(throws: CulvertError.self) { _ = try ExplainSubject.target(text) }
    }

    @Test func theErrorOfAnAgentThatEndedIsFoundInItsLog() {
        let error = CulvertError(.noTUN, "no /dev/net/tun", details: [("a", "{")])
        let log = "2026 info agent: {\n{ x\n" + ErrorDocument(error: error).json + "\n"
        #expect(AgentProcess.error(inLog: log) == error)
        #expect(AgentProcess.error(inLog: "2026 info agent: ends\n") == nil)
        #expect(AgentProcess.error(inLog: "") == nil)
    }
}
