extension ErrorEntry {
    static let policy: [ErrorEntry] = [
        ErrorEntry(
            .noRuleMatches,
            "no rule fits this identity",
            "Access is denied unless a rule allows it. The message names the rule that comes closest and "
                + "the condition that failed.",
            "culvert policy explain"
        ),
        ErrorEntry(
            .selectorsRefused,
            "none of the networks asked for is allowed",
            "The traffic selectors that were proposed share nothing with those that policy grants; both "
                + "are listed.",
            "compare the selectors of both sides"
        ),
        ErrorEntry(
            .destinationDenied,
            "no rule allows this destination",
            "The session is up, but none of its rules reaches the address, protocol and port.",
            "culvert policy explain --to ADDRESS:PORT"
        ),
        ErrorEntry(
            .policyTestFailed,
            "a test in policy.yaml failed",
            "A tests: entry expects another decision than the rules give. The policy is refused and the "
                + "running one stays in force.",
            "culvert policy test"
        ),
        ErrorEntry(
            .leaseEnded,
            "the lease has ended",
            "The session reached the lease or the max_lease of its rule.",
            "connect again: culvert up"
        ),
        ErrorEntry(
            .policyRefused,
            "the policy was refused",
            "The new policy has errors; the running one stays in force, whole.",
            "correct the errors and run: culvert gateway reload"
        ),
        ErrorEntry(
            .peerAuthentication,
            "the peer authenticated in another way than its entry demands",
            "An entry under peers: names a CA or a pre-shared key, and only that counts for this "
                + "identity.",
            "compare the entry with the peer's configuration"
        ),
        ErrorEntry(
            .sessionReplaced,
            "a newer session of the same identity took over",
            "One identity has one live session; after authentication the newer one replaces the older.",
            "give each machine a certificate of its own"
        ),
        ErrorEntry(
            .tooManySelectors,
            "the grants need too many traffic selectors",
            "A Child SA carries at most 64 traffic selectors; what did not fit is not granted.",
            "merge resources into larger networks or port ranges"
        ),
        ErrorEntry(
            .tenantMismatch,
            "the identity belongs to another tenant",
            "Rules apply to identities of their own tenant alone.",
            "use a certificate of this tenant's CA"
        ),
    ]
}
