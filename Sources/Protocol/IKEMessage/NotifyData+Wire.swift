import IPsecTypes

extension NotifyPayload {
    /// The data, read by the type.
    public var decoded: NotifyData {
        var reader = WireReader(count: data.count)
        do {
            let decoded = try decode(data.span, &reader)
            switch decoded {
            case .empty, .childSA: break
            default: guard reader.isAtEnd else { return .malformed(.trailingBytes) }
            }
            return decoded
        } catch { return .malformed(error) }
    }

    private func decode(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) -> NotifyData {
        switch type {
        case .unsupportedCriticalPayload:
            .unsupportedCriticalPayload(PayloadType(rawValue: try reader.readUInt8(bytes)))
        case .invalidMessageID: .invalidMessageID(try reader.readUInt32(bytes))
        case .invalidSPI: .invalidSPI(SPI(try reader.readUInt32(bytes)))
        case .invalidKEPayload: .invalidKEPayload(KeyExchangeMethod(rawValue: try reader.readUInt16(bytes)))
        case .rekeySA, .childSANotFound: try childSA()
        case .setWindowSize: try windowSize(bytes, &reader)
        case .ipcompSupported:
            .ipcompSupported(cpi: try reader.readUInt16(bytes), transform: try reader.readUInt8(bytes))
        case .natDetectionSourceIP, .natDetectionDestinationIP:
            .natDetection(hash: try reader.readBytes(bytes, count: 20))
        case .cookie: .cookie(try sized(1...64, bytes, &reader))
        case .cookie2: .cookie2(try sized(8...64, bytes, &reader))
        case .additionalIP4Address: .additionalAddress(try address(4, bytes, &reader))
        case .additionalIP6Address: .additionalAddress(try address(16, bytes, &reader))
        case .authLifetime: .authLifetime(seconds: try reader.readUInt32(bytes))
        case .signatureHashAlgorithms: .signatureHashAlgorithms(try numbers(bytes, &reader))
        case .securePasswordMethods: .securePasswordMethods(try numbers(bytes, &reader))
        default: try decodeExtension(bytes, &reader)
        }
    }

    private func decodeExtension(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) -> NotifyData {
        switch type {
        case .redirect:
            .redirect(try gateway(bytes, &reader), nonce: try nonce(bytes, &reader))
        case .redirectedFrom: .redirectedFrom(try gateway(bytes, &reader))
        case .ticketLTOpaque:
            .ticket(lifetimeSeconds: try reader.readUInt32(bytes), ticket: try reader.readRemaining(bytes))
        case .messageIDSync:
            .messageIDSync(
                nonce: try reader.readUInt32(bytes),
                expectedSend: try reader.readUInt32(bytes),
                expectedReceive: try reader.readUInt32(bytes)
            )
        case .replayCounterSync:
            data.count == 8
                ? .replayCounterSync(delta: try reader.readUInt64(bytes), extended: true)
                : .replayCounterSync(delta: UInt64(try reader.readUInt32(bytes)), extended: false)
        case .puzzle:
            .puzzle(
                PRFAlgorithm(rawValue: try reader.readUInt16(bytes)),
                difficulty: try reader.readUInt8(bytes)
            )
        case .ppkIdentity:
            .ppkIdentity(type: try reader.readUInt8(bytes), id: try sized(1...1024, bytes, &reader))
        case .useAGGFRAG: .aggfrag(flags: try reader.readUInt8(bytes))
        case .supportedAuthMethods: .supportedAuthMethods(try announcements(bytes, &reader))
        default:
            Self.typesWithoutData.contains(type) ? .empty : .opaque(try reader.readRemaining(bytes))
        }
    }

