/// What a process ends with when it could not do its work (product.md: exit classes).
public enum ExitClass: UInt8, Sendable, Codable, CaseIterable {
    /// All went well.
    case ok = 0
    /// Something in a file or on the command line.
    case config = 10
    /// Who one side is.
    case identity = 11
    /// What an identity may do.
    case policy = 12
    /// The way between machines, or this machine's own network.
    case network = 13
    /// The other side, or the daemon.
    case gateway = 14
    /// A fault of Culvert itself.
    case `internal` = 15

    /// The word in front of a message: "policy".
    public var name: String { "\(self)" }
}

/// A stable error code: E1 and three digits, the first of which is the last digit of the exit class.
///
/// The catalogue, one table a class, is what docs/reference/errors.md is made from. A code is never reused.
public enum ErrorCode: UInt16, Sendable, CaseIterable, CustomStringConvertible {
    /// The file is not valid YAML.
    case invalidYAML = 1001
    /// A key occurs twice in one map.
    case duplicateKey = 1002
    /// Unknown key.
    case unknownKey = 1003
    /// The value is of the wrong kind.
    case wrongKind = 1004
    /// The value is out of bounds.
    case outOfRange = 1005
    /// A required key is missing.
    case missingKey = 1006
    /// A YAML feature that is refused.
    case refusedYAML = 1007
    /// The file is too large or nested too deeply.
    case fileTooLarge = 1008
    /// The file is not UTF-8 text.
    case notText = 1009
    /// Unknown resource, rule or peer.
    case unknownName = 1010
    /// The value cannot be understood.
    case invalidValue = 1011
    /// A weak algorithm is refused.
    case weakAlgorithm = 1012
    /// Unknown or unsupported algorithm.
    case unknownAlgorithm = 1013
    /// The pre-shared key is too weak.
    case weakPSK = 1014
    /// A secret file can be read by others.
    case filePermissions = 1015
    /// A file does not exist.
    case missingFile = 1016
    /// A file cannot be read.
    case unreadableFile = 1017
    /// A file exists already.
    case fileExists = 1018
    /// Unsupported version of a file.
    case unsupportedVersion = 1019
    /// An address pool overlaps a network.
    case poolConflict = 1020
    /// The file is empty.
    case emptyFile = 1021
    /// A certificate or key file cannot be used.
    case badCertificateFile = 1022
    /// The command line cannot be understood.
    case usage = 1023
    /// Unknown claim.
    case unknownClaim = 1024
    /// A name is used twice.
    case duplicateName = 1025
    /// Authentication failed.
    case authenticationFailed = 1101
    /// The identity does not match the certificate.
    case identityMismatch = 1102
    /// The certificate has expired.
    case certificateExpired = 1103
    /// The certificate is not valid yet.
    case certificateNotYetValid = 1104
    /// No trusted CA issued the certificate.
    case untrustedIssuer = 1105
    /// The certificate has the wrong role.
    case wrongRole = 1106
    /// The certificate is revoked.
    case certificateRevoked = 1107
    /// No entry for this peer.
    case unknownPeer = 1108
    /// The pre-shared keys differ.
    case pskMismatch = 1109
    /// A public key is too weak or malformed.
    case weakKey = 1110
    /// The private key cannot be used.
    case keyUnusable = 1111
    /// This is not the gateway that was asked for.
    case gatewayMismatch = 1112
    /// The profile cannot be used.
    case badProfile = 1113
    /// The authentication method is not allowed.
    case methodRefused = 1114
    /// No such certificate.
    case certificateNotFound = 1115
    /// Two clocks differ.
    case clocksDiffer = 1116
    /// No rule fits this identity.
    case noRuleMatches = 1201
    /// None of the networks asked for is allowed.
    case selectorsRefused = 1202
    /// No rule allows this destination.
    case destinationDenied = 1203
    /// A test in policy.yaml failed.
    case policyTestFailed = 1204
    /// The lease has ended.
    case leaseEnded = 1205
    /// The policy was refused.
    case policyRefused = 1206
    /// The peer authenticated in another way than its entry demands.
    case peerAuthentication = 1207
    /// A newer session of the same identity took over.
    case sessionReplaced = 1208
    /// The grants need too many traffic selectors.
    case tooManySelectors = 1209
    /// The identity belongs to another tenant.
    case tenantMismatch = 1210
    /// The gateway does not answer.
    case gatewayUnreachable = 1301
    /// No TUN device.
    case noTUN = 1302
    /// Root or CAP_NET_ADMIN is needed.
    case needsPrivilege = 1303
    /// A port is in use.
    case portInUse = 1304
    /// The peer stopped answering.
    case peerDead = 1305
    /// A name cannot be resolved.
    case nameNotResolved = 1306
    /// A route is in the way.
    case routeConflict = 1307
    /// Packets of the needed size do not pass.
    case mtuTooSmall = 1308
    /// A target does not answer.
    case targetSilent = 1309
    /// A listen address is not on this machine.
    case addressUnavailable = 1310
    /// Source NAT cannot be set up.
    case firewallUnavailable = 1311
    /// Forwarding cannot be switched on.
    case forwardingUnavailable = 1312
    /// The kernel refused a change.
    case kernelRefused = 1313
    /// Long IKE messages do not arrive.
    case fragmentsLost = 1314
    /// A RADIUS server does not answer.
    case radiusSilent = 1320
    /// No common algorithms.
    case noProposalChosen = 1401
    /// The daemon is not running.
    case notRunning = 1402
    /// The control socket refused you.
    case controlRefused = 1403
    /// Command and daemon are of different versions.
    case controlVersion = 1404
    /// No address is left in the pool.
    case poolExhausted = 1405
    /// The gateway is busy.
    case gatewayBusy = 1406
    /// A limit is reached.
    case limitReached = 1407
    /// The disk is full.
    case diskFull = 1408
    /// The audit trail cannot be written.
    case auditUnavailable = 1409
    /// The daemon is running already.
    case alreadyRunning = 1410
    /// The peer broke the protocol.
    case peerProtocol = 1411
    /// The peer refused the tunnel.
    case childRefused = 1412
    /// A state file cannot be written.
    case stateUnwritable = 1413
    /// The daemon did not answer in time.
    case controlTimeout = 1414
    /// The tunnel did not come up in time.
    case connectionTimeout = 1415
    /// The CA cannot do this.
    case caProblem = 1416
    /// An internal fault.
    case internalFault = 1501
    /// A cryptographic self-test failed.
    case selfTestFailed = 1502
    /// A state file is damaged.
    case stateDamaged = 1503
    /// This system is not supported.
    case unsupportedSystem = 1504
    /// Not everything could be undone.
    case cleanUpIncomplete = 1505
    /// Left-overs of an earlier run were undone.
    case restoredAfterCrash = 1506

    /// "E1203".
    public var description: String { "E\(rawValue)" }

    /// The exit class: E12xx is policy, 12.
    public var exitClass: ExitClass { ExitClass(rawValue: UInt8(10 + rawValue / 100 % 10)) ?? .internal }

    /// Its line of the catalogue.
    public var entry: ErrorEntry { Self.catalogue[self] ?? ErrorEntry(self, "\(self)", "", "") }

    /// Reads "E1203"; nil for anything else.
    public init?(_ text: String) {
        guard text.utf8.count == 5, text.hasPrefix("E"), let number = UInt16(text.dropFirst()) else { return nil }
        self.init(rawValue: number)
    }

    private static let catalogue = Dictionary(uniqueKeysWithValues: ErrorEntry.all.map { ($0.code, $0) })
}

extension ErrorCode: Codable {
    /// Reads "E1203".
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let code = ErrorCode(text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not an error code")
            )
        }
        self = code
    }

    /// Writes "E1203".
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
