extension ErrorEntry {
    static let `internal`: [ErrorEntry] = [
        ErrorEntry(
            .internalFault,
            "an internal fault",
            "Something that cannot happen did. The tunnel concerned was taken down; others go on.",
            "report it with the output of: culvert bugreport"
        ),
        ErrorEntry(
            .selfTestFailed,
            "a cryptographic self-test failed",
            "An algorithm gave a wrong answer at start and is not offered; when a needed one fails "
                + "nothing starts.",
            "check the installed libcrypto"
        ),
        ErrorEntry(
            .stateDamaged,
            "a state file is damaged",
            "A file that Culvert itself wrote cannot be read back.",
            "restore it from a backup"
        ),
        ErrorEntry(
            .unsupportedSystem,
            "this system is not supported",
            "A feature of the kernel or of a library that Culvert needs is missing.",
            "see docs/start.md for what is needed"
        ),
        ErrorEntry(
            .cleanUpIncomplete,
            "not everything could be undone",
            "A route, address, rule or setting of an earlier run is still there; the message names it.",
            "remove it by hand with the command that is shown"
        ),
        ErrorEntry(
            .restoredAfterCrash,
            "left-overs of an earlier run were undone",
            "The daemon ended without cleaning up; at its next start it undid what was journaled.",
            "nothing to do"
        ),
    ]
}
