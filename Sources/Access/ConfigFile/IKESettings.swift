public import IPsecTypes

/// How IKE SAs are negotiated and kept.
public struct IKESettings: Hashable, Sendable {
    /// What is offered, in order of preference; a responder accepts it too.
    public var proposals: [IKEProposalSpecification] = standard(
        "aes256gcm-chacha20poly1305-prfsha384-prfsha256-x25519+mlkem768",
        "aes256gcm-chacha20poly1305-prfsha384-prfsha256-x25519-ecp384-modp4096"
    )
    /// What a responder accepts besides.
    public var alsoAccept: [IKEProposalSpecification] = standard(
        "aes256gcm-aes128gcm-chacha20poly1305-prfsha512-prfsha384-prfsha256-x25519-ecp384-ecp521-ecp256"
            + "-modp4096-modp3072-modp2048-ke1_mlkem768-ke1_mlkem1024",
        "aes256cbc-aes128cbc-sha512-sha384-sha256-x25519-ecp384-ecp521-ecp256-modp4096-modp3072-modp2048"
            + "-ke1_mlkem768-ke1_mlkem1024",
        "aes256gcm-aes128gcm-chacha20poly1305-prfsha512-prfsha384-prfsha256-x25519-ecp384-ecp521-ecp256-modp4096-modp3072-modp2048",
        "aes256cbc-aes128cbc-sha512-sha384-sha256-x25519-ecp384-ecp521-ecp256-modp4096-modp3072-modp2048"
    )
    /// Whether every IKE SA must have a post-quantum key exchange.
    public var requirePQ = false
    /// Whether ML-DSA signs and is accepted in IKE_AUTH; its use in IKE is still a draft.
    public var experimentalMLDSA = false
    /// The wait before the first retransmission; each further one is twice as long.
    public var retransmitFirst: Duration = .milliseconds(500)
    /// How long requests of a job's or agent's tunnel are repeated before the peer counts as dead.
    public var giveUp: Duration = .seconds(20)
    /// The same for sites: peers of `peers:` in the policy.
    public var siteGiveUp: Duration = .seconds(60)
    /// After this long without a packet a job's or agent's peer is asked whether it lives.
    public var dpd: Duration = .seconds(10)
    /// The same for sites.
    public var siteDPD: Duration = .seconds(30)
    /// How often a keepalive holds a NAT mapping open.
    public var keepalive: Duration = .seconds(20)
    /// An IKE SA is rekeyed at a random moment from here ...
    public var rekeyFrom: Duration = .seconds(50 * 60)
    /// ... to here.
    public var rekeyTo: Duration = .seconds(60 * 60)
    /// How long a half-open IKE SA may take to authenticate.
    public var halfOpenLife: Duration = .seconds(30)
    /// From this many half-open IKE SAs on, initiators must return a cookie.
    public var cookiesFrom = 64
    /// From this many half-open IKE SAs on initiators must solve a puzzle.
    public var puzzlesFrom = 1024
    /// From this many half-open IKE SAs with junk in IKE_AUTH on, another puzzle comes before IKE_AUTH.
    public var authPuzzlesFrom = 64
    /// Whether addresses may change while an IKE SA stands (RFC 4555).
    public var mobike = true
    /// Whether a NAT between the peers counts as an attack (RFC 4555 section 3.9).
    public var forbidsNAT = false
    /// Largest IKE datagram before it is fragmented, IP header included.
    public var fragmentSize = 1280

    /// Whether sessions are resumed by tickets (RFC 5723).
    public var tickets = true
    /// How long a ticket is good for; the certificate's end comes first.
    public var ticketLifetime: Duration = .seconds(3600)
    /// How often a peer must be authenticated anew; zero for as its certificate and lease say (RFC 4478).
    public var reauthenticate: Duration = .zero
    /// IKE SAs without Child SA (RFC 6023).
    public var childless = Childless.allow

    /// Whether IKE_AUTH may do without a Child SA.
    public enum Childless: String, Hashable, Sendable, CaseIterable {
        /// Neither asked for nor accepted.
        case never
        /// Accepted, not asked for.
        case allow
        /// Asked for where the responder supports it.
        case prefer
    }

    /// The defaults.
    public init() {}

    private static func standard(_ texts: String...) -> [IKEProposalSpecification] {
        texts.compactMap { try? IKEProposalSpecification($0) }
    }

