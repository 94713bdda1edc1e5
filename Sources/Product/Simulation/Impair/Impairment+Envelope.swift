import IKEMessage

/// What is around and between the payloads of an SK payload, in IKE_AUTH and afterwards (W19, W21, S03, S09).
extension Impairment {
    static let envelope: [Impairment] = authEnvelopes + innerLengths + messageIDs

    private static func auth(
        _ name: String,
        _ threats: [String],
        _ asInitiator: Verdict? = .refused,
        _ asResponder: Verdict? = .refused,
        _ change: @escaping @Sendable (inout MessageDraft) -> Void
    ) -> Impairment {
        Impairment(name, threats, .authentication, asInitiator, asResponder, change)
    }

    private static let authEnvelopes: [Impairment] =
        [
            auth("padLength255", ["W19"]) { $0.padLength = 255 },
            auth("padLengthLongerThanBody", ["W19"]) { draft in
                draft.payloads = []
                draft.padLength = 9
            },
            auth("padLengthEatsPayloads", ["W19"]) { $0.padLength = 40 },
            auth("tagCut", ["W19"]) { $0.cut = 1 },
            auth("tagMissing", ["W19"]) { $0.cut = 16 },
            auth("initialisationVectorCut", ["W19"]) { draft in
                draft.cut = draft.bytes().count - IKEHeader.byteCount - 8
                draft.length = UInt32(IKEHeader.byteCount + 8)
            },
            auth("emptySK", ["W19"]) { $0.payloads = [] },
            auth("sealedOctetsOfNothing", ["W19"]) { $0.first = 0 },
            auth("clearPayloadsBeforeSK", ["W19"]) { $0.before = [RawPayload(41, [0, 0, 0x40, 0x00])] },
            auth("clearPayloadsBehindSK", ["W19"]) { $0.behind = [RawPayload(41, [0, 0, 0x40, 0x00])] },
            auth("onlyClearPayloads", ["W19"]) { $0.seal = nil },
            auth("skInsideSK", ["W19"]) { $0.payloads.append(RawPayload(46, [UInt8](repeating: 0, count: 40))) },
            auth("fragmentInsideSK", ["W19"]) { $0.payloads.append(RawPayload(53, [UInt8](repeating: 0, count: 40))) },
            auth("firstInnerTypeWrong", ["W19"]) { $0.first = 33 },
            auth("headerLengthWrong", ["W02"]) { $0.length = 60 },
            auth("authMajorVersion3", ["W06"]) { $0.version = 0x30 },
            auth("authMinorVersion15", ["W06"], .works, .works) { $0.version = 0x2F },
            auth("authReservedFlags", ["W07"], .works, .works) { $0.flags |= 0xC7 },
            auth("authInitiatorFlagTurned", ["S03"]) { $0.flags ^= 0x08 },
            auth("authResponseFlagTurned", ["S03"]) { $0.flags ^= 0x20 },
        ]
        + [33, 38, 43, 240].map { exchange in
            auth("exchangeType\(exchange)", ["S09"]) { $0.exchange = exchange }
        }
        + [34, 36, 37].map { exchange in
            auth("exchangeType\(exchange)InsteadOfAUTH", ["S09"]) { $0.exchange = exchange }
        }
        + [0, 2, 3, 0x8000_0000, 0xFFFF_FFFF].map { number in
            auth("authMessageID\(number)", ["S03"]) { $0.messageID = number }
        }

    private static let innerLengths: [Impairment] =
        [0, 1, 3, 65_535].map { length in
            auth("innerLength\(length)", ["W19", "W21"]) { draft in
                guard !draft.payloads.isEmpty else { return }
                draft.payloads[0].length = length
            }
        } + [
            auth("innerLengthOneMore", ["W19", "W21"]) { draft in
                guard let body = draft.payloads.last?.body else { return }
                draft.payloads[draft.payloads.count - 1].length = body.count + 5
            },
            auth("innerLengthOneLess", ["W19", "W21"]) { draft in
                guard let body = draft.payloads.last?.body else { return }
                draft.payloads[draft.payloads.count - 1].length = body.count + 3
            },
            auth("innerReservedBits", ["W07"], .works, .works) { draft in
                for index in draft.payloads.indices { draft.payloads[index].flags |= 0x7F }
            },
            auth("sixtyFivePayloadsInside", ["W08"]) { draft in
                draft.payloads += Array(repeating: RawPayload(43, [1]), count: 65 - draft.payloads.count)
            },
        ]

    private static let informational: UInt8 = 37

    private static func probe(
        _ name: String,
        _ threats: [String],
        _ change: @escaping @Sendable (inout MessageDraft) -> Void
    ) -> Impairment {
        Impairment(name, threats, .request(informational), .ours(.probe), .works, .works, change)
    }

    /// A second message behind the probe that nobody asked for.
    private static func second(
        _ name: String,
        _ threats: [String],
        _ change: @escaping @Sendable (inout MessageDraft) -> Void
    ) -> Impairment {
        probe(name, threats) { draft in
            var other = draft
            change(&other)
            draft.extra = [other]
        }
    }

    private static let messageIDs: [Impairment] = [
        second("sameMessageIDOtherBody", ["S03"]) { $0.payloads = [RawPayload(42, [1, 0, 0, 0])] },
        second("messageIDTwoAhead", ["S03"]) { $0.messageID += 2 },
        second("messageIDHalfWay", ["S03"]) { $0.messageID = 0x8000_0000 },
        second("messageIDLast", ["S03"]) { $0.messageID = .max },
        second("messageIDBefore", ["S03"]) { $0.messageID &-= 1 },
        second("responseWithoutRequest", ["S03"]) { $0.flags |= 0x20 },
        second("responseToNextRequest", ["S03"]) {
            $0.flags |= 0x20
            $0.messageID = 0
        },
        second("createChildAsAUTH", ["S09"]) { $0.exchange = 35 },
        probe("probeSentThreeTimes", ["S03"]) { $0.copies = 3 },
        Impairment("probeWithEmptyChain", ["W19"], .request(informational), .ours(.probe), .works, .works) {
            $0.payloads = []
        },
        Impairment("answersNotSent", ["S14"], .response(informational), .theirs(.probe), .ended, .ended) {
            $0.copies = 0
        },
        Impairment("answersSentThreeTimes", ["S03"], .response(informational), .theirs(.probe), .works, .works) {
            $0.copies = 3
        },
        Impairment("answerToAnotherRequest", ["S03", "S14"], .response(informational), .theirs(.probe), .ended, .ended)
        {
            $0.messageID += 1
        },
        Impairment(
            "answerInAnotherExchange",
            ["S09", "S14"],
            .response(informational),
            .theirs(.probe),
            .ended,
            .ended
        ) {
            $0.exchange = 36
        },
        Impairment("answerWithTagCut", ["W19", "S14"], .response(informational), .theirs(.probe), .ended, .ended) {
            $0.cut = 1
        },
        Impairment("answerInClear", ["W19", "S14"], .response(informational), .theirs(.probe), .ended, .ended) {
            $0.seal = nil
        },
        Impairment("answerMalformed", ["W19"], .response(informational), .theirs(.probe), .ended, .ended) {
            $0.payloads = [RawPayload(41, [0, 99, 0, 0])]
        },
    ]
}
