import IKEMessage
import IPsecTypes

/// CREATE_CHILD_SA and INFORMATIONAL of an established IKE SA (W12, W17, W18, S07, S08).
extension Impairment {
    private static let createChild: UInt8 = 36
    private static let informational: UInt8 = 37
    private static let rekeyNotify: [UInt8] = [3, 4, 0x40, 0x09]

    static let established: [Impairment] = childRequests + ikeRequests + childAnswers

    /// A rekeying of the Child SA that goes wrong and leaves the old one.
    private static func rekeyChild(
        _ name: String,
        _ threats: [String],
        _ verdict: Verdict = .works,
        _ change: @escaping @Sendable (inout MessageDraft) -> Void
    ) -> Impairment {
        Impairment(name, threats, .request(createChild), .ours(.rekeyChild), verdict, verdict, change)
    }

    private static func rekeyIKE(
        _ name: String,
        _ threats: [String],
        _ verdict: Verdict = .works,
        _ change: @escaping @Sendable (inout MessageDraft) -> Void
    ) -> Impairment {
        Impairment(name, threats, .request(createChild), .ours(.rekeyIKE), verdict, verdict, change)
    }

    private static let childRequests: [Impairment] = [
        rekeyChild("rekeyOfUnknownSPI", ["S08"]) { draft in
            for index in draft.payloads.indices where draft.payloads[index].body.starts(with: rekeyNotify) {
                draft.payloads[index].body = rekeyNotify + [1, 2, 3, 4]
            }
        },
        rekeyChild("rekeyWithSPIOf3", ["S08", "W21"], .ended) { draft in
            for index in draft.payloads.indices where draft.payloads[index].body.starts(with: rekeyNotify) {
                draft.payloads[index].body = [3, 9, 0x40, 0x09, 1, 2, 3]
            }
        },
        rekeyChild("rekeyForAH", ["S08"]) { draft in
            for index in draft.payloads.indices where draft.payloads[index].body.starts(with: rekeyNotify) {
                draft.payloads[index].body[0] = 2
            }
        },
        rekeyChild("rekeyWithoutKE", ["S08"]) { draft in
            draft.remove(ke)
            draft.edit(sa) { $0.body = Proposals.replacing(.keyExchange, $0.body, with: []) }
        },
        rekeyChild("rekeyWithWeakGroup", ["S08", "W11"]) { draft in
            draft.edit(sa) {
                $0.body = Proposals.replacing(.keyExchange, $0.body, with: [Transform(type: .keyExchange, id: 2)])
            }
            draft.edit(ke) { $0.body[1] = 2 }
        },
        rekeyChild("rekeyWithNullCipher", ["S08"]) { draft in
            draft.edit(sa) {
                $0.body = Proposals.replacing(.encryption, $0.body, with: [Transform(type: .encryption, id: 11)])
            }
        },
        rekeyChild("rekeyWithoutNonce", ["W12"], .ended) { $0.remove(nonce) },
        rekeyChild("rekeyWithNonceOf15", ["W12"], .ended) { $0.replace(nonce, [UInt8](repeating: 1, count: 15)) },
        rekeyChild("rekeyWithNonceOf257", ["W12"], .ended) { $0.replace(nonce, [UInt8](repeating: 1, count: 257)) },
        rekeyChild("rekeyWithoutSelectors", ["W17"], .ended) { draft in
            draft.remove(tsi)
            draft.remove(tsr)
        },
        rekeyChild("rekeyWithSelectorsOfNothing", ["W17"]) { draft in
            draft.replace(tsi, [0, 0, 0, 0])
            draft.replace(tsr, [0, 0, 0, 0])
        },
        rekeyChild("rekeyWithSelectorCount255", ["W17"], .ended) { $0.edit(tsi) { $0.body[0] = 255 } },
        rekeyChild("rekeyWithoutSA", ["W08"], .ended) { $0.remove(sa) },
        rekeyChild("rekeyWithKEOfZeros", ["W11"], .ended) { draft in
            draft.edit(ke) { $0.body.replaceSubrange(4..., with: [UInt8](repeating: 0, count: $0.body.count - 4)) }
        },
        rekeyChild("rekeyWithKEOf31", ["W11"], .ended) { draft in draft.edit(ke) { $0.body.removeLast() } },
        rekeyChild("unknownCriticalPayloadInRekey", ["W07"]) {
            $0.payloads.append(RawPayload(200, [1], flags: 0x80))
        },
        rekeyChild("errorNotifyInRekey", ["S08"]) { $0.payloads.append(RawPayload(notify, [0, 0, 0, 14])) },
    ]