    /// Keys that both ends have.
    // Long because it is a table.
    static var commonFields: [ConfigField<IKESettings>] {
        [
            .setting(
                "proposals",
                \.proposals,
                .list(of: .ikeProposal, count: 1...16),
                "What is offered for IKE SAs, in order of preference."
            ),
            .setting(
                "require_pq",
                \.requirePQ,
                .boolean,
                "Whether every IKE SA, rekeyed ones too, must have a post-quantum key exchange such as x25519+mlkem768;"
                    + " proposals without one are then neither offered nor accepted."
            ),
            .setting(
                "experimental_ml_dsa",
                \.experimentalMLDSA,
                .boolean,
                "Whether certificates with ML-DSA-65 or ML-DSA-87 keys are used and accepted, where a classical authority"
                    + " signed them; experimental (draft-ietf-ipsecme-ikev2-pqc-auth)."
            ),
            .setting(
                "retransmit_first",
                \.retransmitFirst,
                .duration(.milliseconds(100) ... .seconds(10)),
                "The wait before a request is repeated; it doubles each time."
            ),
            .setting(
                "give_up",
                \.giveUp,
                .duration(.seconds(2) ... .seconds(600)),
                "How long a request is repeated before the peer counts as dead."
            ),
            .setting(
                "dpd",
                \.dpd,
                .duration(.seconds(1) ... .seconds(3600)),
                "After this long without a packet the peer is asked whether it lives."
            ),
            .setting(
                "keepalive",
                \.keepalive,
                .duration(.seconds(5) ... .seconds(120)),
                "How often a keepalive holds a NAT mapping open."
            ),
            .setting(
                "rekey_from",
                \.rekeyFrom,
                .duration(.seconds(60) ... .seconds(86_400)),
                "An IKE SA is rekeyed at a random moment from here to rekey_to."
            ),
            .setting("rekey_to", \.rekeyTo, .duration(.seconds(60) ... .seconds(86_400)), "See rekey_from."),
            .setting(
                "fragment_size",
                \.fragmentSize,
                .integer(576...9000, "bytes"),
                "Longer IKE datagrams are fragmented (RFC 7383)."
            ),
            .setting(
                "tickets",
                \.tickets,
                .boolean,
                "Whether sessions are resumed by tickets after a restart of the gateway (RFC 5723)."
            ),
            .setting(
                "reauthenticate",
                \.reauthenticate,
                .duration(.zero ... .seconds(30 * 86_400)),
                "How often the peer is authenticated anew, without a gap (RFC 4478); 0s for as certificate and lease say."
            ),
            .setting(
                "childless",
                \.childless,
                .choice(Childless.allCases.map { ($0.rawValue, $0) }),
                "Whether an IKE SA may begin without a Child SA (RFC 6023): never, allow as responder, or prefer as initiator."
            ),
            .setting(
                "mobike",
                \.mobike,
                .boolean,
                "Whether tunnels outlive a change of address (RFC 4555)."
            ),
            .setting(
                "forbid_nat",
                \.forbidsNAT,
                .boolean,
                "Whether a NAT between the peers is taken for an attack (RFC 4555 section 3.9); needs raw_esp."
            ),
        ]
    }

    /// Keys that only a responder for many has.
    static var gatewayFields: [ConfigField<IKESettings>] {
        [
            .setting(
                "also_accept",
                \.alsoAccept,
                .list(of: .ikeProposal, count: 0...16),
                "What is accepted from peers besides the proposals, for native clients."
            ),
            .setting(
                "site_give_up",
                \.siteGiveUp,
                .duration(.seconds(2) ... .seconds(600)),
                "give_up for sites: peers named in the policy."
            ),
            .setting(
                "site_dpd",
                \.siteDPD,
                .duration(.seconds(1) ... .seconds(3600)),
                "dpd for sites: peers named in the policy."
            ),
            .setting(
                "half_open_life",
                \.halfOpenLife,
                .duration(.seconds(5) ... .seconds(120)),
                "How long an initiator may take to authenticate."
            ),
            .setting(
                "cookies_from",
                \.cookiesFrom,
                .integer(0...100_000),
                "From this many half-open IKE SAs on initiators must return a cookie (RFC 7296 section 2.6)."
            ),
            .setting(
                "puzzles_from",
                \.puzzlesFrom,
                .integer(0...100_000),
                "From this many half-open and lately failed IKE SAs on initiators must solve a puzzle (RFC 8019)."
            ),
            .setting(
                "auth_puzzles_from",
                \.authPuzzlesFrom,
                .integer(0...100_000),
                "From this many half-open IKE SAs that got junk in IKE_AUTH on, whoever solved a puzzle must solve another "
                    + "before IKE_AUTH is looked at (RFC 8019 section 7.2)."
            ),
            .setting(
                "ticket_lifetime",
                \.ticketLifetime,
                .duration(.seconds(60) ... .seconds(7 * 86_400)),
                "How long a ticket is good for; certificate, lease and reauthenticate come first."
            ),
        ]
    }

    func check(_ map: ConfigMap?, rawESP: Bool) {
        guard let map else { return }
        if requirePQ, !proposals.contains(where: \.guaranteesPostQuantum) {
            map.diagnostics.report(
                .invalidValue,
                at: map.place(of: "require_pq"),
                "no proposal guarantees a post-quantum key exchange, such as aes256gcm-x25519+mlkem768"
            )
        }
        if forbidsNAT, !rawESP {
            map.diagnostics.report(
                .outOfRange,
                at: map.place(of: "forbid_nat"),
                "forbid_nat turns NAT traversal off, and with it ESP in UDP: it needs raw_esp: true"
            )
        }
        guard rekeyFrom > rekeyTo else { return }
        map.diagnostics.report(
            .outOfRange,
            at: map.place(of: "rekey_from"),
            "rekey_from (\(rekeyFrom.configText)) must not be longer than rekey_to (\(rekeyTo.configText))"
        )
    }
}
