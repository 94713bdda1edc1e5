import EAPDoubles
import IPsecTypes
import Testing

@testable import EAP

/// Legacy and Expanded Naks (RFC 3748 §5.3), as a server reads them.
@Suite struct NakTests {
    private static let head: [UInt8] = [0, 0, 0, 0, 0, 0, 3]

    @Test func whatIsWrittenIsRead() throws {
        for types in [[], [EAPMethodType.tls], [.tls, .mschapv2, .gtc]] {
            #expect(EAPNak.legacy(EAPNak.legacyData(types)) == types)
            #expect(try EAPNak.expanded(EAPNak.expandedData(types)) == types)
        }
    }

    @Test func typesOfVendorsArePassedOver() throws {
        let vendor: [UInt8] = [254, 0, 0x13, 0x37, 0, 0, 0, 13]
        let large: [UInt8] = [254, 0, 0, 0, 0, 0, 1, 13]
        let tls: [UInt8] = [254, 0, 0, 0, 0, 0, 0, 13]
        #expect(try EAPNak.expanded(Self.head + vendor + large + tls) == [.tls])
        #expect(try EAPNak.expanded(Self.head) == [])
    }

    /// E03: cut anywhere but between two types, of another vendor or type, and with something else than a type in the list.
    @Test func spoiltExpandedNaksAreMalformed() {
        let whole = EAPNak.expandedData([.tls, .mschapv2])
        for count in 0..<whole.count where count < 7 || (count - 7) % 8 != 0 {
            #expect(throws: EAPFailure.self, "\(count)") { try EAPNak.expanded(Array(whole.prefix(count))) }
        }
        for index in [0, 1, 2, 3, 4, 5, 6, 7, 15] {
            var bytes = whole
            bytes[index] ^= 1
            #expect(throws: EAPFailure.self, "octet \(index)") { try EAPNak.expanded(bytes) }
        }
    }

    /// A server that is told so in the expanded form begins the method that both have, and ends when there is none.
    @Test(arguments: [(EAPMethodType.mschapv2, true), (.gtc, false)])
    func anExpandedNakLeadsToAMethodThatBothHave(wanted: EAPMethodType, exists: Bool) {
        var random = SeededGenerator(seed: 3)
        var server = EAPServer(
            settings: EAPServerSettings(methods: [.tls, .mschapv2]),
            engines: PlainTLSProvider(),
            isServerAuthenticated: true,
            knownIdentity: "alice",
            wallClock: WallTime(secondsSinceEpoch: 1_795_435_200)
        )
        guard case .send(let first) = server.handle(.start, using: &random) else {
            Issue.record("no first request")
            return
        }
        let nak = EAPPacket(identifier: first[1], .response(.expanded, EAPNak.expandedData([wanted]))).bytes
        switch server.handle(.packet(nak), using: &random) {
        case .send(let request), .succeeded(let request, _): #expect(exists && request[4] == wanted.rawValue)
        case .lookUp: #expect(exists)
        case .failed(_, let failure):
            #expect(!exists && failure == .noCommonMethod(wanted: [.tls, .mschapv2], offered: [.gtc]))
        case .verify: Issue.record("nothing to verify")
        }
    }
}
