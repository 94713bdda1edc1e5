import IPsecTypes
import PKI

/// What must hold for any certificates whatever that a peer may send, from their octets to the verdict on their path. The tests
/// and the fuzz target share this file.
///
/// An input is an octet of settings and certificates one behind the other, leaf first. With the third bit the last of them is
/// the trusted root, and an adversary has made everything; without it the root is one whose key nobody has any more, and then
/// nobody passes but those whom it has certified.
enum ChainProperties {
    /// The moment of all verdicts.
    private static let clock = WallTime(secondsSinceEpoch: 1_798_761_600)

    /// What is violated, or nil.
    static func violation(input bytes: [UInt8]) async -> String? {
        guard let judgement = await judge(bytes) else { return nil }
        switch judgement.verdict {
        case .failure(let failure):
            guard isPrintable("\(failure)") else { return "a control character in \(failure)" }
            return failure.code.isEmpty ? "a failure without its word" : nil
        case .success(let peer): return violation(peer, judgement)
        }
    }

    /// Whether the input's leaf passes.
    static func isAccepted(input bytes: [UInt8]) async -> Bool {
        guard case .success? = await judge(bytes)?.verdict else { return false }
        return true
    }

    private struct Judgement {
        var verdict: Result<ValidatedPeer, ValidationFailure>
        var chain: [[UInt8]]
        var anchors: TrustAnchors
        var isHostile: Bool
    }

    /// nil when nothing is trusted.
    private static func judge(_ bytes: [UInt8]) async -> Judgement? {
        guard let settings = bytes.first else { return nil }
        var chain = certificates(bytes.dropFirst())
        let isHostile = settings & 4 != 0
        guard let root = isHostile ? chain.popLast() : Hex.decode(Self.root.utf8) else { return nil }
        guard let anchors = try? TrustAnchors(certificates: [root]) else { return nil }
        let purpose: ValidationPurpose =
            switch settings & 3 {
            case 0, 1: .peer
            case 2: .gateway
            default: .tls
            }
        let verdict = await PathValidator().validate(
            chain: chain,
            anchors: anchors,
            wallClock: clock,
            purpose: purpose,
            allowsMLDSA: settings & 8 != 0
        )
        return Judgement(verdict: verdict, chain: chain, anchors: anchors, isHostile: isHostile)
    }

    private static func violation(_ peer: ValidatedPeer, _ judgement: Judgement) -> String? {
        guard peer.leafDER == judgement.chain.first else { return "another leaf was accepted" }
        guard judgement.anchors.spkiDERs.contains(where: { SPKIFingerprint(ofSPKI: $0) == peer.anchor }) else {
            return "the path does not end at the root"
        }
        guard !peer.path.isEmpty, peer.path.count <= PathValidator.maximumCertificates else {
            return "a path of \(peer.path.count) certificates"
        }
        guard peer.pathNotBefore <= peer.pathNotAfter,
            peer.pathNotBefore.secondsSinceEpoch <= clock.secondsSinceEpoch + PathValidator.clockSkewSeconds,
            peer.pathNotAfter.secondsSinceEpoch >= clock.secondsSinceEpoch - PathValidator.clockSkewSeconds
        else { return "a path was accepted out of its time" }
        guard peer.pathNames.allSatisfy(isPrintable) else { return "a control character in \(peer.pathNames)" }
        guard judgement.isHostile || sound.contains("\(SPKIFingerprint(ofSPKI: peer.spkiDER))") else {
            return "a stranger was accepted"
        }
        return nil
    }

    /// Cuts at the lengths that the certificates have by themselves; what has none is one more, whole.
    private static func certificates(_ bytes: ArraySlice<UInt8>) -> [[UInt8]] {
        var rest = bytes
        var all: [[UInt8]] = []
        while !rest.isEmpty, all.count < 32 {
            let head = Array(rest.prefix(4))
            var length = rest.count
            if head.count == 4, head[0] == 0x30 {
                if head[1] < 0x80 { length = 2 + Int(head[1]) }
                if head[1] == 0x81 { length = 3 + Int(head[2]) }
                if head[1] == 0x82 { length = 4 + Int(head[2]) << 8 + Int(head[3]) }
            }
            all.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return all
    }

    private static func isPrintable(_ text: String) -> Bool {
        !text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
    }

    /// Keys that the root, or the authority under it, has certified.
    private static let sound: Set<String> = [
        "465cb701667bc7fc08184d878df52bfac3791aa6ec87ad7bc4e30c257d9f5a08",
        "13d569e3ffa80f2eb3c8f55a4e3f1b9a0f856aa74895276121eea47cac33c4ba",
        "03e97c17067cb8d893763660eaeafc4576a7fadbee2aacd67042069cc391f1d5",
    ]

    /// The root, in hex.
    private static let root = [
        "3082015e30820103a0030201020203415793300a06082a8648ce3d04030230143112301006035504030c0966757a7a20726f6f74302017",
        "0d3236313132343030313535375a180f32313236313033313030313535375a30143112301006035504030c0966757a7a20726f6f743059",
        "301306072a8648ce3d020106082a8648ce3d03010703420004b607dc68341ebdfa14cdca3aeaea15665424d6d4108d03d4654222fe1fd3",
        "c671bcf80ba8ed8d0d760c579e624ae8e1c8e60fb2d38a46bc6d885e60de1964da78a3423040300f0603551d130101ff040530030101ff",
        "300e0603551d0f0101ff040403020106301d0603551d0e041604142046103791fec0028accd35445a7cd002ffb6415300a06082a8648ce",
        "3d0403020349003046022100e69c5686a961807dac03043fb6c7116e639f6d3c8d64facd2039440dce31f4a0022100d898925b1c045360",
        "47ea293840874745fa4bae7ffe675584f419ac600daa8244",
    ].joined()
}
