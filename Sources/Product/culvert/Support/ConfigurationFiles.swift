import ConfigFile
import IPsecTypes
import Policy

/// Configuration files as verbs load them: the one that is named, else the standard one.
enum ConfigurationFiles {
    /// Reads gateway.yaml.
    static func gateway(_ file: String?) throws -> (configuration: GatewayConfiguration, path: String) {
        let path = Files.absolute(file ?? "\(StandardPaths.current.configuration)/gateway.yaml")
        let bytes = try read(path, next: "culvert init makes one, or name it with -c")
        let paths = StandardPaths.defaults(for: path)
        return (try located(bytes, path) { try GatewayConfiguration.decode(bytes, file: path, paths: paths) }, path)
    }

    /// Reads agent.yaml; without one that is named or stands in its place, the defaults.
    static func agent(_ file: String?) throws -> AgentConfiguration {
        let paths = StandardPaths.current
        let standard = "\(paths.configuration)/agent.yaml"
        guard file != nil || Files.exists(standard) else { return AgentConfiguration(paths: paths) }
        let path = Files.absolute(file ?? standard)
        let bytes = try read(path, next: "culvert config defaults agent > agent.yaml")
        return try located(bytes, path) {
            try AgentConfiguration.decode(bytes, file: path, paths: .defaults(for: path))
        }
    }

    /// Reads policy.yaml.
    static func policy(_ path: String) throws -> (document: PolicyDocument, source: String) {
        let bytes = try read(path, next: "culvert init makes one, or name it")
        let document = try located(bytes, path) {
            try PolicyDocument.decode(ConfigDocument.parse(bytes, file: path))
        }
        return (document, String(decoding: bytes, as: UTF8.self))
    }

    private static func read(_ path: String, next: String) throws(CulvertError) -> [UInt8] {
        do throws(CulvertError) {
            return try Files.read(path)
        } catch {
            guard error.code == .missingFile else { throw error }
            throw CulvertError(.missingFile, "\(path) does not exist", next: next)
        }
    }

    /// Puts the file's text beside its problems.
    private static func located<Value>(_ bytes: [UInt8], _ path: String, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let problems as ConfigProblems {
            throw LocatedProblems(problems, sources: [path: String(decoding: bytes, as: UTF8.self)])
        }
    }
}
