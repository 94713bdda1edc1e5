import IKEMessage
import IKEv2
import IPsecTypes

/// Who took part in which IKE SA: nobody is established without a run of the peer it names, and both ends agree on who
/// they are and what they chose (the agreement that formal analyses of IKEv2 ask for).
struct RunLedger {
    private struct Run: Hashable {
        var initiatorSPI: IKESPI
        var responderSPI: IKESPI
        var asInitiator: Bool
    }

    private struct Outcome {
        var host: Int
        var local: Identity?
        var remote: Identity?
        var suite: IKESuite?
    }

    /// Who sent a protected message as this end of this IKE SA.
    private var speakers: [Run: Int] = [:]
    private var outcomes: [Run: Outcome] = [:]

    /// Notes that `host` sends a protected message.
    mutating func spoke(_ host: Int, _ initiatorSPI: IKESPI, _ responderSPI: IKESPI, asInitiator: Bool) {
        speakers[Run(initiatorSPI: initiatorSPI, responderSPI: responderSPI, asInitiator: asInitiator)] = host
    }

    /// Notes that `host` is established; returns what contradicts it. `identities` are those of all hosts.
    mutating func established(_ host: Int, _ status: IKESAStatus, identities: [Identity]) -> String? {
        let ours = Run(
            initiatorSPI: status.initiatorSPI,
            responderSPI: status.responderSPI,
            asInitiator: status.isInitiator
        )
        var theirs = ours
        theirs.asInitiator.toggle()
        outcomes[ours] = Outcome(
            host: host,
            local: status.localIdentity,
            remote: status.remoteIdentity,
            suite: status.suite
        )
        guard let peer = speakers[theirs] else { return "nobody has run the other end" }
        guard peer != host else { return "the other end is the host itself" }
        guard status.remoteIdentity == identities[peer] else {
            return
                "the other end is \(identities[peer]), taken for \(status.remoteIdentity.map { "\($0)" } ?? "nobody")"
        }
        guard let other = outcomes[theirs] else { return nil }
        guard other.host == peer else { return "two hosts are the other end" }
        guard other.local == status.remoteIdentity, other.remote == status.localIdentity else {
            return "the ends disagree about who they are"
        }
        return other.suite == status.suite ? nil : "the ends disagree about the suite"
    }
}
