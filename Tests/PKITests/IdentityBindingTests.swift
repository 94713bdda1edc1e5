import IPsecTypes
import SwiftASN1
import Testing
import X509

@testable import PKI

private let names = CertificateNames(
    dns: ["vpn.example.com", "*.wild.example.com", "10.0.0.1", "dot.example.com."],
    addresses: [.v4(0xC000_0201), .v6(0x2001_0DB8_0000_0000, 1)],
    emails: ["Ada@Example.com"],
    uris: ["spiffe://example.com/job/1"]
)
private let subject: [UInt8] = [0x30, 0x0C, 0x31, 0x0A, 0x30, 0x08, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0C, 0x01, 0x61]

private func code(_ identity: CertificateIdentity) -> String? {
    do {
        try IdentityBinding.check(identity, names: names, subjectDER: subject)
        return nil
    } catch {
        return error.code
    }
}

@Test func hostNamesMatchWithoutCaseAndNothingElse() {
    #expect(code(.fqdn("vpn.example.com")) == nil)
    #expect(code(.fqdn("VPN.Example.COM")) == nil)
    #expect(code(.fqdn("example.com")) == "id_mismatch")
    #expect(code(.fqdn("vpn.example.co")) == "id_mismatch")
    #expect(code(.fqdn("a.wild.example.com")) == "id_mismatch")
    for unusable in [
        "vpn.example.com.", ".vpn.example.com", "vpn..example.com", "*.wild.example.com", "", "10.0.0.1",
        "-a.example.com",
        "vpn.example.com\u{0}", "vpn.exаmple.com", "under_score.example.com", "dot.example.com.",
        String(repeating: "a", count: 64) + ".com", String(repeating: "a.", count: 127) + "com",
    ] {
        #expect(code(.fqdn(unusable)) == "id_unusable", "\(unusable)")
    }
}

@Test func addressesMatchAddressNamesOnly() {
    #expect(code(.address(.v4(0xC000_0201))) == nil)
    #expect(code(.address(.v6(0x2001_0DB8_0000_0000, 1))) == nil)
    // The dNSName "10.0.0.1" proves no address, and an IPv4 address is not its IPv6 mapping.
    #expect(code(.address(.v4(0x0A00_0001))) == "id_mismatch")
    #expect(code(.address(.v6(0, 0xFFFF_C000_0201))) == "id_mismatch")
}

@Test func mailAddressesFoldTheDomainAlone() {
    #expect(code(.email("Ada@example.COM")) == nil)
    #expect(code(.email("ada@example.com")) == "id_mismatch")
    for unusable in ["@example.com", "ada@", "ada", "a@b@example.com", "a b@example.com"] {
        #expect(code(.email(unusable)) == "id_unusable", "\(unusable)")
    }
}

@Test func distinguishedNamesMatchByteForByte() {
    #expect(code(.distinguishedName(subject)) == nil)
    var other = subject
    other[13] = 0x41
    #expect(code(.distinguishedName(other)) == "id_mismatch")
    #expect(code(.distinguishedName([0x30, 0x00])) == "id_unusable")
    #expect(code(.distinguishedName([])) == "id_unusable")
}

@Test func keyIDsAreNeverProven() {
    #expect(code(.keyID(Array("vpn.example.com".utf8))) == "id_unusable")
}

@Test func aMismatchNamesWhatWasWantedAndOffered() throws {
    do {
        try IdentityBinding.check(.fqdn("other.example.com"), names: names, subjectDER: subject)
        Issue.record("accepted")
    } catch {
        #expect(error.description.contains("FQDN other.example.com"))
        #expect(error.description.contains("DNS:vpn.example.com"))
        #expect(error.description.contains("IP:192.0.2.1"))
    }
}

@Test func textForOperatorsIsEscaped() {
    #expect(CertificateIdentity.fqdn("a\u{1B}[2Jb\n").description == "FQDN a\\u{1b}[2Jb\\u{a}")
    #expect(printable(String(repeating: "x", count: 300)).count == 257)
}

@Test func theCommonNameIsNoName() async throws {
    let authority = try TestAuthority()
    let leaf = try authority.gatewayDraft().replacing(
        .X509ExtensionID.subjectAlternativeName,
        try Ext.names([.dnsName("other.example.com")], critical: false)
    ).signed(by: authority.issuing)
    let peer = try await authority.validate(leaf, purpose: .gateway).get()
    #expect(throws: ValidationFailure.self) { try IdentityBinding.check(.fqdn("vpn.example.com"), against: peer) }
    #expect(throws: Never.self) { try IdentityBinding.check(.distinguishedName(peer.subjectDER), against: peer) }
}
