extension ErrorEntry {
    static let gateway: [ErrorEntry] = [
        ErrorEntry(
            .noProposalChosen,
            "no common algorithms",
            "None of the proposals of one side is allowed on the other; both lists are shown.",
            "add a common proposal on one side"
        ),
        ErrorEntry(
            .notRunning,
            "the daemon is not running",
            "Nothing listens on the control socket.",
            "start it: culvert gateway run, or: culvert agent run"
        ),
        ErrorEntry(
            .controlRefused,
            "the control socket refused you",
            "Only root and the daemon's own user may speak to the daemon.",
            "run the command with sudo"
        ),
        ErrorEntry(
            .controlVersion,
            "command and daemon are of different versions",
            "The daemon speaks another version of the control protocol.",
            "restart the daemon with the version that is installed"
        ),
        ErrorEntry(
            .poolExhausted,
            "no address is left in the pool",
            "Every address is held by a session or in its hold-down after one.",
            "enlarge pools: in gateway.yaml"
        ),
        ErrorEntry(
            .gatewayBusy,
            "the gateway is busy",
            "The gateway asked to try again later, or limits how fast one source may connect.",
            "nothing to do: an agent tries again by itself"
        ),
        ErrorEntry(
            .limitReached,
            "a limit is reached",
            "A bound on sessions, children or half-open connections was reached.",
            "raise it under limits: within its bounds"
        ),
        ErrorEntry(
            .diskFull,
            "the disk is full",
            "A file could not be written. New sessions are refused while the audit trail cannot be kept; "
                + "those that exist stay.",
            "free space: df -h"
        ),
        ErrorEntry(
            .auditUnavailable,
            "the audit trail cannot be written",
            "Without an audit trail no session starts.",
            "check the path under audit:"
        ),
        ErrorEntry(
            .alreadyRunning,
            "the daemon is running already",
            "Another process holds the control socket and answers on it.",
            "culvert gateway status"
        ),
        ErrorEntry(
            .peerProtocol,
            "the peer broke the protocol",
            "The peer sent something that the standard forbids; the message names it.",
            "report it to the peer's vendor with the log"
        ),
        ErrorEntry(
            .childRefused,
            "the peer refused the tunnel",
            "The IKE SA is up, but the peer refused the Child SA; its notify is shown.",
            "look at the other side's log"
        ),
        ErrorEntry(
            .stateUnwritable,
            "a state file cannot be written",
            "A directory under the state path is missing or may not be written.",
            "check owner and mode of the state directory"
        ),
        ErrorEntry(
            .controlTimeout,
            "the daemon did not answer in time",
            "The control socket accepted the request but gave no answer before the deadline.",
            "culvert gateway status; look at the daemon's log"
        ),
        ErrorEntry(
            .connectionTimeout,
            "the tunnel did not come up in time",
            "The time that was given ran out; the last state is shown.",
            "raise --timeout, or look at: culvert status"
        ),
        ErrorEntry(
            .caProblem,
            "the CA cannot do this",
            "The CA's records or keys are missing, locked or damaged.",
            "check the CA directory; restore it from a backup"
        ),
    ]
}
