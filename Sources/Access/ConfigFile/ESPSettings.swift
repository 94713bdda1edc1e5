public import IPsecTypes

/// How Child SAs are negotiated and kept.
public struct ESPSettings: Hashable, Sendable {
    /// What is offered, in order of preference; a responder accepts it too. Key exchanges are for rekeying with PFS.
    public var proposals: [ESPProposalSpecification] = standard(
        "aes256gcm-chacha20poly1305-x25519+mlkem768",
        "aes256gcm-chacha20poly1305-x25519-ecp384-modp4096"
    )
    /// What a responder accepts besides.
    public var alsoAccept: [ESPProposalSpecification] = standard(
        "aes256gcm-aes128gcm-chacha20poly1305-x25519-ecp384-ecp521-ecp256-modp4096-modp3072-modp2048"
            + "-ke1_mlkem768-ke1_mlkem1024",
        "aes256cbc-aes128cbc-sha512-sha384-sha256-x25519-ecp384-ecp521-ecp256-modp4096-modp3072-modp2048"
            + "-ke1_mlkem768-ke1_mlkem1024",
        "aes256gcm-aes128gcm-chacha20poly1305-x25519-ecp384-ecp521-ecp256-modp4096-modp3072-modp2048",
        "aes256gcm-aes128gcm-chacha20poly1305",
        "aes256cbc-aes128cbc-sha512-sha384-sha256-x25519-ecp384-ecp521-ecp256-modp4096-modp3072-modp2048",
        "aes256cbc-aes128cbc-sha512-sha384-sha256"
    )
    /// A Child SA is rekeyed at a random moment from here ...
    public var rekeyFrom: Duration = .seconds(20 * 60)
    /// ... to here.
    public var rekeyTo: Duration = .seconds(25 * 60)
    /// It is gone after this long, rekeyed or not.
    public var hardLife: Duration = .seconds(30 * 60)
    /// Bytes after which it is rekeyed.
    public var rekeyBytes: UInt64 = 1 << 36
    /// Packets after which it is rekeyed when sequence numbers have 32 bits.
    public var rekeyPackets: UInt64 = 1 << 30
    /// Anti-replay window in packets.
    public var replayWindow = 4096

    /// The defaults.
    public init() {}

    private static func standard(_ texts: String...) -> [ESPProposalSpecification] {
        texts.compactMap { try? ESPProposalSpecification($0) }
    }

    static var commonFields: [ConfigField<ESPSettings>] {
        [
            .setting(
                "proposals",
                \.proposals,
                .list(of: .espProposal, count: 1...16),
                "What is offered for Child SAs, in order of preference; key exchanges are for PFS at rekeying."
            ),
            .setting(
                "rekey_from",
                \.rekeyFrom,
                .duration(.seconds(30) ... .seconds(28_800)),
                "A Child SA is rekeyed at a random moment from here to rekey_to."
            ),
            .setting("rekey_to", \.rekeyTo, .duration(.seconds(30) ... .seconds(28_800)), "See rekey_from."),
            .setting(
                "hard_life",
                \.hardLife,
                .duration(.seconds(60) ... .seconds(36_000)),
                "A Child SA that could not be rekeyed is gone after this long."
            ),
            .setting(
                "rekey_bytes",
                \.rekeyBytes,
                .size((1 << 20)...(1 << 40)),
                "Bytes after which a Child SA is rekeyed."
            ),
            .setting(
                "rekey_packets",
                \.rekeyPackets,
                .count((1 << 10)...(1 << 31)),
                "Packets after which a Child SA without extended sequence numbers is rekeyed."
            ),
            .setting(
                "replay_window",
                \.replayWindow,
                .integer(64...65_536, "packets"),
                "Anti-replay window, a multiple of 64 (RFC 6479)."
            ),
        ]
    }

    static var gatewayFields: [ConfigField<ESPSettings>] {
        [
            .setting(
                "also_accept",
                \.alsoAccept,
                .list(of: .espProposal, count: 0...16),
                "What is accepted from peers besides the proposals, for native clients."
            )
        ]
    }

    func check(_ map: ConfigMap?) {
        guard let map else { return }
        if rekeyFrom > rekeyTo || rekeyTo >= hardLife {
            map.diagnostics.report(
                .outOfRange,
                at: map.place(of: "rekey_from"),
                "rekey_from (\(rekeyFrom.configText)), rekey_to (\(rekeyTo.configText)) and hard_life "
                    + "(\(hardLife.configText)) must follow in time"
            )
        }
        if replayWindow % 64 != 0 {
            map.diagnostics.report(
                .outOfRange,
                at: map.place(of: "replay_window"),
                "replay_window must be a multiple of 64"
            )
        }
    }
}
