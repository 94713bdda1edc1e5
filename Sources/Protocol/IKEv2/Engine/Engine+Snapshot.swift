import IKECrypto
import IKEMessage
import IPsecTypes

/// Handing an IKE SA from one owner to another (law 5).
extension Engine {
    func snapshot(_ id: IKESAID, _ now: Instant) -> IKESASnapshot? {
        guard let sa = newest(id), sa.isEstablished, sa.pending == nil, sa.peerRekeying == nil,
            sa.childCollisions.isEmpty, sa.awaitedSeries.isEmpty, let suite = sa.suite, let keys = sa.keys
        else { return nil }
        let outstanding: IKESASnapshot.Outstanding?
        switch sa.requests.outstanding?.context {
        case nil: outstanding = nil
        case .probe: outstanding = frozen(sa, .probe)
        case .deleteChildren(let spis): outstanding = frozen(sa, .deleteChildren(spis))
        case .initial, .authentication, .createChild, .rekeyIKE, .deleteIKE, .authenticationFailed,
            .intermediate, .followUp, .announcement:
            return nil
        case .mobility(let exchange): outstanding = frozen(sa, .mobility(exchange))
        }
        return IKESASnapshot(
            version: IKESASnapshot.currentVersion,
            id: sa.id,
            localSPI: sa.localSPI,
            ivEpoch: sa.ivEpoch,
            remoteSPI: sa.remoteSPI,
            isInitiator: sa.isInitiator,
            connection: sa.connection,
            path: sa.path,
            suite: suite,
            keys: keys,
            supportsFragments: sa.supportsFragments,
            nat: sa.nat,
            mobility: sa.mobility,
            nextRequestID: sa.requests.nextID,
            outstanding: outstanding,
            expectedRequestID: sa.responses.expected,
            lastTag: sa.responses.lastTag,
            lastResponse: sa.responses.lastResponse,
            tasks: sa.tasks.map(\.task),
            children: sa.children.map { frozen($0, now) },
            remoteIdentity: sa.remoteIdentity,
            peer: sa.peer,
            grant: sa.grant,
            authorizesPeer: sa.authorizesPeer,
            configuration: sa.configuration,
            notAfter: sa.notAfter,
            age: sa.establishedAt.map { now - $0 } ?? .zero,
            rekeyIn: sa.timers[.rekey].map { $0 - now },
            hardIn: sa.timers[.hard].map { $0 - now },
            rekeyings: sa.rekeyings,
            returning: sa.returning,
            reauthenticateIn: sa.returning.reauthenticateAt.map { $0 - now },
            supersededIn: sa.timers[.superseded].map { $0 - now }
        )
    }

    private func frozen(_ sa: IKESA, _ kind: IKESASnapshot.Outstanding.Kind) -> IKESASnapshot.Outstanding? {
        sa.requests.outstanding.map {
            .init(
                kind: kind,
                messageID: $0.messageID,
                datagrams: $0.datagrams,
                detour: $0.detour,
                ways: $0.ways
            )
        }
    }

    private func frozen(_ child: ChildSA, _ now: Instant) -> IKESASnapshot.Child {
        IKESASnapshot.Child(
            inboundSPI: child.inboundSPI,
            outboundSPI: child.outboundSPI,
            configuration: child.configuration,
            suite: child.suite,
            mode: child.mode,
            originalAddresses: child.originalAddresses,
            localSelectors: child.localSelectors,
            remoteSelectors: child.remoteSelectors,
            owner: child.owner,
            age: now - child.createdAt,
            phase: child.phase,
            udpEncapsulation: child.udpEncapsulation,
            outboundActive: child.outboundActive,
            rekeyIn: child.rekeyAt.map { $0 - now },
            hardIn: child.hardAt.map { $0 - now },
            removeIn: child.removeAt.map { $0 - now },
            deleteSent: child.deleteSent,
            awaitsConfirmation: child.awaitsConfirmation,
            isRemoved: child.isRemoved,
            closeReason: child.closeReason,
            peerRekeying: child.peerRekeying
        )
    }