    private static let ikeRequests: [Impairment] = [
        rekeyIKE("ikeRekeyWithSPI0", ["S08"], .ended) { draft in
            draft.edit(sa) { $0.body = Proposals.changing($0.body) { $0[0].spi = [UInt8](repeating: 0, count: 8) } }
        },
        rekeyIKE("ikeRekeyWithSPILength0", ["S08"], .ended) { draft in
            draft.edit(sa) { $0.body = Proposals.changing($0.body) { $0[0].spi = [] } }
        },
        rekeyIKE("ikeRekeyWithSPILength4", ["S08", "W21"], .ended) { draft in
            draft.edit(sa) { $0.body[6] = 4 }
        },
        rekeyIKE("ikeRekeyWithoutKE", ["S08"], .ended) { $0.remove(ke) },
        rekeyIKE("ikeRekeyWithoutNonce", ["W12"], .ended) { $0.remove(nonce) },
        rekeyIKE("ikeRekeyWithWeakGroup", ["S08", "W11"]) { draft in
            draft.edit(sa) {
                $0.body = Proposals.replacing(.keyExchange, $0.body, with: [Transform(type: .keyExchange, id: 2)])
            }
            draft.edit(ke) { $0.body[1] = 2 }
        },
        rekeyIKE("ikeRekeyWithWeakCipher", ["S08"]) { draft in
            draft.edit(sa) {
                $0.body = Proposals.replacing(.encryption, $0.body, with: [Transform(type: .encryption, id: 3)])
            }
        },
        rekeyIKE("ikeRekeyWithKEOfZeros", ["W11"], .ended) { draft in
            draft.edit(ke) { $0.body.replaceSubrange(4..., with: [UInt8](repeating: 0, count: $0.body.count - 4)) }
        },
    ]

    /// Answers to the sound end's rekeying of the Child SA.
    private static func answer(
        _ name: String,
        _ threats: [String],
        _ verdict: Verdict,
        _ command: ScriptedPair.Command = .rekeyChild,
        _ change: @escaping @Sendable (inout MessageDraft) -> Void
    ) -> Impairment {
        Impairment(name, threats, .response(createChild), .theirs(command), verdict, verdict, change)
    }

    private static let childAnswers: [Impairment] = [
        answer("answerWithoutNonce", ["W12"], .works) { $0.remove(nonce) },
        answer("answerWithoutSA", ["W08"], .works) { $0.remove(sa) },
        answer("answerWithoutKE", ["S08"], .works) { $0.remove(ke) },
        answer("answerWithOtherGroup", ["S08", "W11"], .works) { draft in draft.edit(ke) { $0.body[1] = 14 } },
        answer("answerWithWiderSelectors", ["S08", "W17"], .works) { draft in
            for type in [tsi, tsr] {
                draft.replace(type, [1, 0, 0, 0, 7, 0, 0, 16, 0, 0, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255])
            }
        },
        answer("answerWithWeakerSuite", ["S08"], .works) { draft in
            draft.edit(sa) {
                $0.body = Proposals.replacing(
                    .encryption,
                    $0.body,
                    with: [Transform(type: .encryption, id: 20, keyLength: 128)]
                )
            }
        },
        answer("answerWithTwoProposals", ["W08"], .works) { draft in
            draft.edit(sa) { payload in
                payload.body = Proposals.changing(payload.body) { proposals in
                    var second = proposals[0]
                    second.number += 1
                    proposals.append(second)
                }
            }
        },
        answer("answerWithNonceOf15", ["W12"], .ended) { $0.replace(nonce, [UInt8](repeating: 1, count: 15)) },
        answer("answerOfNothing", ["W08"], .works) { $0.payloads = [] },
        answer("answerNoAdditionalSAs", ["R07"], .works) { $0.payloads = [RawPayload(notify, [0, 0, 0, 35])] },
        answer("answerUnknownError", ["W21"], .works) { $0.payloads = [RawPayload(notify, [0, 0, 0x1F, 0xFF])] },
        answer("ikeAnswerWithoutKE", ["S08"], .ended, .rekeyIKE) { $0.remove(ke) },
        answer("ikeAnswerWithoutSPI", ["S08"], .ended, .rekeyIKE) { draft in
            draft.edit(sa) { $0.body = Proposals.changing($0.body) { $0[0].spi = [] } }
        },
        answer("ikeAnswerWithWeakerSuite", ["S08"], .ended, .rekeyIKE) { draft in
            draft.edit(sa) {
                $0.body = Proposals.replacing(
                    .encryption,
                    $0.body,
                    with: [Transform(type: .encryption, id: 20, keyLength: 128)]
                )
            }
        },
    ]

