import ConfigFile
import Glibc
import IKECrypto
import IKEv2
import IPsecTypes
import Netlink
import RuntimeDoubles
import Testing

@testable import Runtime

@Suite struct SettingsTests {
    @Test func timersAreThoseOfTheConfiguration() {
        var settings = IKESettings()
        settings.retransmitFirst = .milliseconds(700)
        settings.giveUp = .seconds(11)
        settings.siteGiveUp = .seconds(77)
        settings.rekeyFrom = .seconds(100)
        settings.rekeyTo = .seconds(200)
        let timing = settings.timing
        #expect(timing.retransmitInitial == .milliseconds(700))
        #expect(timing.giveUp == .seconds(11))
        #expect(timing.deadPeerDetection == settings.dpd)
        #expect(timing.keepalive == settings.keepalive)
        #expect(timing.ikeRekey == .seconds(100) ... .seconds(200))
        #expect(timing.ikeHard == .seconds(800))
        #expect(settings.siteTiming.giveUp == .seconds(77))
        #expect(settings.siteTiming.deadPeerDetection == settings.siteDPD)
        settings.rekeyTo = .seconds(50)
        #expect(settings.timing.ikeRekey == .seconds(100) ... .seconds(100), "a range the wrong way round is no trap")
    }

    @Test func theDefaultsAreThoseThatAreDocumented() {
        let timing = IKESettings().timing
        #expect(timing.retransmitInitial == .milliseconds(500) && timing.giveUp == .seconds(20))
        #expect(timing.deadPeerDetection == .seconds(10) && timing.keepalive == .seconds(20))
        #expect(IKESettings().siteTiming.giveUp == .seconds(60))
        let child = ESPSettings().child(name: "c", proposals: [], local: [], remote: [])
        #expect(child.rekey == .seconds(1200) ... .seconds(1500) && child.hard == .seconds(1800))
        #expect(child.replayWindow == 4096)
        #expect(child.lifetime.softBytes == 1 << 36)
    }

    @Test func offersAreWhatIsConfiguredAndAcceptanceIsMore() {
        let settings = IKESettings()
        #expect(settings.offeredProposals.count == settings.proposals.count)
        #expect(settings.acceptedProposals.count == settings.proposals.count + settings.alsoAccept.count)
        // A responder takes a post-quantum proposal where there is one.
        #expect(settings.offeredProposals.first?.guaranteesPostQuantum == true)
        #expect(settings.acceptedProposals.first == settings.offeredProposals.first)
        let order = settings.acceptedProposals.map(\.guaranteesPostQuantum)
        #expect(order == [true, true, true, false, false, false])
    }

    @Test func byteLimitsDoNotWrapAround() {
        var settings = ESPSettings()
        settings.rekeyBytes = UInt64.max / 2 + 1
        #expect(settings.child(name: "c", proposals: [], local: [], remote: []).lifetime.hardBytes == .max)
    }

    @Test func whatFailedItsKnownAnswersIsNotOffered() {
        let available = AlgorithmSelfTest.run()
        let good = IKEv2.IKEProposal(ciphers: [.aes256GCM], prfs: [.hmacSHA256], keyExchanges: [.x25519])
        #expect(available.usable([good]) == [good])
        var unknown = good
        unknown.keyExchanges = [KeyExchangeMethod(rawValue: 1025)]
        #expect(available.usable([unknown]).isEmpty)
        unknown.keyExchanges.append(.x25519)
        #expect(available.usable([unknown]) == [good])
        var child = IKEv2.ESPProposal(ciphers: [.aes256GCM], keyExchanges: [KeyExchangeMethod(rawValue: 1025)])
        #expect(available.usable([child]).isEmpty, "PFS does not turn into none")
        child.keyExchanges.append(.none)
        #expect(available.usable([child]).first?.keyExchanges == [.none])
        var hybrid = good
        hybrid.additionalKeyExchanges = [[.mlKEM768, KeyExchangeMethod(rawValue: 35)]]
        #expect(available.usable([hybrid]).first?.additionalKeyExchanges == [[.mlKEM768]])
        hybrid.additionalKeyExchanges = [[KeyExchangeMethod(rawValue: 35)]]
        #expect(available.usable([hybrid]).isEmpty, "a hybrid does not turn into a classical one")
    }
}

private func address(_ text: String) -> IPAddress {
    guard let address = IPAddress(text) else { preconditionFailure("not an address: \(text)") }
    return address
}

private func prefix(_ text: String) -> IPPrefix {
    guard let prefix = IPPrefix(text) else { preconditionFailure("not a prefix: \(text)") }
    return prefix
}

@Suite struct TunnelInterfaceTests {
    private func range(_ first: String, _ last: String) throws -> IPRange {
        try #require(IPRange(address(first), address(last)))
    }

    @Test func aRangeWithoutOneAddressIsNoneOneOrTwo() throws {
        let whole = try range("10.0.0.0", "10.0.0.255")
        #expect(whole.excluding(address("10.0.1.0")) == [whole])
        #expect(whole.excluding(address("fd00::1")) == [whole])
        #expect(
            whole.excluding(address("10.0.0.7"))
                == [try range("10.0.0.0", "10.0.0.6"), try range("10.0.0.8", "10.0.0.255")]
        )
        #expect(whole.excluding(address("10.0.0.0")) == [try range("10.0.0.1", "10.0.0.255")])
        #expect(whole.excluding(address("10.0.0.255")) == [try range("10.0.0.0", "10.0.0.254")])
        let one = try range("10.0.0.1", "10.0.0.1")
        #expect(one.excluding(address("10.0.0.1")).isEmpty)
        #expect(IPRange.all(.v4).excluding(.v4(0)) == [try range("0.0.0.1", "255.255.255.255")])
        #expect(IPRange.all(.v4).excluding(.v4(.max)) == [try range("0.0.0.0", "255.255.255.254")])
        #expect(IPRange.all(.v6).excluding(.v6(0, 0)).count == 1)
    }

    @Test func aRouteTakesPacketsOnlyFromNetworksAsWideOrWider() {
        let local = prefix("192.168.1.0/24")
        #expect(TunnelInterface.isTaken(local, by: prefix("192.168.1.0/24")))
        #expect(TunnelInterface.isTaken(local, by: prefix("192.168.1.128/25")))
        #expect(!TunnelInterface.isTaken(local, by: prefix("192.168.0.0/16")))
    }

    @Test func directoriesAreMadeWhereTheyAreNamedAndNotOverFiles() throws {
        let directory = try TestDirectory()
        try ProcessHardening.makeDirectory("\(directory.path)/a/b")
        var status = stat()
        #expect(stat("\(directory.path)/a", &status) == 0 && status.st_mode & 0o777 == 0o755)
        #expect(stat("\(directory.path)/a/b", &status) == 0 && status.st_mode & 0o777 == 0o700)
        try ProcessHardening.makeDirectory("\(directory.path)/a/b")
        let file = try directory.write("x", to: "file")
        #expect(throws: CulvertError.self) { try ProcessHardening.makeDirectory(file) }
        #expect(throws: CulvertError.self) { try ProcessHardening.makeDirectory("\(file)/below") }
    }
}
