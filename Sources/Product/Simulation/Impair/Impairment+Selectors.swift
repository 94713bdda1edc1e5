import IKEMessage
import IPsecTypes

/// Selectors, ESP proposals and Configuration payloads of IKE_AUTH (W08, W09, W17, D10).
extension Impairment {
    static let selectors: [Impairment] = selectorForms + espProposals + configurations

    private static func selector(_ type: UInt8, _ length: Int, _ first: [UInt8], _ last: [UInt8]) -> [UInt8] {
        [type, 0, UInt8(length >> 8), UInt8(length & 0xFF), 0, 0, 0xFF, 0xFF] + first + last
    }

    private static let anyV4 = selector(7, 16, [0, 0, 0, 0], [255, 255, 255, 255])

    private static func selectors(
        _ name: String,
        _ asInitiator: Verdict,
        _ asResponder: Verdict,
        _ body: [UInt8]
    ) -> Impairment {
        Impairment(name, ["W17"], .authentication, asInitiator, asResponder) { draft in
            draft.replace(tsi, body)
            draft.replace(tsr, body)
        }
    }

    private static let selectorForms: [Impairment] = [
        selectors("noSelectors", .childless, .childless, [0, 0, 0, 0]),
        selectors("selectorCount255", .refused, .refused, [255, 0, 0, 0] + anyV4),
        selectors("selectorCountOneMore", .refused, .refused, [2, 0, 0, 0] + anyV4),
        selectors("selectorCountOneLess", .refused, .refused, [1, 0, 0, 0] + anyV4 + anyV4),
        selectors("sixtyFiveSelectors", .refused, .refused, [65, 0, 0, 0] + (0..<65).flatMap { _ in anyV4 }),
        selectors("twoHundredSelectors", .refused, .refused, [200, 0, 0, 0] + (0..<200).flatMap { _ in anyV4 }),
        selectors(
            "selectorLength15",
            .refused,
            .refused,
            [1, 0, 0, 0] + selector(7, 15, [0, 0, 0, 0], [255, 255, 255])
        ),
        selectors("selectorLength0", .refused, .refused, [1, 0, 0, 0] + selector(7, 0, [0, 0, 0, 0], [0, 0, 0, 0])),
        selectors("selectorLength3", .refused, .refused, [1, 0, 0, 0] + selector(7, 3, [0, 0, 0, 0], [0, 0, 0, 0])),
        selectors(
            "selectorStartAboveEnd",
            .childless,
            .childless,
            [1, 0, 0, 0] + selector(7, 16, [10, 0, 0, 9], [10, 0, 0, 1])
        ),
        selectors(
            "selectorPortsTurned",
            .childless,
            .childless,
            [1, 0, 0, 0, 7, 6, 0, 16, 0, 9, 0, 1, 0, 0, 0, 0, 255, 255, 255, 255]
        ),
        selectors(
            "selectorV6WithV4Length",
            .refused,
            .refused,
            [1, 0, 0, 0] + selector(8, 16, [0, 0, 0, 0], [255, 255, 255, 255])
        ),
        selectors(
            "selectorV4WithV6Length",
            .refused,
            .refused,
            [1, 0, 0, 0]
                + selector(7, 40, [UInt8](repeating: 0, count: 16), [UInt8](repeating: 255, count: 16))
        ),
        selectors(
            "selectorOfUnknownType",
            .childless,
            .childless,
            [1, 0, 0, 0] + selector(99, 16, [0, 0, 0, 0], [255, 255, 255, 255])
        ),
        Impairment("mixedFamilies", ["W17"], .authentication, .childless, .childless) { draft in
            draft.replace(tsi, [1, 0, 0, 0] + anyV4)
            draft.replace(
                tsr,
                [1, 0, 0, 0] + selector(8, 40, [UInt8](repeating: 0, count: 16), [UInt8](repeating: 255, count: 16))
            )
        },
        Impairment("reservedOctetsOfSelectors", ["W07"], .authentication, .works, .works) { draft in
            for type in [tsi, tsr] { draft.edit(type) { $0.body.replaceSubrange(1..<4, with: [1, 2, 3]) } }
        },
        // The initiator deletes what it did not ask for (RFC 7296 §2.21.2).
        Impairment("everythingWanted", ["W17"], .authentication, .childless, .childless) { draft in
            draft.replace(tsi, [1, 0, 0, 0] + anyV4)
            draft.replace(tsr, [1, 0, 0, 0] + anyV4)
        },
        Impairment("noTSi", ["W17"], .authentication, .refused, .childless) { $0.remove(tsi) },
        Impairment("noTSr", ["W17"], .authentication, .refused, .childless) { $0.remove(tsr) },
    ]

