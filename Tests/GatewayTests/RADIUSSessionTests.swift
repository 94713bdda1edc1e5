import ConfigFile
import IKEv2
import IPsecTypes
import Policy
import Sessions
import Testing

@testable import Gateway
@testable import RADIUS
@testable import Runtime

@Suite("Sessions towards RADIUS")
struct RADIUSSessionTests {
    private static let path = Path(
        transport: .udp4500,
        local: Endpoint(.v4(0xcb00_710a), port: 4500),
        remote: Endpoint(.v4(0xc633_6402), port: 1024)
    )

    private static func session(_ change: (inout RADIUSAuthorization) -> Void = { _ in }) -> RADIUSSession {
        var authorization = RADIUSAuthorization()
        authorization.classes = [[1, 2], [3]]
        change(&authorization)
        let entry = RADIUSAcceptances.Entry(userName: "alice", authorization: authorization, server: "r1")
        return RADIUSSession(entry, identity: "ignored", path: path, interval: .seconds(600))
    }

    @Test("A request means the sessions to which all that it gives fits (RFC 5176 §3)")
    func selection() {
        let known = Self.session()
        let addresses = [IPAddress.v4(0x0a63_0007)]
        func fits(_ change: (inout DynamicRequest.Selection) -> Void) -> Bool {
            var selection = DynamicRequest.Selection()
            change(&selection)
            return known.fits(selection, id: "01J", addresses: addresses)
        }
        #expect(fits { $0.sessionID = "01J" })
        #expect(fits { $0.userName = "alice" })
        #expect(fits { $0.addresses = addresses })
        #expect(fits { $0.callingStation = "198.51.100.2:1024" })
        #expect(fits { $0.callingStation = "198.51.100.2" })
        #expect(fits { $0.classes = [[3]] })
        #expect(!fits { $0.sessionID = "01K" })
        #expect(
            !fits {
                $0.sessionID = "01J"
                $0.userName = "bob"
            }
        )
        #expect(!fits { $0.addresses = [.v4(1)] })
        #expect(!fits { $0.callingStation = "198.51.100.3" })
        #expect(!fits { $0.classes = [[3], [4]] })
    }

    @Test("Accounting says who, where and by whom, and gives every Class back (RFC 2865 §5.25)")
    func identification() throws {
        let attributes = Self.session().identification([.v4(0x0a63_0007), .v6(0xfd << 56, 7)])
        #expect(try attributes.text(.userName) == "alice")
        #expect(try attributes.number(.acctAuthentic) == 1)
        #expect(attributes.all(.class) == [[1, 2], [3]])
        #expect(try attributes.address(.framedIPAddress, .v4) == .v4(0x0a63_0007))
        #expect(try attributes.address(.framedIPv6Address, .v6) == .v6(0xfd << 56, 7))
        let local = RADIUSSession(nil, identity: "gw2.example", path: Self.path, interval: .seconds(600))
        #expect(try local.identification([]).number(.acctAuthentic) == 2)
        #expect(try local.identification([]).text(.userName) == "gw2.example")
    }

    @Test("A server's Acct-Interim-Interval goes before ours, and is at least a minute")
    func interval() {
        #expect(Self.session().interval == .seconds(600))
        #expect(Self.session { $0.interimInterval = 300 }.interval == .seconds(300))
        #expect(Self.session { $0.interimInterval = 1 }.interval == .seconds(60))
    }

    @Test("Why a session ended, for Acct-Terminate-Cause (RFC 2866 §5.10)")
    func causes() {
        typealias Cause = AccountingRecord.TerminateCause
        #expect(Cause(.deletedByPeer, nil) == .userRequest)
        #expect(Cause(.peerDead, nil) == .lostCarrier)
        #expect(Cause(.expired, .hardEnd) == .sessionTimeout)
        #expect(Cause(.requested, .disconnected) == .adminReset)
        #expect(Cause(.requested, .closed) == .adminReset)
        #expect(Cause(.requested, nil) == .adminReboot)
        #expect(Cause(.protocolError("x"), nil) == .userError)
    }

    @Test("E12: groups that a filter may name are those of entries under peers:")
    func groups() throws {
        let text = """
            version: 1
            resources: {lan: {address: 10.20.0.0/24, ports: [any]}}
            peers:
              - {name: operators, eap_group: ops, allow: [lan]}
              - {name: alice, eap_user: alice, allow: [lan]}
              - {name: laptops, id: "fqdn:l.example.com", authority: own, eap_group: staff, allow: [lan]}
            """
        let document = try PolicyDocument.decode(ConfigDocument.parse(Array(text.utf8), file: "policy.yaml"))
        #expect(document.eapGroups == ["ops", "staff"])
    }
}