    /// Adds to a liveness check.
    private static func inform(
        _ name: String,
        _ verdict: Verdict,
        _ threats: [String],
        _ payloads: [RawPayload]
    ) -> Impairment {
        Impairment(name, threats, .request(informational), .ours(.probe), verdict, verdict) { $0.payloads += payloads }
    }

    private static func inform(_ name: String, _ verdict: Verdict, _ payloads: [RawPayload]) -> Impairment {
        inform(name, verdict, ["W18"], payloads)
    }

    static let deletions: [Impairment] = [
        inform(
            "deleteIKEThenMore",
            .ended,
            [
                RawPayload(delete, [1, 0, 0, 0]), RawPayload(delete, [3, 4, 0, 1, 1, 2, 3, 4]),
                RawPayload(notify, [0, 0, 0x40, 0x00]), RawPayload(delete, [1, 0, 0, 0]),
            ]
        ),
        inform("deleteUnknownSPI", .works, [RawPayload(delete, [3, 4, 0, 1, 1, 2, 3, 4])]),
        inform(
            "deleteSixteenThousandSPIs",
            .works,
            [
                RawPayload(delete, [3, 4, 0x3E, 0x80] + [UInt8](repeating: 9, count: 64_000))
            ]
        ),
        inform("deleteSPILength3", .ended, [RawPayload(delete, [3, 3, 0, 1, 1, 2, 3])]),
        inform("deleteSPILength0", .ended, [RawPayload(delete, [3, 0, 0xFF, 0xFF])]),
        inform("deleteCountTooLarge", .ended, [RawPayload(delete, [3, 4, 0xFF, 0xFF, 1, 2, 3, 4])]),
        inform("deleteCountTooSmall", .ended, [RawPayload(delete, [3, 4, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8])]),
        inform("deleteCount0", .works, [RawPayload(delete, [3, 4, 0, 0])]),
        inform("deleteIKEWithSPI", .ended, [RawPayload(delete, [1, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8])]),
        inform("deleteForAH", .works, [RawPayload(delete, [2, 4, 0, 1, 1, 2, 3, 4])]),
        inform("deleteForNothing", .works, [RawPayload(delete, [0, 4, 0, 1, 1, 2, 3, 4])]),
        inform("deleteOfThreeOctets", .ended, [RawPayload(delete, [3, 4, 0])]),
        inform("notifyOfThreeOctets", .ended, ["W21"], [RawPayload(notify, [0, 0, 0])]),
        inform("notifySPILengthTooLong", .ended, ["W21"], [RawPayload(notify, [3, 200, 0, 11, 1])]),
        inform("unknownStatusNotify", .works, ["W07"], [RawPayload(notify, [0, 0, 0xBF, 0xFF])]),
        inform("unknownErrorNotify", .works, ["W07"], [RawPayload(notify, [0, 0, 0x1F, 0xFF])]),
        inform("invalidSyntaxFromPeer", .ended, ["W17"], [RawPayload(notify, [0, 0, 0, 7])]),
        inform("authenticationFailedLater", .ended, ["A12"], [RawPayload(notify, [0, 0, 0, 24])]),
        inform("initialContactLater", .works, ["S12"], [RawPayload(notify, [0, 0, 0x40, 0x00])]),
        inform("rekeyNotifyInInformational", .works, ["S08"], [RawPayload(notify, [3, 4, 0x40, 0x09, 1, 2, 3, 4])]),
    ]
}
