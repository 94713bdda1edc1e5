import AdminAPI
import ArgumentParser
import ConfigFile
import IPsecTypes
import Store

/// `culvert audit leases`.
struct AuditLeasesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leases",
        abstract: "Print which identity had which inner address, and when; newest first.",
        discussion: Help.flow(
            """
            Reads leases.db in the gateway's state directory, also while the gateway runs. A lease that ended with the
            gateway's process shows the time of its next start.

            Examples:
              culvert audit leases --address 10.99.0.7 --at 2026-11-20T10:00:00Z
              culvert audit leases --identity runner1 --json
            """
        )
    )

    @Option(help: "Only this address.")
    var address: String?
    @Option(help: "Only identities or certificate names that contain this.")
    var identity: String?
    @Option(help: ArgumentHelp("Only what lasted at this time, such as 2026-11-20T10:00:00Z.", valueName: "time"))
    var at: String?
    @Option(name: [.customShort("n"), .customLong("lines")], help: "How many.")
    var count = 100
    @Option(
        name: .customShort("c"),
        help: ArgumentHelp("gateway.yaml, which names the state. (default: the standard one)", valueName: "file")
    )
    var configuration: String?
    @OptionGroup var output: JSONOption

    func validate() throws {
        if !(1...100_000).contains(count) { throw ValidationError("-n takes 1 to 100000") }
        if let address, IPAddress(address) == nil { throw ValidationError("--address takes an IP address") }
        if let at, WallTime(rfc3339: at) == nil {
            throw ValidationError("--at takes a time of UTC such as 2026-11-20T10:00:00Z")
        }
    }

    func run() throws {
        let state = try ConfigurationFiles.gateway(configuration).configuration.files.state
        var query = LeaseQuery()
        query.address = address.flatMap { IPAddress($0) }
        query.identity = identity
        query.at = at.flatMap { WallTime(rfc3339: $0) }
        query.limit = count
        let path = "\(state)/leases.db"
        guard Files.exists(path) else {
            throw CulvertError(.missingFile, "there are no leases at \(path)", next: "culvert gateway run begins them")
        }
        let leases: [AddressLease]
        do throws(StateStoreError) {
            leases = try query.read(path: path)
        } catch {
            throw CulvertError(.stateDamaged, "\(path): \(error)")
        }
        if output.json { return Terminal.out(AdminCoding.pretty(leases.map { Document($0) })) }
        for lease in leases { Terminal.out(Self.line(lease)) }
    }

    private struct Document: Encodable {
        var address: String
        var identity: String
        var name: String?
        var session: String
        var since: String
        var until: String?
        var end: String?

        init(_ lease: AddressLease) {
            address = "\(lease.address)"
            identity = lease.identity
            name = lease.name
            session = lease.session
            since = lease.since.rfc3339
            until = lease.until?.rfc3339
            end = lease.end?.rawValue
        }
    }

    static func line(_ lease: AddressLease) -> String {
        let end = lease.until.map { (lease.end == .restart ? "before " : "") + $0.rfc3339 } ?? "now"
        let who = (lease.name.map { "\($0) " } ?? "") + lease.identity
        return
            "\(lease.address)  \(lease.since.rfc3339) to \(end)  \(who.printable(limit: 200))  \(lease.session.printable)"
    }
}
