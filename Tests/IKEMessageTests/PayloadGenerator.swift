import IKEMessage
import IPsecTypes

/// Makes valid payloads of every type.
extension SeededGenerator {
    /// Constructors of every payload that may stand in a decrypted chain, one entry a type.
    static let makers: [@Sendable (inout SeededGenerator) -> Payload] = [
        { .securityAssociation($0.securityAssociation()) },
        { .keyExchange(KeyExchangePayload(method: KeyExchangeMethod(rawValue: $0.uint16()), data: $0.bytes(1...300))) },
        { .identificationInitiator($0.identification()) },
        { .identificationResponder($0.identification()) },
        {
            .certificate(
                CertificatePayload(encoding: CertificateEncoding(rawValue: $0.uint8()), data: $0.bytes(0...300))
            )
        },
        {
            .certificateRequest(
                CertificateRequestPayload(
                    encoding: CertificateEncoding(rawValue: $0.uint8()),
                    authorities: $0.bytes(0...100)
                )
            )
        },
        {
            .authentication(
                AuthenticationPayload(method: AuthenticationMethod(rawValue: $0.uint8()), data: $0.bytes(0...100))
            )
        },
        { .nonce(NoncePayload(data: $0.bytes(16...256))) },
        {
            .notify(
                NotifyPayload(
                    protocolID: ProtocolID(rawValue: $0.uint8()),
                    spi: $0.bytes(0...8),
                    type: NotifyType(rawValue: $0.chance(2) ? $0.uint16() : UInt16($0.int(16_384...16_450))),
                    data: $0.bytes(0...60)
                )
            )
        },
        {
            .delete(
                $0.chance(3)
                    ? .ikeSA
                    : DeletePayload(protocolID: $0.chance(4) ? .ah : .esp, spis: $0.list(0...70) { SPI($0.uint32()) })
            )
        },
        { .vendorID(VendorIDPayload(data: $0.bytes(0...40))) },
        { .trafficSelectorsInitiator(TrafficSelectorPayload(selectors: $0.list(0...64) { $0.selector() })) },
        { .trafficSelectorsResponder(TrafficSelectorPayload(selectors: $0.list(0...3) { $0.selector() })) },
        {
            .configuration(
                ConfigurationPayload(
                    type: ConfigurationType(rawValue: $0.uint8()),
                    attributes: $0.list(0...20) { $0.attribute() }
                )
            )
        },
        { .eap(EAPPayload(code: $0.uint8(), identifier: $0.uint8(), content: $0.bytes(1...100))) },
        { .unknown(UnknownPayload(type: PayloadType(rawValue: $0.unknownType()), body: $0.bytes(0...50))) },
    ]

    mutating func payload() -> Payload { Self.makers[int(0...(Self.makers.count - 1))](&self) }

    /// A payload that ends a message.
    mutating func sealed() -> Payload {
        let first = PayloadType(rawValue: uint8())
        if chance(2) { return .encrypted(EncryptedPayload(firstPayload: first, body: bytes(0...200))) }
        let total = UInt16(int(1...64))
        return .encryptedFragment(
            EncryptedFragmentPayload(
                firstPayload: first,
                fragmentNumber: UInt16(int(1...Int(total))),
                totalFragments: total,
                body: bytes(0...200)
            )
        )
    }

    mutating func header() -> IKEHeader {
        IKEHeader(
            initiatorSPI: IKESPI(next()),
            responderSPI: IKESPI(next()),
            minorVersion: uint8() & 0xF,
            exchangeType: ExchangeType(rawValue: uint8()),
            flags: IKEFlags(rawValue: uint8() & 0x38),
            messageID: uint32()
        )
    }

    private mutating func unknownType() -> UInt8 {
        let type = uint8()
        return type == 0 || PayloadType(rawValue: type).isSupported ? 200 : type
    }

    mutating func securityAssociation() -> SecurityAssociationPayload {
        let count = int(1...6)
        return SecurityAssociationPayload(
            proposals: (1...count).map { number in
                let kind = int(0...4)
                let protocolID: ProtocolID = [.ike, .ike, .esp, .ah, ProtocolID(rawValue: 77)][kind]
                let spi = [bytes(0...0), bytes(8...8), bytes(4...4), bytes(4...4), bytes(0...20)][kind]
                return Proposal(
                    number: UInt8(number),
                    protocolID: protocolID,
                    spi: spi,
                    transforms: list(0...12) { $0.transform() }
                )
            }
        )
    }

