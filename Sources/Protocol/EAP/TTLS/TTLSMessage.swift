import IPsecTypes

/// The attributes of one message inside EAP-TTLS that mean something to us.
struct TTLSMessage: Sendable {
    private(set) var eap: [UInt8]?
    private(set) var userName: [UInt8]?
    /// User-Password without the zeros that hide its length (RFC 5281 §11.2.5).
    private(set) var password: SecretBytes?
    private(set) var msCHAPChallenge: [UInt8]?
    private(set) var msCHAP2Response: [UInt8]?
    private(set) var msCHAP2Success: [UInt8]?
    private(set) var msCHAPError: [UInt8]?

    /// Reads a message. An attribute may come once; an unknown one that is mandatory fails it (RFC 5281 §10.1).
    init(_ plaintext: [UInt8]) throws(EAPFailure) {
        for avp in try TTLSAVP.list(plaintext) {
            switch avp.code {
            case .eapMessage: try Self.set(&eap, avp.data)
            case .userName: try Self.set(&userName, avp.data)
            case .userPassword:
                guard password == nil else { throw .unexpected("an attribute that comes twice") }
                guard avp.data.count <= EAPLimits.password else {
                    throw .tooLarge(what: "a password", count: avp.data.count, limit: EAPLimits.password)
                }
                let zeros = avp.data.reversed().prefix { $0 == 0 }.count
                password = SecretBytes(avp.data.dropLast(zeros))
            case .msCHAPChallenge: try Self.set(&msCHAPChallenge, avp.data)
            case .msCHAP2Response: try Self.set(&msCHAP2Response, avp.data)
            case .msCHAP2Success: try Self.set(&msCHAP2Success, avp.data)
            case .msCHAPError: try Self.set(&msCHAPError, avp.data)
            default:
                guard !avp.isMandatory else {
                    throw .unexpected("an unknown attribute \(avp.code.vendor)/\(avp.code.number) that is mandatory")
                }
            }
        }
    }

    private static func set(_ field: inout [UInt8]?, _ data: [UInt8]) throws(EAPFailure) {
        guard field == nil else { throw .unexpected("an attribute that comes twice") }
        field = data
    }

    /// The User-Name.
    func identity() throws(EAPFailure) -> String {
        guard let userName else { throw .badIdentity }
        return try EAPIdentityText.parse(userName)
    }
}
