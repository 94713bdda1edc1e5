import AdminAPI
import ArgumentParser
import CertificateAuthority
import IPsecTypes
import PKI
import PacketIO
import Runtime

/// `culvert ca revoke`.
struct AuthorityRevokeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Revoke a certificate by serial number, or all valid ones of a name.",
        discussion: Help.flow(
            """
            A gateway that shares the authority's store refuses the certificate from then on and ends its tunnels. Other
            peers learn nothing: no CRL and no OCSP are published yet. What is revoked stays revoked.

            Examples:
              culvert ca revoke runner1 --reason "machine was replaced"
              culvert ca revoke 5f0e41c09d32
            """
        )
    )

    @Argument(help: "A serial number, its first 8 digits or more, or a name.")
    var target: String
    @Option(help: "Why; one line for the records.")
    var reason = "revoked by the operator"
    @OptionGroup var authority: AuthorityOptions
    @OptionGroup var output: JSONOption

    func run() throws {
        let records = try Authority.records(directory: authority.directory)
        let (target, reason, now) = (target, reason, SystemClock.wall)
        let found = try Self.select(target, from: try Blocking.run { try await records.all() }, at: now)
        let revoked = try found.map { record in
            try Blocking.run { try await records.revoke(record.serial, at: now, reason: reason) }
        }
        if output.json {
            return Terminal.out(AdminCoding.pretty(revoked.map { CertificateRow($0, at: now) }))
        }
        var report = Report(Terminal.style)
        for record in revoked {
            let time = record.revocation.map { $0.at.rfc3339 } ?? ""
            report.say("revoked", "\(record.label), serial \(record.serial), since \(time)")
        }
        Terminal.out(report.lines)
    }

    /// The certificates that are meant: one serial number, whatever its state, or the valid ones of a name.
    static func select(
        _ target: String,
        from records: [CertificateRecord],
        at now: WallTime
    ) throws(CulvertError) -> [CertificateRecord] {
        let digits = target.lowercased().filter { $0 != ":" }
        if digits.utf8.count >= 8,
            digits.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || 97...102 ~= $0 })
        {
            let found = records.filter { $0.serial.description.hasPrefix(digits) }
            guard found.count < 2 else {
                throw CulvertError(
                    .certificateNotFound,
                    "\(found.count) serial numbers begin with \(digits)",
                    next: "give more digits: culvert ca list"
                )
            }
            if !found.isEmpty { return found }
        }
        let named = records.filter { $0.label == target }
        let valid = named.filter { $0.revocation == nil && $0.certificate.notAfter > now }
        guard valid.isEmpty else { return valid }
        throw CulvertError(
            .certificateNotFound,
            named.isEmpty
                ? "no certificate has the name or serial number \(target)"
                : "every certificate of \(target) has expired or is revoked already"
        )
    }
}
