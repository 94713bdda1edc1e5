import ConfigFile
import EAP
import IKEv2
import IPsecTypes
import PKI
import Policy
import Runtime
import Store
import Web

/// Reads what the gateway's EAP server needs.
struct EAPLoader {
    let configuration: GatewayConfiguration
    let own: TrustAnchors
    let chain: [[UInt8]]

    /// Roots of users' certificates; nil without EAP-TLS.
    func userAnchors() throws(CulvertError) -> TrustAnchors? {
        let settings = configuration.eap
        guard settings.server == .local, settings.methods.contains("tls") else { return nil }
        return try anchors(settings.authorities)
    }

    /// The server, without what judges certificates; nil where RADIUS servers, or nobody, talk EAP.
    func server() throws(CulvertError) -> LocalEAPDesk.Server? {
        let settings = configuration.eap
        guard settings.server == .local, let path = settings.users else { return nil }
        var bytes = try readFile(path, isPrivate: true)
        defer { bytes.wipe() }
        let users: EAPUserList
        do throws(ConfigProblems) { users = try EAPUserList.decode(bytes, file: path) } catch {
            throw CulvertError(error)
        }
        let needsTLS = settings.methods.contains { $0 == "tls" || $0 == "ttls" }
        let anchors = try anchors(settings.authorities)
        return LocalEAPDesk.Server(
            settings: EAPServerSettings(
                methods: EAPCredentials.methods(settings.methods),
                innerMethods: EAPCredentials.inner(settings.inner),
                serverName: configuration.name
            ),
            engines: needsTLS ? try tls(anchors) : nil,
            users: EAPUserFile(users),
            judge: nil
        )
    }

    private func tls(_ anchors: TrustAnchors) throws(CulvertError) -> TLSProvider {
        let file = configuration.identity.key
        let leaf = chain.first.flatMap { try? ParsedCertificate(der: $0, allowsMLDSA: true) }
        if case .mlDSA? = leaf?.key {
            throw CulvertError(
                .keyUnusable,
                "\(file) is an ML-DSA key, which the TLS of EAP methods cannot use",
                next: "take another key for the gateway, or methods without TLS under eap.methods"
            )
        }
        var key = try readFile(file, isPrivate: true)
        defer { key.wipe() }
        let settings = TLSSettings(
            chain: chain,
            privateKey: try EAPCredentials.privateKey(pem: key, file: file),
            anchors: anchors.certificates.map(\.der)
        )
        return try EAPCredentials.tls(settings, for: "eap")
    }

    private func anchors(_ path: String?) throws(CulvertError) -> TrustAnchors {
        guard let path else { return own }
        let bytes = try readFile(path)
        let ders: [[UInt8]]
        do throws(PEM.Failure) { ders = try PEM.certificates(in: bytes) } catch {
            throw CulvertError(.badCertificateFile, "\(path): \(error)")
        }
        do throws(TrustAnchors.Failure) { return try TrustAnchors(certificates: ders) } catch {
            throw CulvertError(.badCertificateFile, "\(path): \(error)")
        }
    }
}
