import IKEMessage
import IPsecTypes
import Testing

private let v4Selector: [UInt8] = [7, 6, 0, 16, 0, 80, 0, 90, 10, 0, 0, 1, 10, 0, 0, 9]

private func selectors(_ body: [UInt8]) throws -> TrafficSelectorPayload {
    guard case .trafficSelectorsInitiator(let payload) = try parsed(.trafficSelectorsInitiator, body) else {
        throw Missing()
    }
    return payload
}

@Test func aSelectorIsReadInFull() throws {
    let payload = try selectors([1, 0, 0, 0] + v4Selector)
    let selector = try #require(payload.selectors.first)
    #expect(selector.ipProtocol == 6)
    #expect(selector.ports == PortRange(80, 90))
    #expect(selector.addresses == IPRange(.v4(0x0A00_0001), .v4(0x0A00_0009)))
}

@Test func selectorsWithoutMeaningAreCountedAndEncodingErrorsRefused() throws {
    var backwards = v4Selector
    backwards[15] = 0
    var ports = v4Selector
    ports[5] = 200
    let unknown: [UInt8] = [9, 0, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8]
    let payload = try selectors([4, 0, 0, 0] + backwards + ports + unknown + v4Selector)
    #expect(payload.selectors.count == 1)
    #expect(payload.unsupported.map(\.type) == [7, 7, 9])

    var short = v4Selector
    short[3] = 15
    short.removeLast()
    var long = v4Selector
    long[3] = 17
    let refused: [[UInt8]] = [
        [2, 0, 0, 0] + v4Selector, [255, 0, 0, 0] + v4Selector, [0, 0, 0, 0] + v4Selector, [1, 0, 0, 0] + short,
        [1, 0, 0, 0] + long + [0], [1, 0, 0, 0, 7, 0, 0, 0], [1, 0, 0, 0, 7, 0, 0, 3], [1, 0],
        [1, 0, 0, 0, 8] + v4Selector.dropFirst(),
    ]
    for (index, body) in refused.enumerated() {
        #expect(chainError(.trafficSelectorsInitiator, body) != nil, "case \(index)")
    }
    #expect(try selectors([0, 0, 0, 0]).selectors.isEmpty)
}

@Test func moreThan64SelectorsAreRefused() throws {
    func many(_ count: Int) -> [UInt8] {
        [UInt8(count), 0, 0, 0] + (0..<count).flatMap { _ in v4Selector }
    }
    #expect(try selectors(many(64)).selectors.count == 64)
    #expect(
        chainError(.trafficSelectorsInitiator, many(65)) == .invalidSyntax(.trafficSelectorsInitiator, .limitExceeded)
    )
}

@Test func opaquePortsAreUnderstood() throws {
    var opaque = v4Selector
    opaque.replaceSubrange(4..<8, with: [0xFF, 0xFF, 0, 0])
    #expect(try selectors([1, 0, 0, 0] + opaque).selectors.first?.ports == .opaque)
}

private func attribute(_ type: UInt16, _ value: [UInt8]) -> [UInt8] {
    [1, 0, 0, 0, UInt8(type >> 8), UInt8(type & 255), 0, UInt8(value.count)] + value
}

private func read(_ type: UInt16, _ value: [UInt8]) throws -> ConfigurationAttribute {
    guard case .configuration(let payload) = try parsed(.configuration, attribute(type, value)) else { throw Missing() }
    return try #require(payload.attributes.first)
}

