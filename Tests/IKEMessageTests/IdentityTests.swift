import Foundation
import IKEMessage
import IPsecTypes
import Testing

private func identity(_ type: IdentificationType, _ data: [UInt8]) -> Result<Identity, IdentityError> {
    do throws(IdentityError) {
        return .success(try Identity(IdentificationPayload(type: type, data: data)))
    } catch { return .failure(error) }
}

/// C=DE, O=Ex,ample, CN=gw
private let name: [UInt8] = [
    0x30, 0x2F, 0x31, 0x0B, 0x30, 0x09, 0x06, 0x03, 0x55, 0x04, 0x06, 0x13, 0x02, 0x44, 0x45, 0x31, 0x13, 0x30, 0x11,
    0x06, 0x03, 0x55, 0x04, 0x0A, 0x0C, 0x0A, 0x45, 0x78, 0x2C, 0x61, 0x6D, 0x70, 0x6C, 0x65, 0x0A, 0x21, 0x31, 0x0B,
    0x30, 0x09, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0C, 0x02, 0x67, 0x77,
]

@Test func identitiesAreReadByType() throws {
    #expect(identity(.ipv4, [192, 0, 2, 1]) == .success(.address(try #require(IPAddress("192.0.2.1")))))
    #expect(identity(.fqdn, Array("gw.example.com".utf8)) == .success(.fqdn("gw.example.com")))
    #expect(identity(.rfc822, Array("ann@example.com".utf8)) == .success(.rfc822("ann@example.com")))
    #expect(identity(.derDN, name) == .success(.distinguishedName(name)))
    #expect(identity(.derGN, [0x82, 1, 0x61]) == .success(.generalName([0x82, 1, 0x61])))
    #expect(identity(.keyID, [0, 1]) == .success(.keyID([0, 1])))
    #expect(identity(.null, []) == .success(.null))
    #expect(
        identity(IdentificationType(rawValue: 201), [1]) == .success(.other(IdentificationType(rawValue: 201), [1]))
    )
}

@Test func malformedIdentitiesAreRefusedWithAReason() {
    let cases: [(IdentificationType, [UInt8], IdentityError)] = [
        (IdentificationType(rawValue: 0), [1], .reservedType), (.ipv4, [1, 2, 3], .badLength),
        (.ipv4, [1, 2, 3, 4, 5], .badLength), (.ipv6, [1, 2, 3, 4], .badLength), (.fqdn, [], .badLength),
        (.fqdn, [UInt8](repeating: 0x61, count: 600), .badLength),
        (.fqdn, [UInt8](repeating: 0x61, count: 60_000), .badLength),
        (.fqdn, Array("gw\0.example".utf8), .badCharacter), (.fqdn, Array("gw.example\n".utf8), .badCharacter),
        (.fqdn, Array("gw..example".utf8), .badStructure), (.fqdn, Array("*.example.com".utf8), .badStructure),
        (.fqdn, Array("-gw.example".utf8), .badStructure), (.fqdn, Array("gw.example.".utf8), .badStructure),
        (.fqdn, Array("gẃ.example".utf8), .badCharacter),
        (.fqdn, [UInt8](repeating: 0x61, count: 64), .badStructure), (.rfc822, Array("ann".utf8), .badStructure),
        (.rfc822, Array("@example.com".utf8), .badStructure), (.rfc822, Array("a@b@example.com".utf8), .badStructure),
        (.rfc822, Array("a b@example.com".utf8), .badCharacter), (.rfc822, Array("ann@".utf8), .badLength),
        (.derDN, [], .badStructure), (.derDN, [0x30, 0], .badStructure), (.derDN, name + [0], .badStructure),
        (.derDN, Array(name.dropLast()), .badStructure), (.derDN, [0x30, 0x80, 0, 0], .badStructure),
        (.derDN, [0x30, 0x81, 0x02, 0x31, 0], .badStructure),
        (.derDN, [0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF], .badStructure),
        (.derDN, [UInt8](repeating: 0x30, count: 2000), .badLength), (.derGN, [0x30, 0], .badStructure),
        (.derGN, [0x89, 0], .badStructure), (.keyID, [], .badLength),
        (.keyID, [UInt8](repeating: 0, count: 2000), .badLength), (.null, [1], .badLength),
    ]
    for (type, data, reason) in cases {
        #expect(identity(type, data) == .failure(reason), "\(type) \(data.prefix(20))")
    }
}

@Test func namesCompareWithoutCaseAndTypesNeverMix() throws {
    #expect(Identity.fqdn("GW.Example.com") == .fqdn("gw.example.COM"))
    #expect(Identity.fqdn("GW.Example.com").hashValue == Identity.fqdn("gw.example.COM").hashValue)
    #expect(Identity.rfc822("ann@Example.com") == .rfc822("ann@example.com"))
    #expect(Identity.rfc822("Ann@example.com") != .rfc822("ann@example.com"))
    #expect(Identity.fqdn("192.0.2.1") != .address(try #require(IPAddress("192.0.2.1"))))
    #expect(Identity.fqdn("gw.example.com") != .keyID(Array("gw.example.com".utf8)))
    #expect(Identity.fqdn("GW.Example.com").payload.data == Array("GW.Example.com".utf8), "the wire keeps the case")
}

@Test func descriptionsCannotForgeLogLines() {
    #expect(Identity.distinguishedName(name).description == "C=DE, O=Ex\\x2cample\\x0a!, CN=gw")
    #expect(Identity.keyID(Array("a\n\u{1B}[31m\\".utf8)).description == "keyid:a\\x0a\\x1b[31m\\x5c")
    #expect(Identity.generalName([0x82, 1, 0x61]).description == "gn:#820161")
}

@Test func identitiesAreReadFromConfiguration() throws {
    #expect(Identity(configuration: "2001:db8::1") == .address(try #require(IPAddress("2001:db8::1"))))
    #expect(Identity(configuration: "gw.example.com") == .fqdn("gw.example.com"))
    #expect(Identity(configuration: "ann@example.com") == .rfc822("ann@example.com"))
    #expect(Identity(configuration: "keyid:router 7") == .keyID(Array("router 7".utf8)))
    #expect(Identity(configuration: "keyid:#00ff") == .keyID([0, 255]))
    #expect(
        Identity(configuration: "dn:#" + name.map { paddedHex(UInt64($0), digits: 2) }.joined())
            == .distinguishedName(name)
    )
    for text in ["", "keyid:#0", "keyid:#zz", "dn:#00", "a b", "*"] { #expect(Identity(configuration: text) == nil) }
}

@Test func identitiesSurviveJSONAndAreCheckedOnTheWay() throws {
    for identity in [Identity.fqdn("gw.example.com"), .keyID([1, 2]), .distinguishedName(name)] {
        let data = try JSONEncoder().encode(identity)
        #expect(try JSONDecoder().decode(Identity.self, from: data) == identity)
    }
    #expect(throws: (any Error).self) {
        try JSONDecoder().decode(Identity.self, from: Data(#"{"type":2,"data":[0]}"#.utf8))
    }
}