    private static let typesWithoutData: Set<NotifyType> = [
        .invalidIKESPI, .invalidMajorVersion, .invalidSyntax, .noProposalChosen, .authenticationFailed,
        .singlePairRequired, .noAdditionalSAs, .internalAddressFailure, .failedCPRequired, .tsUnacceptable,
        .unacceptableAddresses, .unexpectedNATDetected, .temporaryFailure, .stateNotFound, .tsMaxQueue,
        .initialContact, .additionalTSPossible, .useTransportMode, .httpCertLookupSupported,
        .espTFCPaddingNotSupported, .nonFirstFragmentsAlso, .mobikeSupported, .noAdditionalAddresses,
        .updateSAAddresses, .multipleAuthSupported, .anotherAuthFollows, .redirectSupported, .ticketRequest,
        .ticketAck, .ticketNack, .eapOnlyAuthentication, .childlessIKEv2Supported, .messageIDSyncSupported,
        .replayCounterSyncSupported, .erxSupported, .fragmentationSupported, .cloneIKESASupported, .cloneIKESA,
        .usePPK, .intermediateExchangeSupported, .ip4Allowed, .ip6Allowed,
    ]

    private func childSA() throws(ParseError) -> NotifyData {
        // RFC 7296 §1.3.3: the SPI stands in the SPI field, and there is no data.
        guard let childSPI else { throw .badLength }
        guard protocolID == .esp || protocolID == .ah else { throw .badValue }
        return .childSA(protocolID, childSPI)
    }

    private func windowSize(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) -> NotifyData {
        let size = try reader.readUInt32(bytes)
        // RFC 7296 §2.3: the window is always at least one.
        guard size >= 1 else { throw .badValue }
        return .windowSize(size)
    }

    private func sized(
        _ lengths: ClosedRange<Int>,
        _ bytes: Span<UInt8>,
        _ reader: inout WireReader
    ) throws(ParseError) -> [UInt8] {
        guard lengths.contains(reader.remaining) else { throw .badLength }
        return try reader.readRemaining(bytes)
    }

    private func nonce(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) -> [UInt8] {
        if reader.isAtEnd { return [] }
        return try sized(NoncePayload.lengths, bytes, &reader)
    }

    private func address(
        _ length: Int,
        _ bytes: Span<UInt8>,
        _ reader: inout WireReader
    ) throws(ParseError) -> IPAddress {
        guard let address = IPAddress(bytes: try reader.readBytes(bytes, count: length)) else { throw .badLength }
        return address
    }

    private func numbers(_ bytes: Span<UInt8>, _ reader: inout WireReader) throws(ParseError) -> [UInt16] {
        guard reader.remaining <= 2 * Self.maximumNumbers else { throw .limitExceeded }
        var numbers: [UInt16] = []
        while !reader.isAtEnd { numbers.append(try reader.readUInt16(bytes)) }
        return numbers
    }

    /// More hash algorithms, password methods or announcements than this are refused: IANA knows a handful.
    private static let maximumNumbers = 64

    private func gateway(
        _ bytes: Span<UInt8>,
        _ reader: inout WireReader
    ) throws(ParseError) -> NotifyData.RedirectGateway {
        let kind = try reader.readUInt8(bytes)
        var field = try reader.slice(Int(try reader.readUInt8(bytes)))
        let identity = try field.readRemaining(bytes)
        switch (kind, identity.count) {
        case (1, 4), (2, 16):
            guard let address = IPAddress(bytes: identity) else { throw .badLength }
            return .address(address)
        case (3, _):
            // RFC 5685 §3 lets the responder of REDIRECTED_FROM see addresses only; names are for REDIRECT.
            guard type == .redirect, DomainName.isValid(identity) else { throw .badValue }
            return .fqdn(String(decoding: identity, as: UTF8.self))
        case (1, _), (2, _): throw .badLength
        default: throw .badValue
        }
    }

    private func announcements(
        _ bytes: Span<UInt8>,
        _ reader: inout WireReader
    ) throws(ParseError) -> [NotifyData.AuthMethodAnnouncement] {
        var announcements: [NotifyData.AuthMethodAnnouncement] = []
        while !reader.isAtEnd {
            guard announcements.count < Self.maximumNumbers else { throw .limitExceeded }
            var blob = reader
            blob = try reader.slice(Int(try blob.readUInt8(bytes)))
            try blob.skip(1)
            var announcement = NotifyData.AuthMethodAnnouncement(
                method: AuthenticationMethod(rawValue: try blob.readUInt8(bytes))
            )
            if !blob.isAtEnd { announcement.certificateLink = try blob.readUInt8(bytes) }
            announcement.algorithmIdentifier = try blob.readRemaining(bytes)
            announcements.append(announcement)
        }
        return announcements
    }
}