    /// Goes on with a frozen IKE SA; nil when its layout is unknown, its SPI is taken here, or the IV epoch is the one its
    /// last owner sealed with.
    func thaw(_ snapshot: IKESASnapshot, ivEpoch: UInt16) -> IKESAID? {
        guard snapshot.version == IKESASnapshot.currentVersion, ivEpoch != snapshot.ivEpoch,
            sas[snapshot.localSPI] == nil
        else { return nil }
        let id = current[snapshot.id] == nil ? snapshot.id : nextID()
        reserve(id)
        let sa = IKESA(
            id: id,
            isInitiator: snapshot.isInitiator,
            localSPI: snapshot.localSPI,
            remoteSPI: snapshot.remoteSPI,
            connection: snapshot.connection,
            path: snapshot.path,
            phase: .established,
            ivEpoch: ivEpoch
        )
        restore(sa, snapshot)
        insert(sa)
        current[id] = sa.localSPI
        if let identity = sa.remoteIdentity { byIdentity[identity, default: []].append(id) }
        startTimers(sa, sa.connection.timing)
        sa.timers[.rekey] = snapshot.rekeyIn.map { now + $0 }
        sa.timers[.hard] = snapshot.hardIn.map { now + $0 }
        sa.timers[.superseded] = snapshot.supersededIn.map { now + $0 }
        if let outstanding = snapshot.outstanding { resend(sa, outstanding) }
        runTasks(sa)
        return id
    }

    private func restore(_ sa: IKESA, _ snapshot: IKESASnapshot) {
        sa.suite = snapshot.suite
        sa.keys = snapshot.keys
        sa.supportsFragments = snapshot.supportsFragments
        sa.nat = snapshot.nat
        sa.mobility = snapshot.mobility
        // The other machine's clock.
        sa.mobility.failed = nil
        sa.mobility.budget = TokenBucket()
        sa.requests.nextID = snapshot.nextRequestID
        sa.responses.expected = snapshot.expectedRequestID
        sa.responses.lastTag = snapshot.lastTag
        sa.responses.lastResponse = snapshot.lastResponse
        sa.tasks = snapshot.tasks.map { QueuedTask(task: $0) }
        sa.remoteIdentity = snapshot.remoteIdentity
        sa.peer = snapshot.peer
        sa.grant = snapshot.grant
        sa.authorizesPeer = snapshot.authorizesPeer
        sa.configuration = snapshot.configuration
        sa.notAfter = snapshot.notAfter
        sa.establishedAt = now - snapshot.age
        sa.lastInbound = now
        sa.rekeyings = snapshot.rekeyings
        sa.returning = snapshot.returning
        // The clocks of two owners share no origin.
        sa.returning.hints = TokenBucket()
        sa.returning.suspectedAt = nil
        sa.returning.reauthenticateAt = snapshot.reauthenticateIn.map { now + $0 }
        handedOver.remove(sa.localSPI)
        for frozen in snapshot.children {
            let child = ChildSA(
                inboundSPI: frozen.inboundSPI,
                outboundSPI: frozen.outboundSPI,
                configuration: frozen.configuration,
                suite: frozen.suite,
                mode: frozen.mode,
                originalAddresses: frozen.originalAddresses,
                localSelectors: frozen.localSelectors,
                remoteSelectors: frozen.remoteSelectors,
                owner: frozen.owner,
                createdAt: now - frozen.age,
                udpEncapsulation: frozen.udpEncapsulation,
                outboundActive: frozen.outboundActive
            )
            child.sendsWhenHeard = !frozen.outboundActive
            child.phase = frozen.phase
            child.rekeyAt = frozen.rekeyIn.map { now + $0 }
            child.hardAt = frozen.hardIn.map { now + $0 }
            child.removeAt = frozen.removeIn.map { now + $0 }
            child.deleteSent = frozen.deleteSent
            child.awaitsConfirmation = frozen.awaitsConfirmation
            if child.awaitsConfirmation { child.unconfirmedUntil = now + Self.confirmation }
            child.isRemoved = frozen.isRemoved
            child.closeReason = frozen.closeReason
            child.peerRekeying = frozen.peerRekeying
            sa.children.append(child)
            if !child.isRemoved { childOwners[child.inboundSPI] = sa.localSPI }
        }
    }

    private func resend(_ sa: IKESA, _ outstanding: IKESASnapshot.Outstanding) {
        let context: ExchangeContext =
            switch outstanding.kind {
            case .deleteChildren(let spis): .deleteChildren(spis)
            case .probe: .probe
            case .mobility(let exchange): .mobility(exchange)
            }
        let (id, datagrams) = (outstanding.messageID, outstanding.datagrams)
        open(sa, id, .informational, datagrams, context, along: outstanding.detour)
        for way in outstanding.ways where way != outstanding.detour ?? sa.path {
            sa.requests.outstanding?.ways.append(way)
        }
    }
}
