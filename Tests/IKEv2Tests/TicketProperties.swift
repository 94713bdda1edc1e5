import IPsecTypes

@testable import IKEv2

/// What must hold for any octets whatever, read as the state inside a ticket. They come out of our own seal, yet maybe from
/// another version, or from another gateway that has the key. The tests and the fuzz target share this file.
enum TicketProperties {
    /// What is violated, or nil.
    static func violation(content bytes: [UInt8]) -> String? {
        guard let content = try? TicketContent.decode(bytes.span) else { return nil }
        guard !content.rounds.isEmpty, content.number.count == TicketContent.numberLength else {
            return "a ticket without its parts"
        }
        for round in content.rounds {
            _ = round.provedIdentity
            if round.proof == .eap, round.eap == nil { return "a round of EAP that names nobody" }
        }
        guard let written = content.encoded() else { return nil }
        guard let again = try? TicketContent.decode(written.span) else { return "what is written is not read" }
        guard again.encoded() == written else { return "what is read is written otherwise" }
        guard again.rounds == content.rounds, again.suite == content.suite, again.skD.isEqual(to: content.skD),
            again.addresses == content.addresses, again.issued == content.issued, again.ends == content.ends
        else { return "it does not read back" }
        return nil
    }
}
