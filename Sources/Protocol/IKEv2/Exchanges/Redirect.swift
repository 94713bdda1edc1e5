import IKECrypto
import IKEMessage
import IPsecTypes

// Redirect (RFC 5685) in its three places: IKE_SA_INIT, IKE_AUTH and INFORMATIONAL. A gateway that is being drained sends its
// clients elsewhere; an initiator follows only to where its connection allows.

extension Engine {
    // MARK: Gateway

    /// Begins or ends a drain. Clients that follow redirects are asked to move, one after another over a while: the other
    /// gateway must not meet all of them at once.
    func drain(to target: RedirectTarget?) {
        drainTarget = target
        for sa in sas.values.sorted(by: { $0.localSPI < $1.localSPI }) {
            sa.tasks.removeAll { $0.task == .redirect }
            guard target != nil, isMovable(sa) else { continue }
            touch(sa)
            enqueue(sa, .redirect, notBefore: now + jittered(.zero...configuration.limits.drainSpread))
            if sa.pending == nil { runTasks(sa) }
        }
    }

    private func isMovable(_ sa: IKESA) -> Bool {
        sa.isEstablished && sa.authorizesPeer && sa.returning.followsRedirects && current[sa.id] == sa.localSPI
    }

    func startRedirect(_ sa: IKESA) {
        guard let target = drainTarget, isMovable(sa) else { return }
        statistics.redirectsSent += 1
        // RFC 5685 §5: no nonce data in a redirect that the IKE SA protects.
        sendRequest(sa, .informational, [Self.redirect(to: target)], .announcement)
    }

    /// Notes that the peer follows redirects: it says so, or comes by one (RFC 5685 §3).
    func noteRedirectSupport(_ sa: IKESA, _ payloads: [Payload]) {
        guard !sa.isInitiator else { return }
        let from = payloads.notify(.redirectedFrom)?.decoded
        if case .redirectedFrom(let gateway)? = from { sa.returning.cameFrom = gateway }
        sa.returning.followsRedirects = from != nil || payloads.notify(.redirectSupported) != nil
    }

    /// Answers IKE_SA_INIT or IKE_SESSION_RESUME with a redirect, and remembers nothing (RFC 5685 §3). Whoever comes from
    /// where it would be sent to is served: else two drained gateways would play ball.
    func redirects(_ header: IKEHeader, _ payloads: [Payload], _ nonce: [UInt8], _ path: Path) -> Bool {
        guard let target = drainTarget else { return false }
        let from = payloads.notify(.redirectedFrom)?.decoded
        guard payloads.notify(.redirectSupported) != nil || from != nil else { return false }
        if case .redirectedFrom(let gateway)? = from, gateway == target { return false }
        let answer = unprotectedAnswer(header, [Self.redirect(to: target, nonce: nonce)])
        statistics.redirectsSent += 1
        if answer.count <= Int(clamping: header.length) { send([answer], path) }
        return true
    }

    /// Where a client goes that has just authenticated itself, nil for nowhere (RFC 5685 §6).
    func redirectAfterAuthentication(_ sa: IKESA) -> RedirectTarget? {
        sa.returning.followsRedirects && sa.returning.cameFrom != drainTarget ? drainTarget : nil
    }

    static func redirect(to target: RedirectTarget, nonce: [UInt8] = []) -> Payload {
        let data = gateway(target)
        return .notify(.redirect, data + nonce)
    }

    /// GW Identity Type, Length, Identity (RFC 5685 §9.2, §9.3).
    private static func gateway(_ target: RedirectTarget) -> [UInt8] {
        let (type, identity): (UInt8, [UInt8]) =
            switch target {
            case .address(let address): (address.family == .v4 ? 1 : 2, address.bytes)
            case .fqdn(let name): (3, Array(name.utf8.prefix(255)))
            }
        var writer = WireWriter(capacity: identity.count + 2)
        writer.writeUInt8(type)
        writer.writeUInt8(UInt8(clamping: identity.count))
        writer.writeBytes(identity)
        return writer.bytes
    }

    // MARK: Agent

    /// REDIRECT_SUPPORTED, or where we were sent from (RFC 5685 §3).
    func redirectCapability(_ sa: IKESA, _ handshake: Handshake) -> [Payload] {
        guard !sa.connection.returning.redirectTargets.isEmpty else { return [] }
        guard let from = handshake.redirectedFrom else { return [.notify(.redirectSupported)] }
        return [.notify(.redirectedFrom, Self.gateway(.address(from)))]
    }

    /// In IKE_SA_INIT nothing proves who redirects us: the nonce must be ours and the target allowed; else we go on waiting
    /// for another answer (RFC 5685 §3, S13).
    func receiveInitialRedirect(_ sa: IKESA, _ handshake: Handshake, _ notify: NotifyPayload) {
        guard case .redirect(let target, let nonce) = notify.decoded, !nonce.isEmpty,
            constantTimeEqual(nonce, handshake.localNonce), isAllowed(target, sa)
        else { return drop(.redirect, sa.path) }
        concludeRequest(sa)
        report(.redirected(sa.id, target, .initial))
        finish(sa, .redirected)
    }

    /// RFC 5685 §6: both ends are authenticated, and the client deletes the IKE SA. False when there is no redirect.
    func receiveRedirectInAuth(_ sa: IKESA, _ payloads: [Payload]) -> Bool {
        guard let notify = payloads.notify(.redirect) else { return false }
        guard case .redirect(let target, let nonce) = notify.decoded, nonce.isEmpty, isAllowed(target, sa) else {
            drop(.redirect, sa.path)
            refuseRedirect(sa, notify)
            return true
        }
        report(.redirected(sa.id, target, .authentication))
        leave(sa)
        return true
    }

    private func refuseRedirect(_ sa: IKESA, _ notify: NotifyPayload) {
        statistics.failed += 1
        let cause = FailureReport.Cause.refused("redirect_refused: the gateway sends us to where we must not go")
        report(.failed(sa.id, failure(sa, .authentication, weInitiated: true, cause)))
        leave(sa)
    }

    private func leave(_ sa: IKESA) {
        current[sa.id] = nil
        dropHandshake(sa)
        sa.phase = .closing
        sa.closeReason = .redirected
        sa.timers.stopAll()
        sa.timers[.forget] = now + sa.connection.timing.giveUp * 2
        sa.tasks = [QueuedTask(task: .deleteIKE)]
    }

    /// RFC 5685 §5: an established gateway asks us to move. Only the original responder can (§10).
    func noteRedirect(_ sa: IKESA, _ payloads: [Payload]) {
        guard let notify = payloads.notify(.redirect) else { return }
        guard !sa.authorizesPeer, sa.isEstablished, case .redirect(let target, let nonce) = notify.decoded,
            nonce.isEmpty, isAllowed(target, sa)
        else { return drop(.redirect, sa.path) }
        report(.redirected(sa.id, target, .informational))
    }

    private func isAllowed(_ target: RedirectTarget, _ sa: IKESA) -> Bool {
        sa.connection.returning.redirectTargets.contains(target)
    }
}
