import ConfigFile
import IKECrypto
import IKEv2
import IPsecTypes

extension IKEv2.IKEProposal {
    /// The proposal that a configuration names.
    public init(_ specification: IKEProposalSpecification) {
        self.init(
            ciphers: specification.ciphers,
            prfs: specification.prfs,
            integrities: specification.integrities,
            keyExchanges: specification.keyExchanges,
            additionalKeyExchanges: specification.additionalKeyExchanges
        )
    }
}

extension IKEv2.ESPProposal {
    /// The proposal that a configuration names. A proposal without key exchanges also means: no PFS.
    public init(_ specification: ESPProposalSpecification) {
        self.init(
            ciphers: specification.ciphers,
            integrities: specification.integrities,
            keyExchanges: specification.keyExchanges,
            additionalKeyExchanges: specification.additionalKeyExchanges,
            extendedSequenceNumbers: specification.extendedSequenceNumbers
        )
    }
}

extension IKESettings {
    /// The engine's timers for agents and jobs.
    public var timing: ConnectionTiming {
        var timing = ConnectionTiming()
        timing.retransmitInitial = retransmitFirst
        timing.giveUp = giveUp
        timing.deadPeerDetection = dpd
        timing.keepalive = keepalive
        timing.ikeRekey = rekeyFrom...max(rekeyFrom, rekeyTo)
        // An IKE SA that could not be rekeyed within this much more time ends.
        timing.ikeHard = max(rekeyFrom, rekeyTo) + .seconds(600)
        return timing
    }

    /// The engine's timers for sites: more patience.
    public var siteTiming: ConnectionTiming {
        var timing = timing
        timing.giveUp = siteGiveUp
        timing.deadPeerDetection = siteDPD
        return timing
    }

    /// How tunnels come back, are renewed and move.
    public var returning: ReturnSettings {
        var settings = ReturnSettings()
        settings.usesTickets = tickets
        settings.ticketLifetime = ticketLifetime
        settings.reauthentication = reauthenticate > .zero ? reauthenticate : nil
        switch childless {
        case .never: settings.childless = .never
        case .allow: settings.childless = .allow
        case .prefer: settings.childless = .prefer
        }
        return settings
    }

    /// Whether and how addresses may change.
    public var mobility: MobilitySettings {
        var settings = MobilitySettings()
        settings.isEnabled = mobike
        settings.forbidsNAT = forbidsNAT
        return settings
    }

    /// The signatures that are made and accepted where nothing else is said.
    public var signatures: SignaturePolicy {
        SignaturePolicy(kinds: experimentalMLDSA ? SignaturePolicy.modern.union([.mlDSA]) : SignaturePolicy.modern)
    }

    /// What is offered.
    public var offeredProposals: [IKEv2.IKEProposal] {
        let isStandard = proposals == IKESettings().proposals
        return proposals.map { specification in
            var proposal = IKEv2.IKEProposal(specification)
            if isStandard { proposal.ciphers = CipherOrder.standard(proposal.ciphers) }
            return proposal
        }
    }

    /// What a responder accepts. A peer that offers a post-quantum key exchange gets it, wherever it stands.
    public var acceptedProposals: [IKEv2.IKEProposal] {
        let all = offeredProposals + alsoAccept.map { IKEv2.IKEProposal($0) }
        return all.filter(\.guaranteesPostQuantum) + all.filter { !$0.guaranteesPostQuantum }
    }
}

extension ESPSettings {
    /// What is offered.
    public var offeredProposals: [IKEv2.ESPProposal] {
        let isStandard = proposals == ESPSettings().proposals
        return proposals.map { specification in
            var proposal = IKEv2.ESPProposal(specification)
            if isStandard { proposal.ciphers = CipherOrder.standard(proposal.ciphers) }
            return proposal
        }
    }

    /// What a responder accepts; with additional key exchanges first.
    public var acceptedProposals: [IKEv2.ESPProposal] {
        let all = offeredProposals + alsoAccept.map { IKEv2.ESPProposal($0) }
        return all.filter { !$0.additionalKeyExchanges.isEmpty } + all.filter(\.additionalKeyExchanges.isEmpty)
    }

    /// A child with these settings.
    public func child(
        name: String,
        proposals: [IKEv2.ESPProposal],
        local: [TrafficSelector],
        remote: [TrafficSelector]
    ) -> ChildConfiguration {
        ChildConfiguration(
            name: name,
            proposals: proposals,
            localSelectors: local,
            remoteSelectors: remote,
            lifetime: SALifetime(
                softBytes: rekeyBytes,
                hardBytes: rekeyBytes.multipliedSaturating(by: 2),
                softPackets: rekeyPackets,
                hardPackets: nil
            ),
            rekey: rekeyFrom...max(rekeyFrom, rekeyTo),
            hard: hardLife,
            replayWindow: replayWindow
        )
    }
}

extension UInt64 {
    /// The product, or the largest number.
    fileprivate func multipliedSaturating(by factor: UInt64) -> UInt64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }
}

extension PPKSettings {
    /// The settings of a configured key, held by the oracle as `key`.
    public init(_ reference: PPKReference, key: KeyID) {
        self.init(
            entries: [
                Entry(type: reference.isOpaque ? .opaque : .fixed, identifier: Array(reference.id.utf8), key: key)
            ],
            isRequired: reference.isRequired
        )
    }
}
