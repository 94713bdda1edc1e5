/// How a user authenticates inside the tunnel of EAP-TTLS (RFC 5281 §11).
public enum TTLSInnerMethod: Hashable, Sendable {
    /// EAP in EAP-Message AVPs, with this method.
    case eap(EAPMethodType)
    /// MS-CHAP-V2 in AVPs (§11.2.4).
    case mschapv2
    /// The password in a User-Password AVP (§11.2.5).
    case pap
}

extension TTLSInnerMethod: CustomStringConvertible {
    /// The name as configuration and log write it.
    public var description: String {
        switch self {
        case .eap(let type): "eap-\(type)"
        case .mschapv2: "mschapv2"
        case .pap: "pap"
        }
    }

    /// The method with this name.
    public init?(name: String) {
        let all: [TTLSInnerMethod] = [.eap(.mschapv2), .eap(.gtc), .mschapv2, .pap]
        guard let method = all.first(where: { $0.description == name }) else { return nil }
        self = method
    }
}
