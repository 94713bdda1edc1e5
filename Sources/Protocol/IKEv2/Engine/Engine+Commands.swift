import IKEMessage
import IPsecTypes

extension Engine {
    func perform(_ command: IKECommand) -> IKESAID? {
        switch command {
        case .initiate(let connection, let path): return initiate(Initiation(connection, path: path))
        case .close(let id, let reason): return with(id) { close($0, reason) }
        case .closeAll:
            for spi in sas.keys.sorted() {
                guard let sa = sas[spi] else { continue }
                touch(sa)
                close(sa, .requested)
            }
            return nil
        case .addChild(let id, let child): return with(id) { enqueue($0, .createChild(child)) }
        case .closeChild(let id, let spi):
            return with(id) { sa in
                // A replaced one ends anyway, and until then takes what is in flight.
                if let child = sa.child(inbound: spi), child.isLive { closeChild(sa, child, .requested) }
            }
        case .rekeyChild(let id, let spi): return with(id) { enqueue($0, .rekeyChild(spi)) }
        case .rekeyIKE(let id): return with(id) { enqueue($0, .rekeyIKE) }
        case .probe(let id): return with(id) { enqueue($0, .probe) }
        case .setNotAfter(let id, let end):
            return with(id) { sa in
                sa.notAfter = end
                setLease(sa)
                if sa.authorizesPeer, sa.isEstablished { enqueue(sa, .announce(.lifetime)) }
            }
        case .retireTicket(let id):
            return with(id) { sa in
                retireTicket(of: sa)
                sa.returning.note = nil
            }
        case .reload(let configuration):
            reload(configuration)
            return nil
        case .thaw(let snapshot, let epoch): return thaw(snapshot, ivEpoch: epoch)
        case .forget(let id): return with(id) { forget($0) }
        case .begin(let initiation): return initiate(initiation)
        case .useSecrets(let secrets):
            useSecrets(secrets)
            return nil
        case .drain(let target):
            drain(to: target)
            return nil
        case .localAddressesChanged(let id?, let addresses): return with(id) { takeLocalAddresses($0, addresses) }
        case .localAddressesChanged(nil, let addresses):
            for id in current.keys.sorted() { _ = with(id) { takeLocalAddresses($0, addresses) } }
            return nil
        }
    }

    private func with(_ id: IKESAID, _ body: (IKESA) -> Void) -> IKESAID? {
        guard let sa = newest(id) else { return nil }
        touch(sa)
        body(sa)
        if sa.pending == nil, sas[sa.localSPI] != nil { runTasks(sa) }
        return id
    }

    /// IKE SAs of connections that are gone are closed. The others go on and find the changed settings at their next
    /// exchange; what must be authenticated anew, the caller closes.
    private func reload(_ configuration: IKEConfiguration) {
        self.configuration = configuration
        var byName: [String: ConnectionConfiguration] = [:]
        for connection in configuration.connections where byName[connection.name] == nil {
            byName[connection.name] = connection
        }
        for spi in sas.keys.sorted() {
            guard let sa = sas[spi], sa.phase != .finished, sa.phase != .halfOpen else { continue }
            touch(sa)
            if let connection = byName[sa.connection.name] {
                let told = sa.connection.mobility.localAddresses
                sa.connection = connection
                if told != connection.mobility.localAddresses {
                    sa.mobility.localAddresses = connection.mobility.localAddresses
                    announceChanges(sa)
                    if sa.pending == nil { runTasks(sa) }
                }
            } else if current[sa.id] == spi {
                close(sa, .configurationRemoved)
            }
        }
    }

    /// Another owner has it: nothing is sent, nothing reported, and the data plane is left alone.
    private func forget(_ sa: IKESA) {
        handedOver.insert(sa.localSPI)
        for child in sa.children { childOwners[child.inboundSPI] = nil }
        sa.children = []
        remove(sa)
    }
}
