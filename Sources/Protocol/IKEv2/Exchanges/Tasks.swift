import IKEMessage
import IPsecTypes

/// Exchanges of our own, one after another: each is a task until the window is free (RFC 7296 §2.3).
extension Engine {
    /// Queues a task once. Whoever is not handling a message or timeout of `sa` runs the tasks afterwards.
    func enqueue(_ sa: IKESA, _ task: ExchangeTask, notBefore: Instant? = nil, first: Bool = false) {
        if let index = sa.tasks.firstIndex(where: { $0.task == task }) {
            if notBefore == nil { sa.tasks[index].notBefore = nil }
            return
        }
        let queued = QueuedTask(task: task, notBefore: notBefore)
        if first { sa.tasks.insert(queued, at: 0) } else { sa.tasks.append(queued) }
    }

    /// Starts what can be started.
    func runTasks(_ sa: IKESA) {
        while sa.pending == nil, sa.requests.outstanding == nil, sas[sa.localSPI] === sa, sa.phase != .finished {
            guard let index = sa.tasks.firstIndex(where: { isDue($0, sa) }) else { break }
            start(sa, sa.tasks.remove(at: index).task)
        }
        let unconfirmed = sa.tasks.isEmpty ? [] : sa.children.compactMap(\.unconfirmedUntil)
        sa.timers[.task] = (sa.tasks.compactMap(\.notBefore) + unconfirmed).filter { $0 > now }.min()
    }

    private func isDue(_ queued: QueuedTask, _ sa: IKESA) -> Bool {
        guard queued.notBefore.map({ $0 <= now }) ?? true else { return false }
        switch queued.task {
        case .deleteIKE, .authenticationFailed: return true
        case .rekeyChild(let spi), .deleteChild(let spi): return sa.isEstablished && isConfirmed(sa, spi)
        case .createChild, .deleteUnused, .rekeyIKE, .probe, .updateAddresses, .returnCheck,
            .announceAddresses, .announce, .redirect:
            return sa.isEstablished
        }
    }

    private func isConfirmed(_ sa: IKESA, _ spi: SPI) -> Bool {
        guard let until = sa.child(inbound: spi)?.unconfirmedUntil else { return true }
        return until <= now
    }

    /// A further request shows that the peer has our last answer: the window holds one (RFC 7296 §2.3).
    func confirmChildren(_ sa: IKESA) {
        for child in sa.children { confirm(child) }
    }

    /// The peer has our answer, or had time enough for it.
    func confirm(_ child: ChildSA) {
        child.unconfirmedUntil = nil
        guard child.awaitsConfirmation else { return }
        child.awaitsConfirmation = false
        if child.isLive { activate(child) }
    }

    private func start(_ sa: IKESA, _ task: ExchangeTask) {
        switch task {
        case .createChild(let configuration): startCreateChild(sa, configuration)
        case .rekeyChild(let spi): startRekeyChild(sa, spi)
        case .deleteChild(let spi):
            guard let child = sa.child(inbound: spi), child.phase == .closing || child.phase == .replaced else {
                return
            }
            child.deleteSent = true
            sendDelete(sa, spi)
        case .deleteUnused(let spi): sendDelete(sa, spi)
        case .rekeyIKE: startRekeyIKE(sa)
        case .deleteIKE: sendRequest(sa, .informational, [.delete(.ikeSA)], .deleteIKE)
        case .probe: sendRequest(sa, .informational, probePayloads(sa) + mappingQuestion(sa), .probe)
        case .announce(let what): announce(sa, what)
        case .redirect: startRedirect(sa)
        case .authenticationFailed:
            sendRequest(sa, .informational, [.notify(.authenticationFailed)], .authenticationFailed)
        case .updateAddresses: startAddressUpdate(sa)
        case .returnCheck: startReturnCheck(sa)
        case .announceAddresses: startAnnouncement(sa)
        }
    }

    private func sendDelete(_ sa: IKESA, _ spi: SPI) {
        // RFC 7296 §1.4.1: the SPIs that the sender expects in inbound packets.
        let payload = Payload.delete(DeletePayload(protocolID: .esp, spis: [spi]))
        sendRequest(sa, .informational, [payload], .deleteChildren([spi]))
    }

    /// Puts a task off after TEMPORARY_FAILURE: the peer is busy with something that will be over soon. When it is never
    /// over, the ends disagree about their state (RFC 7296 §2.25).
    func postpone(_ sa: IKESA, _ task: ExchangeTask) {
        sa.temporaryFailures += 1
        guard sa.temporaryFailures <= sa.connection.timing.temporaryFailureLimit else { return close(sa, .outOfSync) }
        report(.collision(sa.id, "TEMPORARY_FAILURE: \(task.summary) is tried again"))
        enqueue(sa, task, notBefore: now + jittered(sa.connection.timing.temporaryFailureRetry))
    }
}

extension ExchangeTask {
    /// A few words for the log.
    var summary: String {
        switch self {
        case .createChild(let child): "new child \(child.name)"
        case .rekeyChild(let spi): "rekeying of \(spi)"
        case .deleteChild(let spi), .deleteUnused(let spi): "deletion of \(spi)"
        case .rekeyIKE: "rekeying of the IKE SA"
        case .deleteIKE: "deletion of the IKE SA"
        case .probe: "liveness check"
        case .authenticationFailed: "refusal"
        case .announce: "announcement"
        case .redirect: "redirect"
        case .updateAddresses: "change of addresses"
        case .returnCheck: "return routability check"
        case .announceAddresses: "list of our addresses"
        }
    }
}
