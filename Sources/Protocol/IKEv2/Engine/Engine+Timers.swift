import IKEMessage
import IPsecTypes

extension Engine {
    /// Handles every IKE SA whose deadline has come.
    func handleTimeout() {
        while let entry = deadlines.popDue(now) {
            guard let sa = sas[entry.spi] else { continue }
            if let scheduled = sa.scheduledAt, scheduled <= entry.at { sa.scheduledAt = nil }
            touch(sa)
            guard let at = sa.nextDeadline, at <= now else { continue }
            fireTimers(sa)
            if sas[sa.localSPI] != nil, sa.pending == nil { runTasks(sa) }
        }
    }

    private func fireTimers(_ sa: IKESA) {
        if sa.timers.fire(.forget, now) { return expireTransient(sa) }
        if sa.timers.fire(.lease, now) { close(sa, .expired) }
        if sa.timers.fire(.hard, now) { close(sa, .lifetime) }
        if sa.timers.fire(.superseded, now) { close(sa, .replaced) }
        if sa.timers.fire(.reauthenticate, now) { reauthenticationDue(sa) }
        if sa.timers.fire(.giveUp, now) { giveUp(sa) }
        if sa.timers.fire(.retransmit, now) { retransmit(sa) }
        if sa.timers.fire(.reassembly, now) { expireReassemblies(sa) }
        if sa.timers.fire(.keepalive, now) {
            emit(.sendKeepalive(sa.path))
            sa.timers[.keepalive] = now + sa.connection.timing.keepalive
        }
        if sa.timers.fire(.rekey, now) { enqueue(sa, .rekeyIKE) }
        if sa.timers.fire(.probe, now) { checkLiveness(sa) }
        _ = sa.timers.fire(.task, now)
        if sa.timers.fire(.series, now) { expireSeries(sa) }
        fireChildTimers(sa)
    }

    /// A half-open IKE SA whose time is over leaves nothing; a replaced or closing one has waited long enough.
    private func expireTransient(_ sa: IKESA) {
        sa.silence = silence(of: sa)
        switch sa.phase {
        case .halfOpen:
            // A flood of them must not become a flood of reports.
            if failureBudget.take(now, perSecond: configuration.limits.unprotectedErrorsPerSecond) {
                fail(sa, .timeout)
            } else {
                statistics.failed += 1
            }
        case .initiating: fail(sa, .timeout)
        case .closing: finish(sa, sa.closeReason ?? .requested)
        case .established, .replaced, .finished: break
        }
        if sas[sa.localSPI] != nil { remove(sa) }
    }

    private func fireChildTimers(_ sa: IKESA) {
        for child in sa.children {
            if let at = child.removeAt, at <= now {
                remove(child, of: sa, child.closeReason ?? .rekeyed)
                continue
            }
            if let at = child.hardAt, at <= now {
                child.hardAt = nil
                closeChild(sa, child, .lifetime)
                continue
            }
            if child.awaitsConfirmation, let at = child.unconfirmedUntil, at <= now { confirm(child) }
            if let at = child.rekeyAt, at <= now {
                child.rekeyAt = nil
                enqueue(sa, .rekeyChild(child.inboundSPI))
            }
        }
    }
}
