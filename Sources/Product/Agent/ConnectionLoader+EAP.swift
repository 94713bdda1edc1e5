import ConfigFile
import EAP
import IKEMessage
import IKEv2
import IPsecTypes
import LegacyDigests
import PKI
import Runtime
import Web

/// EAP of an agent's connection: alone, or in a round of its own after certificate or pre-shared key (RFC 4739).
extension ConnectionLoader {
    /// The connection of who proves itself by EAP, and the gateway by a certificate or by EAP as well.
    func eapConnection(_ connection: AgentConnection, _ authorities: String?) throws(CulvertError) -> LoadedConnection {
        guard let eap = connection.eap else {
            throw CulvertError(.missingKey, "connection \(connection.name) has no eap")
        }
        let anchors = try authorities.map { path throws(CulvertError) in try self.anchors(connection, path) }
        let hashes = anchors?.spkiDERs.map { FixedLegacyDigests.authorityHash(spkiDER: $0) } ?? []
        var result = try base(
            connection,
            gateway: connection.gateway ?? "",
            local: try identity(connection.id ?? eap.identity, connection),
            .eap(settings: connection.name),
            .certificate(authorityKeyHashes: hashes)
        )
        result.configuration.eapOnly = eap.isAlone
        result.trust = anchors.map {
            CertificateAuthenticator.Trust(anchors: $0, purpose: .peer, signatures: settings.ike.signatures)
        }
        return result
    }

    /// What EAP needs of files, and its round where it is not the first.
    func addEAP(_ connection: AgentConnection, to result: inout LoadedConnection) throws(CulvertError) {
        guard let eap = connection.eap else { return }
        if !result.configuration.localAuthentication.isEAP {
            result.configuration.furtherLocal = [
                LocalRound(
                    identity: try identity(eap.identity, connection),
                    authentication: .eap(settings: connection.name)
                )
            ]
        }
        let password = try eap.passwordFile.map { path throws(CulvertError) in
            SecretBytes(wiping: try read(path, isPrivate: true), trimmingLineEnd: true)
        }
        let anchors: TrustAnchors?
        if let path = eap.authorities {
            anchors = try self.anchors(connection, path)
        } else {
            anchors = result.trust?.anchors
        }
        result.eap = LocalEAPDesk.Peer(
            settings: EAPPeerSettings(
                identity: eap.identity,
                anonymousIdentity: eap.anonymousIdentity,
                methods: EAPCredentials.methods(eap.methods),
                innerMethods: EAPCredentials.inner(eap.inner),
                password: password
            ),
            engines: try anchors.map { anchors throws(CulvertError) in try tls(connection, eap, anchors) },
            judge: anchors.map { EAPCertificateJudge(anchors: $0) }
        )
    }

    private func tls(
        _ connection: AgentConnection,
        _ eap: AgentEAP,
        _ anchors: TrustAnchors
    ) throws(CulvertError) -> TLSProvider {
        let gateway = connection.gatewayID ?? connection.gateway ?? ""
        let names = eap.serverNames.isEmpty ? [gateway].filter { IPAddress($0) == nil && !$0.isEmpty } : eap.serverNames
        var settings = TLSSettings(anchors: anchors.certificates.map(\.der), serverNames: names)
        if let certificate = eap.certificate, let file = eap.key {
            settings.chain = try certificates(try read(certificate, isPrivate: false), "certificate of EAP-TLS")
            var key = try read(file, isPrivate: true)
            defer { key.wipe() }
            settings.privateKey = try EAPCredentials.privateKey(pem: key, file: file)
        }
        return try EAPCredentials.tls(settings, for: "eap of connection \(connection.name)")
    }

    private func anchors(_ connection: AgentConnection, _ path: String) throws(CulvertError) -> TrustAnchors {
        let roots = try certificates(try read(path, isPrivate: false), "authorities of \(connection.name)")
        let pins = Set(connection.rootPins.compactMap { SPKIFingerprint($0) })
        do throws(TrustAnchors.Failure) {
            return try TrustAnchors(certificates: roots, pins: pins)
        } catch {
            throw CulvertError(.untrustedIssuer, "connection \(connection.name): \(error)")
        }
    }

    /// A user's name as IDi: a name, a mailbox or an address where it reads like one, else ID_KEY_ID.
    private func identity(_ text: String, _ connection: AgentConnection) throws(CulvertError) -> Identity {
        guard let identity = Identity(configuration: text) ?? Identity(configuration: "keyid:\(text)") else {
            throw CulvertError(.invalidValue, "connection \(connection.name): \(text.printable) is not an identity")
        }
        return identity
    }
}
