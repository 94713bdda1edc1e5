import IKEMessage
import IPsecTypes

/// What is offered and chosen in IKE_SA_INIT (W08, W09, W11, S10, A13).
extension Impairment {
    static let algorithms: [Impairment] = proposalForms + groups + ciphers

    private static func proposals(
        _ name: String,
        _ threats: [String],
        _ asInitiator: Verdict? = .refused,
        _ asResponder: Verdict? = .refused,
        _ change: @escaping @Sendable ([UInt8]) -> [UInt8]
    ) -> Impairment {
        Impairment(name, threats, .initial, asInitiator, asResponder) { $0.edit(sa) { $0.body = change($0.body) } }
    }

    private static let proposalForms: [Impairment] = [
        proposals("noProposals", ["W08"]) { _ in [] },
        proposals("proposalWithoutTransforms", ["W08"]) {
            Proposals.changing($0) { $0 = $0.map { Proposal(number: $0.number, protocolID: .ike, transforms: []) } }
        },
        proposals("enormousProposals", ["W08"], .refused, .refused, Proposals.enormous),
        proposals("lastFlagOfProposal", ["W08"]) { [$0.first == 0 ? 2 : 0] + $0.dropFirst() },
        proposals("lastFlagOdd", ["W08"]) { [5] + $0.dropFirst() },
        proposals("proposalNumber0", ["W08"]) { Array($0[..<4]) + [0] + $0[5...] },
        proposals("proposalNumber200", ["W08"], .refused, .refused) { Array($0[..<4]) + [200] + $0[5...] },
        proposals("proposalForESP", ["W08"]) { Array($0[..<5]) + [3] + $0[6...] },
        proposals("proposalForNothing", ["W08"]) { Array($0[..<5]) + [0] + $0[6...] },
        proposals("proposalWithSPI", ["W08"], .refused, .refused) {
            Proposals.changing($0) { $0[0].spi = [UInt8](repeating: 1, count: 8) }
        },
        proposals("spiLength255", ["W08", "W21"]) { Array($0[..<6]) + [255] + $0[7...] },
        proposals("transformCountOneMore", ["W08", "W21"]) { Array($0[..<7]) + [$0[7] &+ 1] + $0[8...] },
        proposals("transformCount255", ["W08", "W21"]) { Array($0[..<7]) + [255] + $0[8...] },
        proposals("transformCountOneLess", ["W08", "W21"]) { Array($0[..<7]) + [$0[7] &- 1] + $0[8...] },
        proposals("transformLength0", ["W21"]) { Array($0[..<10]) + [0, 0] + $0[12...] },
        proposals("transformLength7", ["W21"]) { Array($0[..<10]) + [0, 7] + $0[12...] },
        proposals("proposalLength0", ["W21"]) { Array($0[..<2]) + [0, 0] + $0[4...] },
        proposals("proposalLengthMaximum", ["W21"]) { Array($0[..<2]) + [0xFF, 0xFF] + $0[4...] },
        proposals("twoProposalsChosen", ["W08"], nil, .refused) {
            Proposals.changing($0) { proposals in
                var second = proposals[0]
                second.number += 1
                proposals.append(second)
            }
        },
    ]

    private static func group(_ number: UInt16) -> Impairment {
        Impairment("group\(number)", ["W11"], .initial, .refused, .refused) { draft in
            draft.edit(sa) {
                $0.body = Proposals.replacing(
                    .keyExchange,
                    $0.body,
                    with: [Transform(type: .keyExchange, id: number)]
                )
            }
            draft.edit(ke) { payload in
                payload.body[0] = UInt8(truncatingIfNeeded: number >> 8)
                payload.body[1] = UInt8(truncatingIfNeeded: number)
            }
        }
    }

    private static let groups: [Impairment] =
        [0, 1, 2, 5, 22, 23, 24, 1024, 1025, 65_535].map(group) + [
            Impairment("groupOfKEAlone", ["W11"], .initial, .refused, .refused) { $0.edit(ke) { $0.body[1] = 14 } },
            Impairment("keyExchangeValueOf31", ["W11"], .initial, .refused, .refused) {
                $0.edit(ke) { $0.body.removeLast() }
            },
            Impairment("keyExchangeValueOf33", ["W11"], .initial, .refused, .refused) {
                $0.edit(ke) { $0.body.append(1) }
            },
            Impairment("keyExchangeValueEmpty", ["W11"], .initial, .refused, .refused) {
                $0.edit(ke) { $0.body.removeLast($0.body.count - 4) }
            },
            Impairment("keyExchangeValueZero", ["W11"], .initial, .refused, .refused) {
                $0.edit(ke) { $0.body.replaceSubrange(4..., with: [UInt8](repeating: 0, count: $0.body.count - 4)) }
            },
            Impairment("keyExchangeOfTwoOctets", ["W11", "W21"], .initial, .refused, .refused) {
                $0.replace(ke, [0, 31])
            },
        ]

    private static func encryption(_ id: UInt16, _ bits: Int?, _ more: [TransformAttribute] = []) -> Transform {
        Transform(type: .encryption, id: id, keyLength: bits, otherAttributes: more)
    }

    private static func cipher(_ name: String, _ threats: [String], _ transforms: [Transform]) -> Impairment {
        proposals(name, threats) { Proposals.replacing(.encryption, $0, with: transforms) }
    }

    private static let ciphers: [Impairment] = [
        cipher("keyLengthMissing", ["W08"], [encryption(20, nil)]),
        cipher("keyLength0", ["W08"], [encryption(20, 0)]),
        cipher("keyLength65535", ["W08"], [encryption(20, 65_535)]),
        cipher("keyLength127", ["W08"], [encryption(20, 127)]),
        cipher("unknownAttribute", ["W08"], [encryption(20, 256, [TransformAttribute(type: 99, value: .short(1))])]),
        cipher("nullEncryption", ["W09"], [encryption(11, nil)]),
        cipher("tripleDES", ["W09"], [encryption(3, nil)]),
        cipher("unknownCipher", ["W09"], [encryption(9999, 256)]),
        cipher("noCipher", ["W09"], []),
        proposals("keyLengthDoubled", ["W08"]) { body in
            // The Key Length attribute of the first transform once more: twelve octets become sixteen.
            guard body.count >= 20, body[11] == 12 else { return [] }
            var bytes = body
            bytes.insert(contentsOf: body[16..<20], at: 20)
            bytes[11] = 16
            bytes[3] &+= 4
            return bytes
        },
        proposals("integrityBesideAEAD", ["W08"]) {
            Proposals.replacing(.integrity, $0, with: [Transform(type: .integrity, id: 12)])
        },
        proposals("noKeyExchangeTransform", ["W09"]) { Proposals.replacing(.keyExchange, $0, with: []) },
        proposals("noPRF", ["W09"]) { Proposals.replacing(.prf, $0, with: []) },
        proposals("weakPRF", ["W09"]) { Proposals.replacing(.prf, $0, with: [Transform(type: .prf, id: 1)]) },
        proposals("sequenceNumbersForIKE", ["W08"]) {
            Proposals.replacing(.sequenceNumbers, $0, with: [Transform(type: .sequenceNumbers, id: 1)])
        },
        proposals("unknownTransformType", ["W08"]) {
            Proposals.replacing(
                TransformType(rawValue: 99),
                $0,
                with: [Transform(type: TransformType(rawValue: 99), id: 1)]
            )
        },
    ]
}
