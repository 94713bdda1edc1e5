import ArgumentParser
import ConfigFile
import Gateway
import IPsecTypes
import Logging
import Runtime

/// `culvert gateway run`.
struct GatewayRunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a gateway in the foreground until SIGTERM.",
        discussion: Help.flow(
            """
            Needs root, or CAP_NET_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE, and /dev/net/tun. Logs go to standard
            error. SIGHUP reads the files again, SIGTERM and SIGINT tell every peer and undo what was set up.

            Example:
              culvert gateway run -c /etc/culvert/gateway.yaml
            """
        )
    )

    @Option(name: .customShort("c"), help: ArgumentHelp("gateway.yaml. (default: the standard one)", valueName: "file"))
    var file: String?
    @Flag(help: ArgumentHelp("Print errors as JSON.", visibility: .hidden))
    var json = false

    func run() throws {
        let (configuration, path) = try ConfigurationFiles.gateway(file)
        try GatewayDaemon.run(
            configuration,
            configurationPath: path,
            logger: Log.make("gateway", configuration.logLevel)
        )
    }
}

/// The log of a daemon.
enum Log {
    static func make(_ label: String, _ level: GatewayConfiguration.LogLevel) -> Logger {
        LoggingSystem.bootstrap { LogLines(label: $0, level: Logger.Level(level)) }
        return Logger(label: label)
    }
}

extension Logger.Level {
    /// The level of a configuration file.
    init(_ level: GatewayConfiguration.LogLevel) {
        switch level {
        case .trace: self = .trace
        case .debug: self = .debug
        case .info: self = .info
        case .warning: self = .warning
        case .error: self = .error
        }
    }
}
