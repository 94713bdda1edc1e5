import IKEv2
import IPsecTypes

/// What happens to a host from outside: another address, a clock that is set, a machine that sleeps.
extension SimulatedHost {
    /// The host has another address from now on, behind `nat` where there is one; what it sends from the old one is lost.
    func move(to address: IPAddress, nat: NATBox?) {
        world.note("\(name): moves to \(address)")
        world.statistics.moves += 1
        world.network.detach(index)
        world.network.attach(index, address: address, nat: nat)
        description.address = address
        description.nat = nat
        announceAddresses()
    }

    /// Tells the endpoint that the addresses of the host are others.
    private func announceAddresses() {
        guard isUp, !isSuspended, !isFrozen else { return }
        let address = description.address
        let routed = description.peer.map { [AddressPair(local: address, remote: $0)] } ?? []
        perform(.localAddressesChanged(nil, LocalAddresses(usable: [address], routed: routed)))
    }

    /// Sets the civil clock; the monotonic one goes on.
    func stepClock(by seconds: Int64) {
        world.note("\(name): civil clock by \(seconds) s")
        description.clockSkewSeconds += seconds
    }

    /// The machine sleeps: nothing is received, nothing runs, and afterwards all deadlines are over at once.
    func suspend(for pause: Duration) {
        guard isUp, !isSuspended else { return }
        world.note("\(name): sleeps for \(pause)")
        world.statistics.suspensions += 1
        isSuspended = true
        let (index, life) = (index, incarnation)
        world.script(after: pause) { world in
            guard world.hosts[index].incarnation == life else { return }
            world.hosts[index].resume()
        }
    }

    /// The machine wakes up.
    func resume() {
        guard isSuspended else { return }
        isSuspended = false
        armedAt = nil
        let late = lateAnswers
        lateAnswers = []
        for event in late { take(.event(event)) }
        take(.timeout)
        announceAddresses()
        if wantsUp, current == nil { connect() }
    }
}
