import Crypto
import Foundation
import IPsecTypes
import Testing

@testable import PKI

private func profile() throws -> AgentProfile {
    let authority = try TestAuthority()
    let leaf = try authority.leafDraft().signed(by: authority.issuing)
    return try AgentProfile(
        identity: "01job.jobs.example.com",
        gateways: [
            .init(name: "vpn.example.com", addresses: [.v4(0xCB00_7109), .v6(0x2001_0DB8_0000_0000, 9)]),
            .init(name: "192.0.2.7", addresses: []),
        ],
        chain: [leaf.der, authority.issuing.der],
        roots: [authority.root.der],
        privateKey: SecretBytes(Array(leaf.key.derRepresentation))
    )
}

@Test func aProfileSurvivesItsFile() throws {
    let original = try profile()
    let read = try AgentProfile.parse(original.serialised())
    #expect(read.identity == original.identity)
    #expect(read.gateways == original.gateways)
    #expect(read.chain == original.chain)
    #expect(read.roots == original.roots)
    #expect(read.pins == original.pins)
    #expect(read.privateKey.isEqual(to: original.privateKey))
    #expect(read.gateways.map(\.identity) == [.fqdn("vpn.example.com"), .address(.v4(0xC000_0207))])
    #expect(try read.trustAnchors().pins == original.pins)
}

@Test func damagedProfilesAreRefusedWithTheLine() throws {
    let text = String(decoding: try profile().serialised(), as: UTF8.self)
    let damages: [(String, String, Int)] = [
        ("culvert-profile: 1", "culvert-profile: 2", 1),
        ("culvert-profile: 1\n", "", 1),
        ("identity: 01job", "identity: 01other", 0),
        ("gateway: vpn.example.com", "gateway: vpn example.com", 3),
        ("gateway: vpn.example.com\n", "", 3),
        ("address: 203.0.113.9", "address: 203.0.113.900", 4),
        ("address: 203.0.113.9", "adress: 203.0.113.9", 4),
        ("address: 203.0.113.9", "nothing", 4),
        ("ca-sha256: ", "ca-sha256: 0", 7),
        ("BEGIN PRIVATE KEY", "BEGIN SECRET KEY", 0),
        ("PRIVATE KEY", "SECRET KEY", 8),
        ("TRUSTED ROOT", "CERTIFICATE", 0),
    ]
    for (old, new, line) in damages {
        let range = try #require(text.range(of: old))
        let damaged =
            line == 8 || old == "TRUSTED ROOT"
            ? text.replacing(old, with: new) : text.replacingCharacters(in: range, with: new)
        #expect(throws: AgentProfile.Failure.self, "\(old)") {
            do throws(AgentProfile.Failure) {
                _ = try AgentProfile.parse(Array(damaged.utf8))
            } catch {
                if line > 0 { #expect(error.line == line, "\(old): \(error)") }
                throw error
            }
        }
    }
    #expect(throws: AgentProfile.Failure.self) { try AgentProfile.parse([UInt8](repeating: 0x41, count: 70_000)) }
    #expect(throws: AgentProfile.Failure.self) { try AgentProfile.parse([]) }
    #expect(throws: AgentProfile.Failure.self) { try AgentProfile.parse([0xFF, 0xFE]) }
}

@Test func aProfileWithAForeignPinIsRefused() throws {
    let original = try profile()
    let other = try TestAuthority()
    let text = String(decoding: original.serialised(), as: UTF8.self)
    let pin = try #require(original.pins.first).description
    let foreign = text.replacing(pin, with: try other.root.parsed.fingerprint.description)
    #expect(throws: AgentProfile.Failure.self) { try AgentProfile.parse(Array(foreign.utf8)) }
    // A second pin is a rollover.
    let rollover = text.replacing(
        "ca-sha256: \(pin)",
        with: "ca-sha256: \(pin)\nca-sha256: \(try other.root.parsed.fingerprint)"
    )
    #expect(try AgentProfile.parse(Array(rollover.utf8)).pins.count == 2)
}