@Test func everyConfigurationAttributeIsRead() throws {
    let v6: [UInt8] = [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1]
    let address6 = try #require(IPAddress("2001:db8::1"))
    let address4 = try #require(IPAddress("10.0.0.1"))
    let expected: [(UInt16, [UInt8], ConfigurationAttribute)] = [
        (1, [], .internalIP4Address(nil)), (1, [10, 0, 0, 1], .internalIP4Address(address4)),
        (2, [255, 255, 255, 0], .internalIP4Netmask(IPAddress("255.255.255.0"))),
        (3, [10, 0, 0, 1], .internalIP4DNS(address4)), (4, [10, 0, 0, 1], .internalIP4NBNS(address4)),
        (6, [10, 0, 0, 1], .internalIP4DHCP(address4)), (7, [65], .applicationVersion([65])),
        (8, v6 + [64], .internalIP6Address(.init(address6, prefixLength: 64))),
        (8, v6, .internalIP6Address(.init(address6, prefixLength: 128))),
        (10, v6, .internalIP6DNS(address6)), (12, v6, .internalIP6DHCP(address6)),
        (13, [10, 1, 0, 0, 255, 255, 0, 0], .internalIP4Subnet(IPPrefix("10.1.0.0/16"))),
        (13, [0, 0, 0, 0, 0, 0, 0, 0], .internalIP4Subnet(IPPrefix("0.0.0.0/0"))),
        (13, [10, 0, 0, 1, 255, 255, 255, 255], .internalIP4Subnet(IPPrefix("10.0.0.1/32"))),
        (14, [0, 1, 0, 8], .supportedAttributes([.internalIP4Address, .internalIP6Address])),
        (15, v6 + [128], .internalIP6Subnet(IPPrefix("2001:db8::1/128"))),
        (17, [0, 0, 0, 0, 0, 0, 0, 9, 7], .internalIP6Link(interfaceID: 9, linkID: [7])),
        (18, v6.prefix(15) + [0, 32], .internalIP6Prefix(IPPrefix("2001:db8::/32"))),
        (20, [10, 0, 0, 1], .pcscfIP4Address(address4)), (21, v6, .pcscfIP6Address(address6)),
        (24, [0, 0, 0, 60], .livenessTimeout(seconds: 60)),
        (25, Array("corp.example.".utf8), .internalDNSDomain("corp.example.")), (25, [], .internalDNSDomain(nil)),
        (
            26, [0x12, 0x34, 8, 2, 1, 2],
            .internalDNSSECTrustAnchor(.init(keyTag: 0x1234, algorithm: 8, digestType: 2, digest: [1, 2]))
        ),
        (23_456, [1], .other(.init(rawValue: 23_456), [1])),
    ]
    for (type, value, attribute) in expected { #expect(try read(type, value) == attribute) }
}

@Test func malformedConfigurationAttributesAreRefused() {
    let cases: [(UInt16, [UInt8])] = [
        (1, [10, 0, 0]), (1, [10, 0, 0, 1, 1]), (8, [UInt8](repeating: 0, count: 15)),
        (8, [UInt8](repeating: 0, count: 16) + [129]), (8, [UInt8](repeating: 0, count: 18)),
        (13, [10, 0, 0, 0]), (13, [10, 0, 0, 0, 255, 0, 255, 0]), (13, [10, 0, 0, 0, 0, 0, 0, 255]),
        (14, [0]), (15, [UInt8](repeating: 0, count: 16) + [200]), (17, [1, 2]), (24, [0, 60]),
        (25, Array("corp.example\0".utf8)), (25, Array("corp.example\nnameserver 192.0.2.1".utf8)),
        (25, Array("corp..example".utf8)), (26, [1, 2, 3]),
    ]
    for (type, value) in cases {
        #expect(chainError(.configuration, attribute(type, value)) != nil, "attribute \(type) \(value)")
    }
    #expect(chainError(.configuration, [1, 0, 0, 0, 0, 1, 0, 5, 1, 2, 3, 4]) != nil, "longer than the payload")
    #expect(chainError(.configuration, [1, 0, 0, 0, 0, 1, 0]) != nil)
    let many: [UInt8] = [1, 0, 0, 0] + (0..<257).flatMap { _ in [0, 1, 0, 0] as [UInt8] }
    #expect(chainError(.configuration, many) == .invalidSyntax(.configuration, .limitExceeded))
}
