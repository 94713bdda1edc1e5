import Foundation
import IPsecTypes

/// What a command asks of a daemon over its control socket.
public struct AdminRequest: Codable, Sendable, Hashable {
    /// The version of this protocol. A daemon refuses another one by name (E1404).
    public static let currentVersion = 1

    /// What is asked.
    public enum Operation: Codable, Sendable, Hashable {
        /// Everything that `status` shows.
        case status
        /// Read the configuration again; a bad one changes nothing.
        case reload
        /// Delete all tunnels and end.
        case stop
        /// Bring a tunnel up.
        case up(UpArguments)
        /// Take a tunnel down; nil for all.
        case down(name: String?)
        /// Ask the peer of a tunnel whether it lives, and how long the answer takes.
        case ping(name: String?, timeoutSeconds: Int)
        /// Wait until a tunnel is up.
        case wait(name: String?, timeoutSeconds: Int)
        /// Replace keys: of the IKE SA, or of its Child SAs. `name` is a tunnel's or a session's.
        case rekey(name: String?, ike: Bool)
        /// End a session of the gateway.
        case closeSession(session: String)
        /// Send the gateway's clients to another one, by address or name; nil to serve them again.
        case drain(to: String?)
    }

    /// The version the caller speaks.
    public var version: Int
    /// What is asked.
    public var operation: Operation

    /// Makes a request.
    public init(_ operation: Operation) {
        version = Self.currentVersion
        self.operation = operation
    }
}

/// Which tunnel to bring up.
public struct UpArguments: Codable, Sendable, Hashable {
    /// The profile's path; nil for a connection of agent.yaml.
    public var profilePath: String?
    /// The name of a connection, or the name to give to the profile's.
    public var name: String?
    /// How long to wait until it stands.
    public var timeoutSeconds: Int
    /// The process whose end takes the tunnel down; nil for none.
    public var ownerProcess: Int32?
    /// After this many seconds the tunnel ends by itself; nil for never.
    public var leaseSeconds: Int?

    /// Makes the arguments.
    public init(
        profilePath: String? = nil,
        name: String? = nil,
        timeoutSeconds: Int = 30,
        ownerProcess: Int32? = nil,
        leaseSeconds: Int? = nil
    ) {
        self.profilePath = profilePath
        self.name = name
        self.timeoutSeconds = timeoutSeconds
        self.ownerProcess = ownerProcess
        self.leaseSeconds = leaseSeconds
    }
}

/// What a daemon answers.
public enum AdminResponse: Codable, Sendable, Hashable {
    /// Done; the text says what.
    case done(String)
    /// A gateway's status.
    case gateway(GatewayStatus)
    /// An agent's status.
    case agent(AgentStatus)
    /// A tunnel stands.
    case tunnel(AgentTunnelStatus)
    /// The peer answered after so many milliseconds.
    case pong(name: String, milliseconds: Double)
    /// It could not be done.
    case failed(CulvertError)
}

/// JSON for the control socket: sorted keys, so that equal values give equal bytes.
public enum AdminCoding {
    /// Encodes a message.
    public static func encode(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Plain values of this module always encode; an empty answer would be refused by the reader.
        return (try? encoder.encode(value)).map { Array($0) } ?? []
    }

    /// Encodes for people and programs that read files: indented.
    public static func pretty(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    /// Decodes a request. Another version, an unknown operation or bad JSON is refused with a code.
    public static func request(_ bytes: [UInt8]) throws(CulvertError) -> AdminRequest {
        struct Versioned: Decodable { var version: Int }
        let decoder = JSONDecoder()
        guard let envelope = try? decoder.decode(Versioned.self, from: Data(bytes)) else {
            throw CulvertError(.controlRefused, "the request is not understood")
        }
        guard envelope.version == AdminRequest.currentVersion else {
            throw CulvertError(
                .controlVersion,
                "the command speaks version \(envelope.version), the daemon \(AdminRequest.currentVersion)"
            )
        }
        guard let request = try? decoder.decode(AdminRequest.self, from: Data(bytes)) else {
            throw CulvertError(.controlRefused, "the operation is unknown")
        }
        return request
    }

    /// Decodes an answer.
    public static func response(_ bytes: [UInt8]) throws(CulvertError) -> AdminResponse {
        guard let response = try? JSONDecoder().decode(AdminResponse.self, from: Data(bytes)) else {
            throw CulvertError(.controlVersion, "the daemon's answer is not understood")
        }
        return response
    }
}
