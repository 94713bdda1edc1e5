/// One way to send bad messages: what a peer that breaks the protocol sends in place of a good one, with the right keys, and
/// what the end that does not break it makes of that.
///
/// Impairments exist in this room only, which no daemon links.
public struct Impairment: Sendable, CustomStringConvertible {
    /// Which messages of the impaired host are changed.
    enum Place: Sendable, Equatable {
        /// IKE_SA_INIT, the request or the response, as its role has it.
        case initial
        /// IKE_AUTH, likewise.
        case authentication
        /// Requests of CREATE_CHILD_SA or INFORMATIONAL, after the provocation.
        case request(UInt8)
        /// Responses of these.
        case response(UInt8)
        /// Everything.
        case everything
    }

    /// What is done once both ends are established, so that the changed message is sent.
    enum Provocation: Sendable {
        case none
        /// The impaired end acts.
        case ours(ScriptedPair.Command)
        /// The other end acts.
        case theirs(ScriptedPair.Command)
    }

    /// What the sound end ends up with.
    public enum Verdict: String, Sendable {
        /// The IKE SA and its Child SA are up and stay up.
        case works
        /// There is no IKE SA.
        case refused
        /// The IKE SA is up without a Child SA.
        case childless
        /// The IKE SA was up and ended.
        case ended
    }

    /// Its name, for the command line of tests.
    public let name: String
    /// Rows of docs/internals/threat-tests.md.
    public let threats: [String]
    let place: Place
    let provocation: Provocation
    /// The verdict when the impaired end is the original initiator, nil where it makes no sense in that role.
    public let asInitiator: Verdict?
    /// The verdict when it is the original responder.
    public let asResponder: Verdict?
    let change: @Sendable (inout MessageDraft) -> Void

    init(
        _ name: String,
        _ threats: [String],
        _ place: Place,
        _ provocation: Provocation,
        _ asInitiator: Verdict?,
        _ asResponder: Verdict?,
        _ change: @escaping @Sendable (inout MessageDraft) -> Void
    ) {
        self.name = name
        self.threats = threats
        self.place = place
        self.provocation = provocation
        self.asInitiator = asInitiator
        self.asResponder = asResponder
        self.change = change
    }

    /// Changes messages of the handshake, which need no provocation.
    init(
        _ name: String,
        _ threats: [String],
        _ place: Place,
        _ asInitiator: Verdict?,
        _ asResponder: Verdict?,
        _ change: @escaping @Sendable (inout MessageDraft) -> Void
    ) {
        self.init(name, threats, place, .none, asInitiator, asResponder, change)
    }

    /// Its name.
    public var description: String { name }

    /// All of them.
    public static let all: [Impairment] =
        initial + algorithms + authentication + selectors + envelope + established + deletions
}
