import IKECrypto
import IKEMessage
import IPsecTypes

extension Engine {
    /// What an SK or SKF datagram turned out to be.
    enum Opened {
        /// Payloads, and what tells a retransmission.
        case content([Payload], tag: [UInt8])
        /// Authentic but malformed inside.
        case malformed(IKEMessageError, tag: [UInt8])
        /// A fragment; others are missing.
        case incomplete
        /// Not for us.
        case refused(DropReason)
    }

    /// Checks and decrypts a datagram of `sa`. An authentic one proves that the peer lives and where it is.
    func open(_ sa: IKESA, _ header: IKEHeader, _ datagram: [UInt8], _ path: Path) -> Opened {
        guard let keys = sa.receiveKeys else { return .refused(.unexpected) }
        let limits = configuration.limits
        guard sa.phase != .halfOpen || sa.junkMessages < limits.junkMessagesHalfOpen else { return .refused(.limit) }
        let envelope: ProtectedEnvelope
        do {
            envelope = try ProtectedEnvelope.parse(header, datagram.span, allowsSolution: allowsSolution(sa, header))
        } catch {
            return .refused(.unexpected)
        }
        if let fragment = envelope.fragment, fragment.total > limits.fragments { return .refused(.fragment) }
        let plain: [UInt8]
        do {
            plain = try crypto.open(message: datagram, bodyOffset: envelope.bodyOffset, keys: keys)
        } catch {
            noteJunk(sa)
            return .refused(.integrity)
        }
        sa.lastInbound = now
        sa.queriedActivity = false
        authenticated(sa, path)
        let tag = ProtectedEnvelope.tag(datagram)
        let head = Array(datagram.prefix(IntermediateState.headLength))
        guard let fragment = envelope.fragment else {
            noteReceived(sa, header, head, envelope.first, plain)
            return parse(envelope.first, plain, tag)
        }
        return reassemble(sa, header, fragment, envelope.first, plain, (tag, head, datagram.count))
    }

    private func reassemble(
        _ sa: IKESA,
        _ header: IKEHeader,
        _ fragment: (number: Int, total: Int),
        _ first: PayloadType,
        _ plain: [UInt8],
        _ datagram: (tag: [UInt8], head: [UInt8], length: Int)
    ) -> Opened {
        let isResponse = header.flags.contains(.response)
        var reassembly = isResponse ? sa.responseReassembly : sa.requestReassembly
        if reassembly?.messageID != header.messageID { reassembly = nil }
        var parts = reassembly ?? Reassembly(messageID: header.messageID, total: fragment.total)
        if reassembly == nil { sa.timers[.reassembly] = now + configuration.limits.reassemblyLifetime }
        let outcome = parts.add(
            fragment.number,
            of: fragment.total,
            plain,
            first: first,
            tag: datagram.tag,
            limit: configuration.limits.messageBytes
        )
        // After the call, which begins anew when the total has grown.
        if fragment.number == 1 { parts.head = datagram.head }
        parts.note(datagramLength: datagram.length)
        if case .incomplete = outcome { reassembly = parts } else { reassembly = nil }
        if isResponse { sa.responseReassembly = reassembly } else { sa.requestReassembly = reassembly }
        switch outcome {
        case .incomplete: return .incomplete
        case .refused: return .refused(.limit)
        case .complete(let first, let bytes, let tag):
            sa.lengths.partial = nil
            noteReceived(sa, header, parts.head, first, bytes)
            return parse(first, bytes, tag)
        }
    }

    /// Keeps what AUTH will cover of an IKE_INTERMEDIATE message (RFC 9242 §3.3.2).
    private func noteReceived(
        _ sa: IKESA,
        _ header: IKEHeader,
        _ head: [UInt8],
        _ first: PayloadType,
        _ plain: [UInt8]
    ) {
        guard header.exchangeType == .ikeIntermediate, let handshake = sa.handshake else { return }
        handshake.intermediate.received = IntermediateState.octets(head: head, first: first, plain: plain)
    }

    private func parse(_ first: PayloadType, _ plain: [UInt8], _ tag: [UInt8]) -> Opened {
        do {
            return .content(try IKEMessage.parseChain(first: first, plain), tag: tag)
        } catch {
            return .malformed(error, tag: tag)
        }
    }

