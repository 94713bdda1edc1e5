import EAP
import EAPDoubles
import Foundation
import IPsecTypes
import Testing
import Web

@testable import RADIUS

#if canImport(Glibc)
import Glibc
#endif

/// FreeRADIUS as the server of our peer.
@Suite(.serialized) struct ForeignServerTests {
    /// A running FreeRADIUS.
    private final class FreeRADIUS {
        let port: UInt16
        private let process = Process()
        private let folder: ScratchFolder

        init(_ house: TLSHouse, versions: String) throws {
            let folder = try ScratchFolder()
            let probe = try LoopbackSocket()
            port = probe.port
            self.folder = folder
            let key = try folder.write("server.key", key: house.server)
            let certificate = try folder.write("server.pem", certificate: house.server)
            let ca = try folder.write("ca.pem", certificate: house.authority)
            try folder.write("users", "alice Cleartext-Password := \"correct horse\"\n")
            let configuration = Self.configuration(
                folder.path,
                port: port,
                tls: "private_key_file = \(key)\ncertificate_file = \(certificate)\nca_file = \(ca)\n\(versions)"
            )
            try folder.write("radiusd.conf", configuration)
            process.executableURL = URL(filePath: "/usr/sbin/freeradius")
            process.arguments = ["-X", "-d", folder.path]
            process.standardOutput = try FileHandle(forWritingTo: URL(filePath: folder.write("log", "")))
            process.standardError = process.standardOutput
        }

        private static func configuration(_ folder: String, port: UInt16, tls: String) -> String {
            let authorize = "authorize {\n files\n mschap\n eap {\n ok = return\n }\n pap\n }"
            let authenticate = "authenticate {\n Auth-Type PAP {\n pap\n }\n Auth-Type MS-CHAP {\n mschap\n }\n eap\n }"
            return """
                name = radiusd
                logdir = \(folder)
                run_dir = \(folder)
                libdir = /usr/lib/freeradius
                max_request_time = 30
                security {
                  allow_vulnerable_openssl = yes
                }
                client loopback {
                  ipaddr = 127.0.0.1
                  secret = testing123
                }
                modules {
                  pap {
                  }
                  mschap {
                  }
                  files {
                    usersfile = \(folder)/users
                  }
                  eap {
                    default_eap_type = md5
                    tls-config both {
                      \(tls)
                      fragment_size = 600
                      ecdh_curve = ""
                    }
                    md5 {
                    }
                    gtc {
                      auth_type = PAP
                    }
                    tls {
                      tls = both
                    }
                    ttls {
                      tls = both
                      default_eap_type = md5
                      virtual_server = inner
                    }
                    mschapv2 {
                    }
                  }
                }
                server default {
                  listen {
                    type = auth
                    ipaddr = 127.0.0.1
                    port = \(port)
                  }
                  \(authorize)
                  \(authenticate)
                }
                server inner {
                  \(authorize)
                  \(authenticate)
                }

                """
        }

        /// Frees the port that was probed and starts.
        func start() throws {
            try process.run()
            for _ in 0..<100 where !log.contains("Ready to process requests") { usleep(100_000) }
            try #require(log.contains("Ready to process requests"), "\(log.suffix(3000))")
        }

        var log: String { (try? String(contentsOfFile: folder.path + "/log", encoding: .utf8)) ?? "" }

        func stop() {
            // It keeps nothing that would be lost, and SIGTERM may be blocked in the process that runs the tests.
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
    }

    private func meet(
        _ server: FreeRADIUS,
        _ house: TLSHouse,
        _ settings: EAPPeerSettings
    ) throws -> (action: EAPPeerAction?, key: SecretBytes?, code: RADIUSCode?) {
        let socket = try LoopbackSocket()
        var random = SeededGenerator(seed: UInt64(today.secondsSinceEpoch))
        var peer = EAPPeer(
            settings: settings,
            engines: try TLSProvider(house.clientSettings()),
            isServerAuthenticated: true,
            wallClock: today
        )
        var packet = EAPPacket(identifier: 0, .request(.identity, [])).bytes
        var state: [UInt8]?
        var answer: RADIUSPacket?
        var key: SecretBytes?
        for round in 0..<60 {
            var action = peer.handle(.packet(packet), using: &random)
            while case .verify = action {
                action = peer.handle(.certificate(.accepted(identity: "radius.test")), using: &random)
            }
            guard case .send(let response) = action else { return (action, key, answer?.code) }
            var request = RADIUSPacket(code: .accessRequest, identifier: UInt8(round))
            request.attributes = [RADIUSAttribute(.userName, text: "alice")]
            request.attributes.append(eapPacket: response)
            if let state { request.attributes.append(RADIUSAttribute(.state, state)) }
            let authenticator = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
            request.sealRequest(radiusSecret, random: authenticator)
            socket.send(request.encoded, to: server.port)
            var datagram: [UInt8]?
            for _ in 0..<50 where datagram == nil { datagram = socket.receive()?.bytes }
            let got = try RADIUSPacket(parsing: try #require(datagram, "silence: \(server.log.suffix(2000))"))
            answer = got
            state = got.attributes.first(.state)
            key = got.attributes.masterSessionKey(secret: radiusSecret, requestAuthenticator: authenticator)
            packet = try #require(got.attributes.eapPacket)
        }
        return (nil, nil, nil)
    }

    private static let methods: [(EAPMethodType, TTLSInnerMethod, String)] =
        ["1.2", "1.3"].flatMap { version in
            let versions = "tls_min_version = \"\(version)\"\ntls_max_version = \"\(version)\""
            return [
                (EAPMethodType.tls, TTLSInnerMethod.pap, versions), (.ttls, .pap, versions),
                (.ttls, .eap(.mschapv2), versions), (.ttls, .eap(.gtc), versions), (.ttls, .mschapv2, versions),
            ]
        } + [(.mschapv2, .pap, ""), (.gtc, .pap, "")]

    @Test(.enabled(if: isInstalled("freeradius")), arguments: methods)
    func freeRADIUSLetsUsInAndAgreesOnTheKey(
        method: EAPMethodType,
        inner: TTLSInnerMethod,
        versions: String
    ) throws {
        let house = try TLSHouse(padding: 12, lastingYears: true)
        let server = try FreeRADIUS(house, versions: versions)
        try server.start()
        defer { server.stop() }
        func settings(_ password: String) -> EAPPeerSettings {
            EAPPeerSettings(
                identity: "alice",
                methods: [method],
                innerMethods: [inner],
                password: SecretBytes(text: password),
                packetSize: 600
            )
        }
        let (action, key, code) = try meet(server, house, settings("correct horse"))
        guard case .succeeded(let success) = action, code == .accessAccept else {
            Issue.record("\(String(describing: action)) \(server.log.suffix(6000))")
            return
        }
        #expect(success.method == method)
        if let own = success.key {
            let theirs = try #require(key)
            #expect(own.isEqual(to: theirs), "the key is another")
        } else {
            #expect(method == .gtc)
        }
        guard method != .tls else { return }
        let (refusal, _, refused) = try meet(server, house, settings("guess"))
        guard case .failed = refusal, refused == .accessReject else {
            Issue.record("\(String(describing: refusal))")
            return
        }
    }
}
