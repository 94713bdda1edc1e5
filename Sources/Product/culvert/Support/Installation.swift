import CertificateAuthority
import ConfigFile
import Glibc
import IPsecTypes
import PKI
import PacketIO
import Runtime
import Store

/// What `culvert init` makes, from keys to files. Either all of it is there afterwards, or nothing new is.
struct Installation {
    var layout: InstallationLayout
    var name: String
    var addresses: [IPAddress]
    var trustDomain: String
    var pools: [IPPrefix]
    var profile: ProfileDefaults

    /// The gateway's own certificate lives as long as its operator thinks of it; agents' live a day.
    static let gatewayLifetime: Int64 = 365 * 86_400

    /// What was made, for the user and for programs.
    struct Result: Encodable {
        var name: String
        var addresses: [String]
        var trustDomain: String
        var caSHA256: String
        var certificateUntil: String
        var directory: String
        var authorityDirectory: String
        var pools: [String]
        var firewall: [String]
        var kept: [String]
        var owner: String?
    }

    /// The user of the service, to whom an installation in the standard place belongs.
    static let serviceUser = "culvert"

    func write(force: Bool) throws -> Result {
        try check(force: force)
        for directory in layout.directories { try ProcessHardening.makeDirectory(directory) }
        let kept = try moveAside()
        var written: [String] = []
        do {
            return try write(kept: kept, &written)
        } catch {
            // A disk that fills up leaves what was there before.
            for path in written { unlink(path) }
            for pair in kept { rename(pair.new, pair.old) }
            throw error
        }
    }

    private func check(force: Bool) throws {
        let present = layout.files.filter(Files.exists)
        if let first = present.first, !force {
            throw CulvertError(
                .fileExists,
                "\(first) exists already",
                details: present.dropFirst().map { ("also", $0) },
                next: "choose another --dir, or add --force: the old files are kept, the old authority is replaced"
            )
        }
        guard layout.control.utf8.count <= InstallationLayout.maximumControlPath else {
            throw CulvertError(
                .invalidValue,
                "the path of the control socket would be too long: \(layout.control)",
                next: "choose a --dir with a shorter path"
            )
        }
    }

    private func moveAside() throws -> [(old: String, new: String)] {
        let suffix = ".before-" + SystemClock.wall.rfc3339.filter { $0 != ":" && $0 != "-" }
        var moved: [(old: String, new: String)] = []
        for path in layout.files where Files.exists(path) {
            guard rename(path, path + suffix) == 0 else {
                throw CulvertError(.stateUnwritable, "\(path) cannot be moved: \(String(cString: strerror(errno)))")
            }
            moved.append((path, path + suffix))
        }
        return moved
    }

    private func write(kept: [(old: String, new: String)], _ written: inout [String]) throws -> Result {
        let maker = SoftwareKeyMaker()
        let (root, issuing, gateway) = (
            try maker.makeKey(.ecdsaP384), try maker.makeKey(.ecdsaP256), try maker.makeKey(.ecdsaP256)
        )
        let made = try EmbeddedAuthority.establish(
            trustDomain: trustDomain,
            rootSigner: root.signer,
            issuingSigner: issuing.signer,
            wallClock: SystemClock.wall,
            rootSerialRandom: SystemRandom.bytes(CertificateSerial.randomByteCount),
            issuingSerialRandom: SystemRandom.bytes(CertificateSerial.randomByteCount)
        )
        let store = try SQLiteStateStore(path: layout.authority.records)
        let authority = try EmbeddedAuthority(
            rootDER: made.rootDER,
            issuingDER: made.issuingDER,
            signer: issuing.signer,
            trustDomain: trustDomain,
            records: CertificateRecords(store: store)
        )
        let (name, addresses, spki) = (name, addresses, gateway.signer.subjectPublicKeyInfo)
        let issued = try Blocking.run {
            try await authority.issueGateway(
                dnsNames: [name],
                addresses: addresses,
                spki: spki,
                label: name,
                lifetime: Self.gatewayLifetime,
                at: Authority.moment
            )
        }
        let files = layout.authority
        let contents: [(path: String, bytes: [UInt8])] = [
            (files.rootCertificate, Authority.pem([made.rootDER])),
            (files.rootKey, Authority.pem(root.pkcs8)),
            (files.issuingCertificate, Authority.pem([made.issuingDER])),
            (files.issuingKey, Authority.pem(issuing.pkcs8)),
            (files.profileDefaults, Array(StarterFiles.profileDefaults(profile).utf8)),
            (layout.rootsFile, Authority.pem([made.rootDER])),
            (layout.certificateFile, Authority.pem(issued.chain)),
            (layout.keyFile, Authority.pem(gateway.pkcs8)),
            (layout.policyFile, Array(StarterFiles.policy(layout: layout).utf8)),
            (layout.gatewayFile, Array(gatewayText.utf8)),
        ]
        for (path, bytes) in contents {
            try Files.write(bytes, to: path, replacing: false)
            written.append(path)
        }
        let owner = try handOver()
        return Result(
            name: name,
            addresses: addresses.map(\.description),
            trustDomain: trustDomain,
            caSHA256: made.pin.description,
            certificateUntil: issued.record.certificate.notAfter.rfc3339,
            directory: layout.directory,
            authorityDirectory: files.directory,
            pools: pools.map(\.description),
            firewall: ["udp/500", "udp/4500", "esp"],
            kept: kept.map(\.new),
            owner: owner
        )
    }

    /// Gives the standard installation to the service's user where there is one; the root's key stays with root.
    private func handOver() throws -> String? {
        guard layout.isStandard, geteuid() == 0, let user = getpwnam(Self.serviceUser)?.pointee else { return nil }
        let files = layout.files.filter { $0 != layout.authority.rootKey }
        let store = ["", "-wal", "-shm"].map { layout.authority.records + $0 }.filter(Files.exists)
        for path in layout.directories + files + store {
            guard lchown(path, user.pw_uid, user.pw_gid) == 0 else {
                let reason = String(cString: strerror(errno))
                throw CulvertError(.stateUnwritable, "\(path) cannot be given to \(Self.serviceUser): \(reason)")
            }
        }
        return Self.serviceUser
    }

    private var gatewayText: String {
        StarterFiles.gateway(
            name: String(name.prefix(64)),
            identity: name,
            trustDomain: trustDomain,
            pools: pools,
            layout: layout
        )
    }
}