    private static func esp(
        _ name: String,
        _ threats: [String],
        _ asInitiator: Verdict,
        _ asResponder: Verdict,
        _ change: @escaping @Sendable ([UInt8]) -> [UInt8]
    ) -> Impairment {
        Impairment(name, threats, .authentication, asInitiator, asResponder) {
            $0.edit(sa) { $0.body = change($0.body) }
        }
    }

    private static func espCipher(_ name: String, _ threats: [String], _ transforms: [Transform]) -> Impairment {
        esp(name, threats, .childless, .childless) { Proposals.replacing(.encryption, $0, with: transforms) }
    }

    private static let espProposals: [Impairment] = [
        Impairment("noESPProposals", ["W08"], .authentication, .refused, .childless) { $0.remove(sa) },
        espCipher("espNull", ["W09", "D10"], [Transform(type: .encryption, id: 11)]),
        espCipher("esp3DES", ["D10"], [Transform(type: .encryption, id: 3)]),
        espCipher("espGMAC", ["W09"], [Transform(type: .encryption, id: 21, keyLength: 256)]),
        espCipher("espCBCAlone", ["W09"], [Transform(type: .encryption, id: 12, keyLength: 256)]),
        espCipher("espKeyLengthMissing", ["W08"], [Transform(type: .encryption, id: 20)]),
        espCipher("espKeyLength65535", ["W08"], [Transform(type: .encryption, id: 20, keyLength: 65_535)]),
        espCipher("espWithoutCipher", ["W09"], []),
        esp("espIntegrityBesideAEAD", ["W08"], .childless, .childless) {
            Proposals.replacing(.integrity, $0, with: [Transform(type: .integrity, id: 12)])
        },
        esp("espAH", ["D10"], .childless, .childless) { Array($0[..<5]) + [2] + $0[6...] },
        esp("espSPI0", ["W08"], .childless, .childless) { Array($0[..<8]) + [0, 0, 0, 0] + $0[12...] },
        esp("espSPI255", ["W08"], .childless, .childless) { Array($0[..<8]) + [0, 0, 0, 255] + $0[12...] },
        esp("espSPILength3", ["W08", "W21"], .refused, .refused) { Array($0[..<6]) + [3] + $0[7...] },
        esp("espSPILength8", ["W08", "W21"], .refused, .refused) { Array($0[..<6]) + [8] + $0[7...] },
        esp("espSPILength0", ["W08", "W21"], .refused, .refused) { Array($0[..<6]) + [0] + $0[7...] },
    ]

    private static func configuration(
        _ name: String,
        _ asInitiator: Verdict,
        _ asResponder: Verdict,
        _ body: [UInt8]
    ) -> Impairment {
        Impairment(name, ["W21", "N07"], .authentication, asInitiator, asResponder) { $0.replace(cp, body) }
    }

    private static let configurations: [Impairment] = [
        configuration("configurationOfNoOctets", .refused, .refused, []),
        configuration("configurationType0", .works, .works, [0, 0, 0, 0]),
        configuration("configurationAttributeLong", .refused, .refused, [1, 0, 0, 0, 0, 1, 0xFF, 0xFF]),
        configuration("configurationAddressOf3", .refused, .refused, [1, 0, 0, 0, 0, 1, 0, 3, 10, 0, 0]),
        configuration("configurationAddressOf5", .refused, .refused, [1, 0, 0, 0, 0, 1, 0, 5, 10, 0, 0, 1, 1]),
        configuration("configurationAttributeShort", .refused, .refused, [1, 0, 0, 0, 0, 1, 0]),
        configuration(
            "configurationOf300Attributes",
            .refused,
            .refused,
            [1, 0, 0, 0] + (0..<300).flatMap { _ in [0, 1, 0, 0] as [UInt8] }
        ),
    ]
}
