import IPsecTypes
import RADIUS
import Testing

@testable import Gateway

@Suite struct TicketCutTests {
    private func wall(_ seconds: Int64) -> WallTime { WallTime(secondsSinceEpoch: seconds) }

    @Test func ticketsFromBeforeACutBringNobodyBack() {
        var cuts = TicketCuts(["a": wall(100)], born: wall(10))
        #expect(cuts.refuses(["x", "a"], issued: wall(99)))
        // Within one second nobody knows which came first.
        #expect(cuts.refuses(["a"], issued: wall(100)))
        #expect(!cuts.refuses(["a"], issued: wall(101)))
        #expect(!cuts.refuses(["b"], issued: wall(1)))
        cuts.add(TicketCuts.user("alice"), at: wall(200), lifetime: 3600)
        #expect(cuts.refuses(["b", TicketCuts.user("alice")], issued: wall(150)))
        #expect(cuts.floor == wall(10))
    }

    @Test func whenThereIsNoRoomNobodyOfBeforeComesBack() {
        var cuts = TicketCuts([:], born: wall(0))
        for index in 0..<65_536 { cuts.add("k\(index)", at: wall(1000), lifetime: 3600) }
        #expect(cuts.floor == wall(0))
        cuts.add("one more", at: wall(1001), lifetime: 3600)
        #expect(cuts.floor == wall(1002) && cuts.refuses(["one more"], issued: wall(1000)))
        // Those whose tickets are over make room.
        var old = TicketCuts([:], born: wall(0))
        for index in 0..<65_536 { old.add("k\(index)", at: wall(1000), lifetime: 3600) }
        old.add("later", at: wall(9000), lifetime: 3600)
        #expect(old.floor == wall(0) && !old.refuses(["k1"], issued: wall(1)))
    }

    @Test func whatAServerSaidSurvivesInATicket() throws {
        var authorization = RADIUSAuthorization()
        authorization.framedIPv4 = .v4(0x0a63_0009)
        authorization.filters = ["staff", "ops"]
        authorization.classes = [[0, 255, 3], [1]]
        authorization.interimInterval = 300
        authorization.sessionTimeout = 60
        let note = try #require(authorization.ticketNote(userName: "alice"))
        let read = try #require(RADIUSAuthorization(ticketNote: note))
        #expect(read.userName == "alice" && read.addresses == [.v4(0x0a63_0009)])
        #expect(read.filters == ["staff", "ops"] && read.classes == authorization.classes)
        #expect(read.groups == authorization.groups && read.interimInterval == 300)
        // The end of the session is the ticket's.
        #expect(read.sessionTimeout == nil)
        for length in 1..<note.count { _ = RADIUSAuthorization(ticketNote: Array(note.prefix(length))) }
        #expect(RADIUSAuthorization(ticketNote: [1]) == nil && RADIUSAuthorization(ticketNote: []) == nil)
        authorization.classes = [[UInt8]](repeating: [UInt8](repeating: 1, count: 250), count: 5)
        #expect(authorization.ticketNote(userName: "alice") == nil)
    }
}
