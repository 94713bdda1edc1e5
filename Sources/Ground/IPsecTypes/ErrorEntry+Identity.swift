extension ErrorEntry {
    static let identity: [ErrorEntry] = [
        ErrorEntry(
            .authenticationFailed,
            "authentication failed",
            "The peer refused our identity or we refused the peer's. On the wire all causes look the "
                + "same; the log of the side that refused names the reason.",
            "look at the other side: culvert audit tail"
        ),
        ErrorEntry(
            .identityMismatch,
            "the identity does not match the certificate",
            "An IKE identity must equal a subject alternative name of its own type in the certificate.",
            "compare the two names that the message shows"
        ),
        ErrorEntry(
            .certificateExpired,
            "the certificate has expired",
            "The certificate's notAfter lies in the past, beyond the 60 s that clocks may differ.",
            "issue a new one: culvert ca issue; check the clock: date -u"
        ),
        ErrorEntry(
            .certificateNotYetValid,
            "the certificate is not valid yet",
            "The certificate's notBefore lies in the future, beyond the 60 s that clocks may differ.",
            "check the clock: date -u"
        ),
        ErrorEntry(
            .untrustedIssuer,
            "no trusted CA issued the certificate",
            "The chain does not end at a root that this side trusts.",
            "compare the roots: culvert ca list; --ca-sha256"
        ),
        ErrorEntry(
            .wrongRole,
            "the certificate has the wrong role",
            "A gateway must show the gateway role and an agent must not; the extended key usage must fit "
                + "IKE.",
            "issue a certificate of the right profile: culvert ca issue"
        ),
        ErrorEntry(
            .certificateRevoked,
            "the certificate is revoked",
            "The issuing CA has revoked the certificate.",
            "issue a new one: culvert ca issue"
        ),
        ErrorEntry(
            .unknownPeer,
            "no entry for this peer",
            "A peer without a certificate of our CA needs an entry under peers: in policy.yaml with "
                + "exactly its identity.",
            "add the peer to policy.yaml"
        ),
        ErrorEntry(
            .pskMismatch,
            "the pre-shared keys differ",
            "The proof that the peer sent was made with another pre-shared key.",
            "compare the secret files on both sides"
        ),
        ErrorEntry(
            .weakKey,
            "a public key is too weak or malformed",
            "RSA keys have 2048 to 8192 bits and an odd exponent of at least 65537; EC keys lie on P-256, "
                + "P-384 or P-521.",
            "issue a certificate with a stronger key"
        ),
        ErrorEntry(
            .keyUnusable,
            "the private key cannot be used",
            "The key is of a kind that is not supported, is encrypted, or is damaged.",
            "issue a new pair: culvert ca issue"
        ),
        ErrorEntry(
            .gatewayMismatch,
            "this is not the gateway that was asked for",
            "The other side proved an identity, but not the one that was asked for or not under a pinned "
                + "root. The connection was closed before anything was sent.",
            "check --gateway and --ca-sha256; someone may be in the path"
        ),
        ErrorEntry(
            .badProfile,
            "the profile cannot be used",
            "A profile holds the gateway's name, the root, a certificate and its key; this one lacks "
                + "something or is damaged.",
            "make a new one: culvert ca issue --out FILE"
        ),
        ErrorEntry(
            .methodRefused,
            "the authentication method is not allowed",
            "The peer used a method or a hash that policy does not allow for it.",
            "allow it for this peer under peers: signatures, or change the peer"
        ),
        ErrorEntry(
            .certificateNotFound,
            "no such certificate",
            "The CA has no record of a certificate of this name or serial number.",
            "culvert ca list"
        ),
        ErrorEntry(
            .clocksDiffer,
            "two clocks differ",
            "A certificate begins within the next day, or ended within the last ten minutes, by this machine's clock: "
                + "this clock is wrong, or the one that the certificate was made or chosen by.",
            "compare date -u on both machines, then on the wrong one: timedatectl set-ntp true"
        ),
    ]
}
