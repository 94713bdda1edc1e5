import ESP
public import IPsecTypes
import PacketIO
public import Policy
import Synchronization

extension UserspaceDataplane: SABackend {
    /// Selectors a side (decisions: 64 a payload).
    private static let maximumSelectors = 64

    /// Makes an SA. The worker accepts inbound packets on it before it sends any later IKE message, so that an answer
    /// handed to ``sendIKE(_:path:)`` after this call never reaches the peer too early.
    public func install(_ parameters: ChildSAParameters, sendNow: Bool) throws(SABackendError) {
        try check(parameters)
        let owner = self.owner(of: parameters.inboundSPI)
        let rules = registry.withLock { $0.rules }
        let handle = try SAHandle(
            parameters,
            owner: owner,
            rules: rules.map { Self.compile(parameters.owner.ruleIndices, $0) }
        )
        try add(handle)
        // A table that replaced `rules` in the meantime did not see this SA yet.
        let current = registry.withLock { $0.rules }
        if current !== rules { recompile([handle], current) }
        broadcast(.install(handle))
        if sendNow { broadcast(.activate(handle)) }
    }

    /// From now on traffic that fits its selectors leaves by this SA, before older ones with the same prefixes.
    public func activateOutbound(_ inboundSPI: SPI) throws(SABackendError) {
        broadcast(.activate(try handle(inboundSPI)))
    }

    /// Stops sending on the SA but goes on accepting.
    public func deactivateOutbound(_ inboundSPI: SPI) throws(SABackendError) {
        broadcast(.deactivate(try handle(inboundSPI)))
    }

    /// Forgets the SA. Its keys are wiped when the last worker has done so.
    public func remove(_ inboundSPI: SPI) {
        guard let handle = registry.withLock({ $0.handles.removeValue(forKey: inboundSPI) }) else { return }
        broadcast(.remove(handle))
    }

    /// Moves the SA's outer addresses.
    public func updatePath(_ inboundSPI: SPI, path: Path, udpEncapsulation: Bool) throws(SABackendError) {
        let handle = try handle(inboundSPI)
        try check(path, udpEncapsulation)
        _ = queues[Int(handle.owner)].push(
            .move(
                handle,
                local: PacketAddress(path.local),
                remote: PacketAddress(path.remote),
                isEncapsulated: udpEncapsulation
            )
        )
    }

    /// The SA's counters; nil for an unknown SPI.
    public func counters(_ inboundSPI: SPI) -> SACounters? {
        registry.withLock { $0.handles[inboundSPI] }?.snapshot
    }

    /// Puts another rule table into force for SAs there are and to come. Indices keep their meaning (see ``RuleTable``),
    /// and so do rule counters.
    public func replaceRules(_ rules: RuleTable) {
        let handles = registry.withLock { state in
            state.rules = rules
            return Array(state.handles.values)
        }
        recompile(handles, rules)
    }

    private func recompile(_ handles: [SAHandle], _ rules: RuleTable?) {
        for (index, queue) in queues.enumerated() {
            let changes = handles.filter { Int($0.owner) == index }.map { handle in
                (handle: handle, rules: RuleBox(rules.map { Self.compile(handle.ruleIndices, $0) }))
            }
            if !changes.isEmpty { _ = queue.push(.setRules(changes)) }
        }
    }

    /// The resource ends that rules allow, as one flat set tagged with rule indices.
    static func compile(_ indices: [UInt32], _ rules: RuleTable) -> SelectorSet {
        var tagged: [(selector: TrafficSelector, tag: UInt32)] = []
        for index in indices {
            guard let rule = rules.rule(at: Int32(truncatingIfNeeded: index)) else { continue }
            tagged += rule.destinations.map { ($0, index) }
        }
        return SelectorSet(tagged: tagged)
    }

    /// SPIs spread evenly, being a permutation's output (law 5).
    private func owner(of spi: SPI) -> UInt16 {
        UInt16(truncatingIfNeeded: (spi.flatHash >> 40) % UInt64(configuration.workers))
    }

    private func check(_ parameters: ChildSAParameters) throws(SABackendError) {
        guard parameters.inboundSPI.isUsable else { throw .unsupported("SPI \(parameters.inboundSPI)") }
        for selectors in [parameters.localSelectors, parameters.remoteSelectors] {
            guard (1...Self.maximumSelectors).contains(selectors.count) else {
                throw .limitReached("\(selectors.count) selectors, 1 to \(Self.maximumSelectors) are possible")
            }
        }
        if parameters.mode == .transport { try checkHosts(parameters) }
        try check(parameters.path, parameters.udpEncapsulation)
    }

    /// Transport mode has the outer addresses inside: one a side, of one family.
    private func checkHosts(_ parameters: ChildSAParameters) throws(SABackendError) {
        let path = parameters.path
        for (selectors, host) in [
            (parameters.localSelectors, path.local.address), (parameters.remoteSelectors, path.remote.address),
        ] {
            guard selectors.allSatisfy({ $0.addresses == IPRange(host) }) else {
                throw .unsupported(
                    "transport mode between others than \(path.local.address) and \(path.remote.address)"
                )
            }
        }
        let original = parameters.originalAddresses.map { [$0.local, $0.remote] } ?? []
        guard ([path.local.address] + original).allSatisfy({ $0.family == path.remote.address.family }) else {
            throw .unsupported("transport mode between two families")
        }
    }

    private func check(_ path: Path, _ udpEncapsulation: Bool) throws(SABackendError) {
        guard path.transport == .udp500 || path.transport == .udp4500 else {
            throw .unsupported("ESP over \(path.transport.rawValue)")
        }
        guard udpEncapsulation || configuration.rawESP else {
            throw .unsupported("raw ESP (IP protocol 50), which is off; with UDP encapsulation it would work")
        }
    }

    private func add(_ handle: SAHandle) throws(SABackendError) {
        let limit = configuration.maximumSAs
        let failure: SABackendError? = registry.withLock { state in
            if state.isStopped { return .system("the data plane has stopped") }
            if state.handles[handle.inboundSPI] != nil { return .duplicateSPI(handle.inboundSPI) }
            if state.handles.count >= limit { return .limitReached("\(limit) SAs") }
            state.handles[handle.inboundSPI] = handle
            return nil
        }
        if let failure { throw failure }
    }

    private func handle(_ spi: SPI) throws(SABackendError) -> SAHandle {
        guard let handle = registry.withLock({ $0.handles[spi] }) else { throw .unknownSPI(spi) }
        return handle
    }

    private func broadcast(_ command: WorkerCommand) {
        for queue in queues { _ = queue.push(command) }
    }
}

extension SPI {
    fileprivate var flatHash: UInt64 { rawValue.flatHash }
}
