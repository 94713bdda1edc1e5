import IKECrypto
import IKEMessage
import IKEv2
import IPsecTypes

/// How a host carries out what its endpoint asks for.
extension SimulatedHost {
    func carryOut(_ action: IKEAction) {
        switch action {
        case .send(let bytes, let path): for bytes in impaired(bytes) { sendIKE(bytes, path) }
        case .sendKeepalive(let path):
            world.mark(self, .keepalive)
            send([0xFF], .udp, path.local, path.remote)
        case .generateKeyExchange(let id, let method): generate(id) { try? $0.generateKeyExchange(method) }
        case .encapsulateKeyExchange(let id, let method, let peerPublic):
            generate(id) { try? $0.encapsulate(method, peerValue: peerPublic) }
        case .computeSharedSecret(let id, let handle, let method, let peerPublic):
            share(id, handle, method, peerPublic)
        case .mixPPK(let id, let request): mixPPK(id, request)
        case .discardKeyExchange(let handle):
            guard description.sabotage != .keepsPrivateKeys else { return }
            if vault.take(handle) == nil { world.find(.privateKey, "\(name) discards handle \(handle.rawValue) again") }
        case .sign, .provePreSharedKey, .verifyPreSharedKey, .verifyPeer, .authorize: carryOutTrust(action)
        case .installChild, .activateOutbound, .deactivateOutbound, .removeChild, .updatePath:
            carryOutDataplane(action)
        case .queryActivity(let id, let spis):
            let last = spis.compactMap { dataplane.counters($0)?.lastInbound }.max()
            answer(.activity(id, lastInbound: last))
        case .solvePuzzle(let id, let request):
            world.statistics.puzzles += 1
            let keys = Puzzle.solve(
                subject: request.subject,
                prf: request.prf,
                difficulty: request.difficulty,
                attempts: Puzzle.attempts(for: request.difficulty),
                provider: crypto
            )
            answer(.puzzleSolved(id, fails() ? nil : keys))
        case .report(let report): receive(report)
        case .revalidatePeer(let id, let request): answer(.peerVerified(id, revalidate(request)))
        case .keepTicket(let id, let ticket): tickets[id] = ticket
        case .dropTicket(let id): tickets[id] = nil
        case .eapServer, .eapPeer, .eapEnd: carryOutEAP(action)
        }
    }

    private func sendIKE(_ bytes: [UInt8], _ path: Path) {
        if sender == nil, let problem = world.wire.sent(bytes) { world.find(.messageID, "\(name): \(problem)") }
        world.statistics.messages += 1
        if let header = try? IKEHeader.parse(bytes.span) {
            world.mark(
                self,
                .sent(
                    exchange: header.exchangeType.rawValue,
                    isResponse: header.flags.contains(.response),
                    messageID: header.messageID
                )
            )
            if WireChecker.sealedPart(header, bytes) != nil {
                let asInitiator = header.flags.contains(.initiator)
                world.runs.spoke(index, header.initiatorSPI, header.responderSPI, asInitiator: asInitiator)
            }
        }
        let marker: [UInt8] = path.transport == .udp4500 ? [0, 0, 0, 0] : []
        send(marker + bytes, .udp, path.local, path.remote)
    }

    // MARK: Key exchange

    private func generate(_ id: OperationID, _ make: (any CryptoProvider) -> KeyExchangePrivateKey?) {
        guard !fails(), !isWithoutKeys, let key = make(crypto) else {
            return answer(.keyExchangeGenerated(id, handle: nil, publicValue: []))
        }
        let handle = vault.keep(key)
        answer(.keyExchangeGenerated(id, handle: handle, publicValue: key.publicValue))
    }

    /// The name under which a host holds its post-quantum pre-shared key.
    static let ppkName = "ppk"

    /// Every host holds the same key, as RFC 8784 has it.
    private func mixPPK(_ id: OperationID, _ request: PPKRequest) {
        guard !fails(), request.key == KeyID(Self.ppkName) else { return answer(.ppkMixed(id, nil)) }
        let secret = SecretBytes(Array("a simulated post-quantum pre-shared key".utf8))
        let schedule = IKEKeySchedule(provider: crypto)
        answer(.ppkMixed(id, try? schedule.mixed(request.keys, prf: request.prf, ppk: secret)))
    }

    private func share(
        _ id: OperationID,
        _ handle: KeyExchangeHandle,
        _ method: KeyExchangeMethod,
        _ peerPublic: [UInt8]
    ) {
        guard let key = vault.take(handle), key.method == method else {
            world.find(.privateKey, "\(name) uses handle \(handle.rawValue) again, or for another method")
            return answer(.sharedSecretComputed(id, nil))
        }
        let secret = fails() ? nil : try? crypto.sharedSecret(key, peerValue: peerPublic)
        answer(.sharedSecretComputed(id, secret))
    }

    /// Whether this action is one of those that fail.
    func fails() -> Bool { random.chance(world.faultsAreOn ? description.answerFaults : 0) }

    /// Whether a key exchange fails by script.
    var isWithoutKeys: Bool { description.failsKeyExchange }

    // MARK: Data plane

    private func carryOutDataplane(_ action: IKEAction) {
        do throws(SABackendError) {
            switch action {
            case .installChild(_, let parameters, let sendNow): try install(parameters, sendNow)
            case .activateOutbound(let spi): try dataplane.activateOutbound(spi)
            case .deactivateOutbound(let spi): try dataplane.deactivateOutbound(spi)
            case .removeChild(let spi):
                if description.sabotage != .keepsChildren { dataplane.remove(spi) }
            case .updatePath(let spi, let path, let encapsulation):
                try dataplane.updatePath(spi, path: path, udpEncapsulation: encapsulation)
            default: break
            }
        } catch {
            // Behind a refused installation further actions for the same SPI may already be on their way.
            guard !world.faultsHappened, description.sabotage == nil else { return }
            world.find(.dataplane, "\(name): \(error)")
        }
    }

    private func install(_ parameters: ChildSAParameters, _ sendNow: Bool) throws(SABackendError) {
        var parameters = parameters
        if fails() {
            excused.insert(parameters.inboundSPI)
            return answer(.installFailed(parameters.inboundSPI, reason: "planted"))
        }
        switch description.sabotage {
        case .wrongKey?: parameters.outboundKeys = parameters.inboundKeys
        case .wrongSelectors?: parameters.remoteSelectors.append(.everything(.v4))
        default: break
        }
        try dataplane.install(parameters, sendNow: sendNow || description.sabotage == .sendsEarly)
        world.statistics.children += 1
        world.checkAgreement(self, parameters)
    }

    /// Child SAs that go in this batch, and whether their going excuses packets that still come: where others go for
    /// another reason than rekeying, their IKE SA ends.
    func noteRemovals(_ batch: [IKEAction]) {
        var gone: [SPI] = []
        var excuses = false
        for case .report(let report) in batch {
            switch report {
            case .childRekeyed(_, let old, let child):
                rekeyed.insert(old)
                successors.insert(child.inboundSPI)
            case .childClosed(_, let child, let reason):
                gone.append(child.inboundSPI)
                if reason != .rekeyed, reason != .redundant { excuses = true }
            default: break
            }
        }
        if excuses { excused.formUnion(gone) } else { rekeyed.formUnion(gone) }
    }
}