    private mutating func transform() -> Transform {
        var others: [TransformAttribute] = []
        if chance(5) { others.append(TransformAttribute(type: 100, value: .short(uint16()))) }
        if chance(5) { others.append(TransformAttribute(type: UInt16(int(101...32_767)), value: .long(bytes(0...9)))) }
        return Transform(
            type: TransformType(rawValue: uint8()),
            id: uint16(),
            keyLength: optional { Int($0.uint16()) },
            otherAttributes: others
        )
    }

    mutating func identification() -> IdentificationPayload {
        let name = Array("a\(uint16()).example.com".utf8)
        switch int(0...5) {
        case 0: return IdentificationPayload(type: .ipv4, data: bytes(4...4))
        case 1: return IdentificationPayload(type: .ipv6, data: bytes(16...16))
        case 2: return IdentificationPayload(type: .fqdn, data: name)
        case 3: return IdentificationPayload(type: .rfc822, data: Array("user@".utf8) + name)
        case 4: return IdentificationPayload(type: .keyID, data: bytes(1...40))
        default: return IdentificationPayload(type: IdentificationType(rawValue: uint8()), data: bytes(0...40))
        }
    }

    mutating func address(_ family: IPAddress.Family) -> IPAddress {
        family == .v4 ? .v4(uint32()) : .v6(next(), next())
    }

    mutating func selector() -> TrafficSelector {
        let family: IPAddress.Family = chance(2) ? .v4 : .v6
        let (a, b) = (address(family), address(family))
        let (p, q) = (uint16(), uint16())
        let ports = chance(4) ? PortRange.opaque : PortRange(min(p, q), max(p, q)) ?? .any
        return TrafficSelector(
            ipProtocol: uint8(),
            ports: ports,
            addresses: IPRange(min(a, b), max(a, b)) ?? IPRange(a)
        )
    }

    mutating func prefix(_ family: IPAddress.Family) -> IPPrefix? {
        optional { $0.address(family) }.flatMap { IPPrefix($0, length: int(0...family.bits)) }
    }

    mutating func attribute() -> ConfigurationAttribute {
        let v4 = optional { $0.address(.v4) }
        let v6 = optional { $0.address(.v6) }
        switch int(0...19) {
        case 0: return .internalIP4Address(v4)
        case 1: return .internalIP4Netmask(v4)
        case 2: return .internalIP4DNS(v4)
        case 3: return .internalIP4NBNS(v4)
        case 4: return .internalIP4DHCP(v4)
        case 5: return .applicationVersion(bytes(0...20))
        case 6: return .internalIP6Address(v6.map { .init($0, prefixLength: UInt8(int(0...128))) })
        case 7: return .internalIP6DNS(v6)
        case 8: return .internalIP6DHCP(v6)
        case 9: return .internalIP4Subnet(prefix(.v4))
        case 10: return .supportedAttributes(list(0...9) { .init(rawValue: $0.uint16() & 0x7FFF) })
        case 11: return .internalIP6Subnet(prefix(.v6))
        case 12: return .internalIP6Link(interfaceID: next(), linkID: bytes(0...9))
        case 13: return .internalIP6Prefix(prefix(.v6))
        case 14: return .pcscfIP4Address(v4)
        case 15: return .pcscfIP6Address(v6)
        case 16: return .livenessTimeout(seconds: optional { $0.uint32() })
        case 17: return .internalDNSDomain(optional { "d\($0.uint16()).example" })
        case 18:
            return .internalDNSSECTrustAnchor(
                optional {
                    .init(
                        keyTag: $0.uint16(),
                        algorithm: $0.uint8(),
                        digestType: $0.uint8(),
                        digest: $0.bytes(0...48)
                    )
                }
            )
        default: return .other(.init(rawValue: UInt16(int(1000...32_767))), bytes(0...30))
        }
    }
}
