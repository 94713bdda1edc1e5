import AdminAPI
import ArgumentParser
import CertificateAuthority
import IPsecTypes
import PKI
import PacketIO
import Runtime

/// `culvert ca list`.
struct AuthorityListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the certificates that were issued, oldest first.",
        discussion: Help.flow(
            """
            Without --all, those that can still be used. Shows no private keys: the authority does not keep them.

            Example:
              culvert ca list --all --json
            """
        )
    )

    @Flag(help: "Expired and revoked ones too.")
    var all = false
    @OptionGroup var authority: AuthorityOptions
    @OptionGroup var output: JSONOption

    func run() throws {
        let records = try Authority.records(directory: authority.directory)
        let now = SystemClock.wall
        let rows = try Blocking.run { try await records.all().map { CertificateRow($0, at: now) } }
            .filter { all || $0.state == .valid }
        if output.json { return Terminal.out(AdminCoding.pretty(rows)) }
        if rows.isEmpty, Terminal.style.isTerminal { return Terminal.out("no certificate\(all ? "" : " is valid")") }
        Terminal.out(CertificateRow.table(rows).lines(Terminal.style))
    }
}

/// A certificate as lists show it.
struct CertificateRow: Encodable, Hashable {
    enum State: String, Encodable {
        case valid
        case expired
        case revoked
    }

    var name: String
    var role: String
    var serial: String
    var state: State
    var issuedAt: String
    var until: String
    var identity: [String]
    var revokedAt: String?
    var reason: String?

    init(_ record: CertificateRecord, at now: WallTime) {
        name = record.label
        role = record.profile.rawValue
        serial = record.serial.description
        state = record.revocation != nil ? .revoked : record.certificate.notAfter <= now ? .expired : .valid
        issuedAt = record.issuedAt.rfc3339
        until = record.certificate.notAfter.rfc3339
        identity = record.certificate.names.listed
        revokedAt = record.revocation.map { $0.at.rfc3339 }
        reason = record.revocation?.reason
    }

    static func table(_ rows: [CertificateRow]) -> TextTable {
        TextTable(
            headings: ["NAME", "ROLE", "STATE", "UNTIL", "SERIAL", "IDENTITY"],
            rows: rows.map {
                [$0.name, $0.role, $0.state.rawValue, $0.until, $0.serial, $0.identity.joined(separator: ",")]
            }
        )
    }
}
