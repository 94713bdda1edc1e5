import IKEMessage
import IPsecTypes

// Transport mode (RFC 7296 §1.3.1, §2.23.1): who may have it, and what its selectors mean where a NAT is on the way.

/// Selectors of transport mode: those of two hosts.
enum TransportMode {
    /// What a host may send: the protocols and ports of `configured`, or everything, from its one address.
    static func selectors(_ configured: [TrafficSelector], of host: IPAddress) -> [TrafficSelector] {
        guard !configured.isEmpty else { return Narrowing.hosts([host]) }
        let selectors = configured.map {
            TrafficSelector(ipProtocol: $0.ipProtocol, ports: $0.ports, addresses: IPRange(host))
        }
        return selectors.narrowed(to: selectors)
    }

    /// The one address that all selectors of a side have; nil when they have several, a range, or there are none.
    static func onlyAddress(_ selectors: [TrafficSelector]) -> IPAddress? {
        guard let first = selectors.first?.addresses.first else { return nil }
        return selectors.allSatisfy { $0.addresses == IPRange(first) } ? first : nil
    }
}

/// What the peer's request wants, in its own words.
struct WantedSelectors {
    /// Our side.
    var local: [TrafficSelector]
    /// The peer's side.
    var remote: [TrafficSelector]
    /// Whether it asks for transport mode, and whether it may have it.
    var wantsTransport: Bool
    var allowsTransport: Bool
    /// Whether an SA in the other mode would be wrong: this one replaces another.
    var keepsMode = false
}

/// What both ends agree on, as we see the addresses.
struct AgreedSelectors {
    var mode = ChildSAParameters.Mode.tunnel
    var originalAddresses: OriginalAddresses?
    var local: [TrafficSelector]
    var remote: [TrafficSelector]
}

extension Engine {
    /// USE_TRANSPORT_MODE in a request or an answer (RFC 7296 §1.3.1).
    func modePayloads(_ mode: ChildSAParameters.Mode) -> [Payload] {
        mode == .transport ? [.notify(.useTransportMode)] : []
    }

    // MARK: Responder

    /// Our answer to what the peer wants. Where it asks for transport mode and policy has it, with the addresses that we see
    /// (RFC 7296 §2.23.1); else, and where its selectors are not those of two hosts, in tunnel mode with what it wrote.
    func agreeSelectors(
        _ sa: IKESA,
        _ wanted: WantedSelectors,
        _ allowedLocal: [TrafficSelector],
        _ allowedRemote: [TrafficSelector]
    ) -> Result<AgreedSelectors, ChildError> {
        if wanted.wantsTransport, wanted.allowsTransport {
            let seen = asSeenHere(sa, local: wanted.local, remote: wanted.remote)
            if let seen, let agreed = narrowed(seen, sa, allowedLocal, allowedRemote) {
                if let holder = transportHolder(agreed, besides: sa) {
                    return .failure(ChildError(.transportRefused(holder)))
                }
                return .success(agreed)
            }
            guard !wanted.keepsMode else {
                return .failure(mismatch(seen, wanted, allowedLocal, allowedRemote))
            }
        }
        let narrowed = Narrowing.narrow(
            wantedLocal: wanted.local,
            wantedRemote: Narrowing.named(wanted.remote, within: allowedRemote),
            allowedLocal: allowedLocal,
            allowedRemote: allowedRemote,
            limit: configuration.limits.selectors
        )
        guard let narrowed else { return .failure(mismatch(nil, wanted, allowedLocal, allowedRemote)) }
        return .success(AgreedSelectors(local: narrowed.local, remote: narrowed.remote))
    }

    private func narrowed(
        _ seen: AgreedSelectors,
        _ sa: IKESA,
        _ allowedLocal: [TrafficSelector],
        _ allowedRemote: [TrafficSelector]
    ) -> AgreedSelectors? {
        let narrowed = Narrowing.narrow(
            wantedLocal: seen.local,
            wantedRemote: seen.remote,
            allowedLocal: allowedLocal,
            // Where policy names no networks of the peer's, transport mode is for the host that it is.
            allowedRemote: allowedRemote.isEmpty
                ? Narrowing.hosts([sa.trafficPath.remote.address]) : allowedRemote,
            limit: configuration.limits.selectors
        )
        return narrowed.map {
            AgreedSelectors(
                mode: .transport,
                originalAddresses: seen.originalAddresses,
                local: $0.local,
                remote: $0.remote
            )
        }
    }

