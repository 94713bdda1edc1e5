import ConfigFile
import IKEv2
import IPsecTypes
import PacketIO
import Policy
import RADIUS
import Runtime
import Sessions
import Store

// Who returns by a ticket (RFC 5723): what its session rested on must still hold.
extension GatewayController {
    /// Why a resumption is refused; nil when nothing speaks against it. Its peer may come back by a full exchange.
    func ticketRefusal(_ request: AuthorizationRequest, _ subject: PolicySubject) -> CulvertError? {
        guard let resumed = request.resumed else { return nil }
        let users = request.rounds.compactMap(\.verified.eap?.name)
        let keys = [Session.identityKey(subject)] + users.map { TicketCuts.user($0) }
        if cuts.refuses(keys, issued: resumed.issued) {
            return CulvertError(.sessionReplaced, "ticket_cut: its session was ended by us")
        }
        // Certificates and keys were looked at again; of a user only those know who threw it out.
        if !users.isEmpty, resumed.issued < cuts.floor {
            return CulvertError(.sessionReplaced, "ticket_cut: nobody remembers whether its user was thrown out")
        }
        return nil
    }

    /// Throws out: no ticket from before brings it back, now or after a restart.
    func cut(_ keys: [String]) {
        let now = SystemClock.wall
        let lifetime = loaded.configuration.ike.ticketLifetime.components.seconds
        for key in keys { cuts.add(key, at: now, lifetime: lifetime) }
        parts.leases?.note(keys.map { .cut(identity: $0, at: now, until: now.advanced(bySeconds: lifetime + 60)) })
    }

    /// Throws out a session's peer.
    func cut(_ session: Session) {
        cut([session.identityKey] + (session.subject.eap.map { [TicketCuts.user($0.name)] } ?? []))
    }

    /// What a RADIUS server once let in whoever returns by a ticket; nil for everybody else.
    func resumedAcceptance(_ request: AuthorizationRequest) -> RADIUSAcceptances.Entry? {
        guard let resumed = request.resumed, request.rounds.contains(where: { $0.verified.eap?.method == "radius" }),
            let authorization = RADIUSAuthorization(ticketNote: resumed.note), let user = authorization.userName
        else { return nil }
        return RADIUSAcceptances.Entry(userName: user, authorization: authorization, server: "")
    }

    /// How long a session may last: its ticket's own end goes before.
    func longest(_ request: AuthorizationRequest, _ accepted: RADIUSAcceptances.Entry?, _ wall: WallTime) -> Duration? {
        let timeout = accepted?.authorization.sessionTimeout.map { Duration.seconds(Int64($0)) }
        let rest = request.resumed?.ends.map { end in
            Duration.seconds(
                max(0, end.secondsSinceEpoch.subtractingReportingOverflow(wall.secondsSinceEpoch).partialValue)
            )
        }
        return [timeout, rest].compactMap { $0 }.min()
    }
}
