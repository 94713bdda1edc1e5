public import IKEv2
import IPsecTypes

extension PeerSilence {
    /// What was sent, what came and what was compared, as labelled lines.
    public var details: [(label: String, value: String)] {
        var details: [(label: String, value: String)] = []
        if let unanswered {
            let sent =
                "\(unanswered.exchange): \(Self.lengths(unanswered.lengths)), sent \(unanswered.transmissions) times"
            details.append(("offered", sent))
            details.append(("compared", "no answer within \(Self.seconds(unanswered.waited))"))
            if unanswered.isFirstToPort, longestArrived > 0 {
                details.append(("compared", "nothing was ever answered from the port that it went to"))
            }
        }
        if let repeated {
            let answer = "our answer: \(Self.lengths(repeated.lengths)), asked for again \(repeated.times) times"
            details.append(("offered", answer))
        }
        if let partial {
            let what = partial.isResponse ? "answer" : "request"
            details.append(("wanted", "all \(partial.total) fragments of the peer's \(what)"))
            details.append(("compared", "\(partial.received) came, up to \(partial.longest) octets long"))
        }
        if longestArrived > 0 {
            details.append(("compared", "the longest of ours that arrived: \(longestArrived) octets"))
        }
        details.append(("compared", lastHeard.map { "last heard \(Self.seconds($0)) ago" } ?? "never heard"))
        return details
    }

    private static func lengths(_ lengths: [Int]) -> String {
        let longest = lengths.max() ?? 0
        return lengths.count > 1 ? "\(lengths.count) fragments of up to \(longest) octets" : "\(longest) octets"
    }

    private static func seconds(_ duration: Duration) -> String {
        "\(Double(duration.wholeNanoseconds / 100_000_000) / 10) s"
    }
}

extension IKESAStatus {
    /// Why an established IKE SA whose peer fell silent was given up; nil for every other end.
    public func error(of end: CloseReason) -> CulvertError? {
        guard end == .peerDead else { return nil }
        let loses = silence?.losesFragments == true
        let details = [("peer", "\(path.remote)"), ("reason", loses ? "fragments_lost" : end.word)]
        let claimed = remoteIdentity.map { [("claimed", "\($0)")] } ?? []
        return CulvertError(
            loses ? .fragmentsLost : .peerDead,
            loses ? "long messages do not pass between us and \(path.remote)" : "\(path.remote) stopped answering",
            details: details + claimed + (silence?.details ?? [])
        )
    }
}