    private func mismatch(
        _ seen: AgreedSelectors?,
        _ wanted: WantedSelectors,
        _ allowedLocal: [TrafficSelector],
        _ allowedRemote: [TrafficSelector]
    ) -> ChildError {
        ChildError(
            .selectors(
                SelectorMismatch(
                    wantedLocal: seen?.local ?? wanted.local,
                    wantedRemote: seen?.remote ?? wanted.remote,
                    grantedLocal: allowedLocal,
                    grantedRemote: allowedRemote
                )
            )
        )
    }

    /// Who else, behind the same NAT, has these selectors: our answers to both could not be told apart (RFC 3948 §5.2). An
    /// identity may replace what it has itself.
    private func transportHolder(_ wanted: AgreedSelectors, besides sa: IKESA) -> String? {
        for other in sas.values where other !== sa && other.remoteIdentity != sa.remoteIdentity {
            for child in other.children where child.mode == .transport && !child.isRemoved {
                guard !wanted.local.narrowed(to: child.localSelectors).isEmpty,
                    !wanted.remote.narrowed(to: child.remoteSelectors).isEmpty
                else { continue }
                let holder = other.remoteIdentity.map { "\($0)" } ?? "another peer"
                return "\(holder), behind the same address, has a transport mode SA with the same selectors"
            }
        }
        return nil
    }

    // MARK: Both

    /// The peer's selectors with the addresses as we see them (RFC 7296 §2.23.1): of the IKE SA where a NAT is in front of
    /// that side. Nil when they are not those of one host a side, or not the ends of the IKE SA even so.
    private func asSeenHere(_ sa: IKESA, local: [TrafficSelector], remote: [TrafficSelector]) -> AgreedSelectors? {
        guard let originalLocal = TransportMode.onlyAddress(local),
            let originalRemote = TransportMode.onlyAddress(remote)
        else { return nil }
        let path = sa.trafficPath
        let nat = sa.mobility.proven?.nat ?? sa.nat
        let localHost = nat.local ? path.local.address : originalLocal
        let remoteHost = nat.remote ? path.remote.address : originalRemote
        guard localHost == path.local.address, remoteHost == path.remote.address,
            // Checksums of one family cannot be corrected to those of the other.
            originalLocal.family == localHost.family, originalRemote.family == remoteHost.family
        else { return nil }
        return AgreedSelectors(
            mode: .transport,
            originalAddresses: OriginalAddresses(local: originalLocal, remote: originalRemote),
            local: TransportMode.selectors(local, of: localHost),
            remote: TransportMode.selectors(remote, of: remoteHost)
        )
    }

    // MARK: Initiator

    /// Mode and selectors of an answer, before they are compared with what we asked for.
    func readSelectors(
        _ sa: IKESA,
        _ asked: ChildNegotiation,
        _ payloads: [Payload]
    ) -> Result<AgreedSelectors, ChildError> {
        let local = payloads.initiatorSelectors?.selectors ?? []
        let remote = payloads.responderSelectors?.selectors ?? []
        guard payloads.notify(.useTransportMode) != nil else {
            // RFC 7296 §1.3.1: who does not accept tunnel mode deletes the SA.
            guard asked.mode == .tunnel || asked.allowsTunnelFallback else {
                return .failure(ChildError(.transportDeclined))
            }
            let named = Narrowing.named(remote, within: asked.remoteSelectors)
            return .success(AgreedSelectors(local: local, remote: named))
        }
        guard asked.mode == .transport else {
            return .failure(ChildError(.protocolViolation("transport mode, which we did not ask for")))
        }
        guard let seen = asSeenHere(sa, local: local, remote: remote) else {
            return .failure(
                ChildError(
                    .selectors(
                        SelectorMismatch(
                            wantedLocal: asked.localSelectors,
                            wantedRemote: asked.remoteSelectors,
                            grantedLocal: local,
                            grantedRemote: remote
                        )
                    )
                )
            )
        }
        return .success(seen)
    }

    // MARK: Moving

    /// An end has another address: the packets of a transport mode SA would have another source or destination than it was
    /// made for. It is closed, and made again where it was ours to ask for.
    func remakeElsewhere(_ sa: IKESA, _ child: ChildSA) {
        guard child.phase != .lingering else { return remove(child, of: sa, .addressChanged) }
        let wasLive = child.isLive
        closeChild(sa, child, .addressChanged)
        guard wasLive, !sa.authorizesPeer,
            let configured = sa.connection.children.first(where: { $0.name == child.configuration.name })
        else { return }
        enqueue(sa, .createChild(configured))
    }
}