    /// Seals payloads into one datagram, or into fragments when they are long and the peer takes them. Empty when the IVs
    /// of the IKE SA are used up or the message is longer than any peer would take.
    func protect(
        _ sa: IKESA,
        _ exchange: ExchangeType,
        _ messageID: UInt32,
        isResponse: Bool,
        _ payloads: [Payload]
    ) -> [[UInt8]] {
        guard let keys = sa.sendKeys else { return [] }
        var flags: IKEFlags = sa.isInitiator ? .initiator : []
        if isResponse { flags.insert(.response) }
        let header = IKEHeader(
            initiatorSPI: sa.initiatorSPI,
            responderSPI: sa.responderSPI,
            exchangeType: exchange,
            flags: flags,
            messageID: messageID
        )
        let chain = IKEMessage.serialiseChain(payloads)
        let solution = authSolution(sa, exchange, isResponse)
        if exchange == .ikeIntermediate, let handshake = sa.handshake, chain.bytes.count <= Self.longestBody {
            // RFC 9242 §3.3.2: the message before encryption and fragmentation, whose lengths count the payloads alone.
            let prefix = IKEMessage.encryptedPrefix(header: header, first: chain.first, bodyLength: chain.bytes.count)
            handshake.intermediate.sent = prefix + chain.bytes
        }
        let room = Self.datagramRoom(sa) - (solution?.wireLength ?? 0)
        let whole = keys.sealedLength(plaintextCount: chain.bytes.count)
        if whole + Self.plainOverhead <= room || !sa.supportsFragments {
            guard whole <= Self.longestBody else { return [] }
            return seal(sa, keys, header, chain.first, chain.bytes, nil, solution).map { [$0] } ?? []
        }
        guard let capacity = keys.plaintextCapacity(bodyLimit: room - Self.fragmentOverhead), capacity > 0 else {
            return []
        }
        let total = (chain.bytes.count + capacity - 1) / capacity
        guard total <= configuration.limits.fragments else { return [] }
        var datagrams: [[UInt8]] = []
        for number in 1...total {
            let start = (number - 1) * capacity
            let part = Array(chain.bytes[start..<min(start + capacity, chain.bytes.count)])
            // RFC 7383 §2.5: Next Payload is set in the first fragment and zero in the others.
            let first = number == 1 ? chain.first : .none
            let place = (UInt16(number), UInt16(total))
            // RFC 7383 §2.5.3, RFC 8019 §7.2.2: what is in clear goes with the first fragment.
            let clear = number == 1 ? solution : nil
            guard let datagram = seal(sa, keys, header, first, part, place, clear) else { return [] }
            datagrams.append(datagram)
        }
        return datagrams
    }

    private func seal(
        _ sa: IKESA,
        _ keys: SKKeys,
        _ header: IKEHeader,
        _ first: PayloadType,
        _ plain: [UInt8],
        _ fragment: (number: UInt16, total: UInt16)?,
        _ solution: PuzzleSolutionPayload?
    ) -> [UInt8]? {
        guard let iv = nextIV(sa, keys) else { return nil }
        let prefix = IKEMessage.encryptedPrefix(
            header: header,
            first: first,
            fragment: fragment,
            solution: solution,
            bodyLength: keys.sealedLength(plaintextCount: plain.count)
        )
        guard let body = try? crypto.seal(plain, associatedData: prefix, iv: iv, keys: keys) else { return nil }
        return prefix + body
    }

    /// AEADs count (law 5), CBC draws (RFC 7296 §3.14: unpredictable).
    private func nextIV(_ sa: IKESA, _ keys: SKKeys) -> [UInt8]? {
        guard keys.cipher.isAEAD else { return randomBytes(keys.ivLength) }
        guard let number = sa.sendIV.next() else { return nil }
        var writer = WireWriter(capacity: 8)
        writer.writeUInt64(number)
        return writer.bytes
    }

    /// What stands before the body of an SK payload, and of an SKF payload.
    private static let plainOverhead = IKEHeader.byteCount + 4
    private static let fragmentOverhead = IKEHeader.byteCount + 8
    /// An SK payload has 16 bits of length; a UDP datagram has room for a little less.
    private static let longestBody = 65_000

    /// How long an IKE message may be on this path without IP fragmentation.
    private static func datagramRoom(_ sa: IKESA) -> Int {
        switch sa.path.transport {
        case .tcp, .tls: return longestBody
        case .udp500, .udp4500:
            // With MOBIKE the same bytes may have to go along another way, of either family.
            let ip = sa.path.remote.address.family == .v4 && !sa.mobility.isNegotiated ? 20 : 40
            let marker = sa.path.transport == .udp4500 ? 4 : 0
            return sa.connection.fragmentBytes - ip - 8 - marker
        }
    }
}
