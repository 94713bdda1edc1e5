import IKEv2
import IPsecTypes
import PacketIO
import RuntimeDoubles
import Store
import Testing

@testable import Gateway
@testable import Runtime

@Suite(.serialized) struct LeaseTests {
    @Test func whoReturnsAfterARestartGetsItsAddressAndNobodyElseDoes() async throws {
        let directory = try TestDirectory()
        let path = "\(directory.path)/leases.db"
        let authority = try TestAuthority()
        let (one, three) = (try await authority.agent("runner1"), try await authority.agent("runner3"))
        let before = try await GatewayFixture(
            authority: authority,
            leases: try LeaseBook(path: path, wallClock: SystemClock.wall)
        )
        let (first, second) = (try before.client(three), try before.client(one))
        #expect(try await first.connect()?.child?.localSelectors.map(\.description) == ["10.99.0.2/32"])
        #expect(try await second.connect()?.child?.localSelectors.map(\.description) == ["10.99.0.3/32"])
        // The gateway is gone without a word; its book is what a kill leaves.
        let book = try #require(try await before.controller { controller, _ in controller.parts.leases } ?? nil)
        book.flush()
        let again = try LeaseBook(path: path, wallClock: SystemClock.wall)
        let after = try await GatewayFixture(authority: authority, leases: again)
        // A third comes first, and gets neither.
        let stranger = try after.client(try await authority.agent("runner4"))
        #expect(try await stranger.connect()?.child?.localSelectors.map(\.description) == ["10.99.0.4/32"])
        let other = try after.client(three)
        #expect(try await other.connect()?.child?.localSelectors.map(\.description) == ["10.99.0.2/32"])
        let returned = try after.client(one)
        #expect(try await returned.connect()?.child?.localSelectors.map(\.description) == ["10.99.0.3/32"])
        again.flush()
        var query = LeaseQuery()
        query.address = IPAddress("10.99.0.3")
        let history = try query.read(path: path)
        #expect(history.count == 2 && history.first?.until == nil && history.last?.end == .restart)
        #expect(Set(history.map(\.identity)).count == 1 && history.first?.name == "runner1")
        for client in [first, second, stranger, other, returned] { try await client.stop() }
        try await before.stop()
        try await after.stop()
    }

    @Test func aClientsWishIsHeardWhereNobodyElseHadTheAddress() async throws {
        let gateway = try await GatewayFixture()
        let wish = try #require(IPAddress("10.99.7.7"))
        let first = try gateway.client(try await gateway.authority.agent("runner1"))
        #expect(
            try await first.connect(asking: [wish])?.child?.localSelectors.map(\.description) == ["10.99.7.7/32"]
        )
        let thief = try gateway.client(try await gateway.authority.agent("runner3"))
        #expect(
            try await thief.connect(asking: [wish])?.child?.localSelectors.map(\.description) == ["10.99.0.2/32"]
        )
        try await first.stop()
        try await thief.stop()
        try await gateway.stop()
    }
}
