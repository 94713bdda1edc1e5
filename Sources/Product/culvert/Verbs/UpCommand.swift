import AdminAPI
import ArgumentParser
import ConfigFile
import Dispatch
import IPsecTypes
import PacketIO
import Runtime

/// `culvert up`.
struct UpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Bring a tunnel up and wait until it stands.",
        discussion: Help.flow(
            """
            Takes a profile, or the name of a connection in agent.yaml. Starts an agent when none runs; that one ends
            with its last tunnel. Only networks that the gateway grants are routed into the tunnel; everything else goes
            as before. When it fails, nothing is left.

            Examples:
              culvert up --profile runner1.culvert
              culvert up --profile runner1.culvert --lease 30m --owner-pid $$
              culvert up office
            """
        )
    )

    @Argument(help: "A connection of agent.yaml.")
    var connection: String?
    @Option(help: "The profile, as culvert ca issue writes it.")
    var profile: String?
    @Option(help: "The tunnel's name. (default: the profile's)")
    var name: String?
    @Option(help: "How long to wait until it stands.")
    var timeout = DurationArgument(seconds: 30)
    @Option(help: "End the tunnel after this long, such as 30m. (default: when the certificate ends)")
    var lease: DurationArgument?
    @Option(help: "End the tunnel with this process.")
    var ownerPid: Int32?
    @OptionGroup var socket: AgentSocketOptions
    @OptionGroup var output: JSONOption

    func validate() throws {
        if connection != nil, profile != nil { throw ValidationError("Name a connection or a profile, not both") }
        if connection != nil, name != nil { throw ValidationError("A connection has its name already") }
        if timeout.seconds > 3600 { throw ValidationError("--timeout is at most 1h") }
        if let ownerPid, ownerPid <= 0 { throw ValidationError("--owner-pid takes the number of a process") }
    }

    func run() throws {
        let begun = SystemClock.now
        let path = profile.map(Files.absolute)
        if let path { try check(path) }
        let channel = try socket.channel
        try startAgent(channel)
        let seconds = Int(timeout.seconds)
        let arguments = UpArguments(
            profilePath: path,
            name: connection ?? name,
            timeoutSeconds: seconds,
            ownerProcess: ownerPid,
            leaseSeconds: lease.map { Int($0.seconds) }
        )
        let answer = try wait(channel, .up(arguments), seconds: seconds + 10)
        guard case .tunnel(let tunnel) = answer else {
            throw CulvertError(.controlVersion, "the agent answered something else than was asked")
        }
        if output.json { return Terminal.out(AdminCoding.pretty(tunnel)) }
        let total = Double((SystemClock.now - begun).wholeNanoseconds) / 1_000_000
        Terminal.out(ReadyText.lines(tunnel, totalMilliseconds: total, Terminal.style))
    }

    /// A profile that cannot be used is better told here, with its places, than by the agent.
    private func check(_ path: String) throws {
        let bytes = try Files.readPrivate(path)
        do throws(ConfigProblems) {
            _ = try ConfigFile.AgentProfile.decode(bytes, file: path)
        } catch {
            // Without the source lines: a private key stands there.
            throw LocatedProblems(error)
        }
    }

    private func startAgent(_ channel: ControlChannel) throws {
        guard try !channel.isAnswered() else { return }
        let configuration = try ConfigurationFiles.agent(socket.file)
        let file = socket.file.map { ["-c", Files.absolute($0)] } ?? []
        let process = AgentProcess(
            arguments: ["--control", channel.path] + file,
            channel: channel,
            logPath: "\(configuration.files.state)/agent.log"
        )
        try process.start { SystemClock.now }
    }

    /// Asks on a thread of its own, so that a person who waits for more than a second hears why.
    private func wait(
        _ channel: ControlChannel,
        _ operation: AdminRequest.Operation,
        seconds: Int
    ) throws -> AdminResponse {
        let box = Waiting<Result<AdminResponse, CulvertError>>()
        DispatchQueue.global().async {
            do throws(CulvertError) {
                box.finish(.success(try channel.ask(operation, timeoutSeconds: seconds)))
            } catch {
                box.finish(.failure(error))
            }
        }
        if let early = box.wait(seconds: 1) { return try early.get() }
        var shown = ""
        for second in 1...seconds {
            let text = Self.progress(try? channel.ask(.status, timeoutSeconds: 2), connection ?? name)
            if text != shown || second % 10 == 0 {
                Terminal.error("culvert  waiting   \(second) s: \(text.printable)")
                shown = text
            }
            if let answer = box.wait(seconds: 1) { return try answer.get() }
        }
        throw CulvertError(.controlTimeout, "the agent did not answer within \(seconds) s")
    }

    /// What the newest tunnel that is not up waits for.
    static func progress(_ response: AdminResponse?, _ name: String?) -> String {
        guard case .agent(let status) = response else { return "the agent is busy" }
        let waiting = status.tunnels.filter { $0.state != .up && (name == nil || $0.name == name) }
        guard let tunnel = waiting.last else { return "connecting" }
        if let error = tunnel.lastError { return "\(tunnel.gateway): \(error.message)" }
        let phase = tunnel.tunnel.map { ", \($0.phase)" } ?? ", no answer yet"
        return "\(tunnel.gateway)\(phase)"
    }
}
