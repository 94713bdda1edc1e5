import IKEMessage
import IKEv2

/// Proofs beside the credentials: EAP and further rounds of authentication, at both ends of a scenario.
extension Scenario {
    func addProofsOfGateway(_ connection: inout ConnectionConfiguration) {
        let byEAP = RemoteAuthentication.eap(EAPRequirement(settings: "users"))
        switch proofs {
        case .credentials: break
        case .eap: connection.remoteAuthentication = byEAP
        case .eapOnly:
            connection.remoteAuthentication = byEAP
            connection.eapOnly = true
        case .credentialsThenEAP: connection.furtherRemote = [RemoteRound(identity: .any, authentication: byEAP)]
        case .twoCertificates: addSecondCertificate(&connection)
        }
    }

    func addProofsOfAgent(_ connection: inout ConnectionConfiguration) {
        let byEAP = LocalAuthentication.eap(settings: "me")
        switch proofs {
        case .credentials: break
        case .eap: connection.localAuthentication = byEAP
        case .eapOnly:
            connection.localAuthentication = byEAP
            connection.eapOnly = true
        case .credentialsThenEAP:
            connection.furtherLocal = [LocalRound(identity: connection.localIdentity, authentication: byEAP)]
        case .twoCertificates: addSecondCertificate(&connection)
        }
    }

    private func addSecondCertificate(_ connection: inout ConnectionConfiguration) {
        connection.furtherLocal = [
            LocalRound(identity: connection.localIdentity, authentication: connection.localAuthentication)
        ]
        connection.furtherRemote = [
            RemoteRound(identity: connection.remoteIdentity, authentication: connection.remoteAuthentication)
        ]
    }
}
