import IPsecTypes
import Testing

@testable import Dataplane

@Suite struct ControlInboxTests {
    /// An IKE header's first 16 octets and some more.
    private func message(responder: UInt8, count: Int = 28) -> [UInt8] {
        [UInt8](repeating: 7, count: 8) + [UInt8](repeating: responder, count: 8)
            + [UInt8](repeating: responder, count: count - 16)
    }

    private func push(_ inbox: ControlInbox, _ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { inbox.push(InboxRecord(.ike500), $0) }
    }

    private func messages(_ items: [InboxItem]) -> [[UInt8]] {
        items.compactMap { if case .ike(let bytes, _) = $0 { bytes } else { nil } }
    }

    @Test func aFloodOfStrangersCostsNoMessageOfAnIKESA() throws {
        let inbox = try ControlInbox(messageBytes: 1 << 16)
        var strangers = 0
        while push(inbox, message(responder: 0, count: 1_000)) { strangers += 1 }
        #expect(strangers > 0)
        let known = message(responder: 9)
        #expect(push(inbox, known), "there is room for those we know")
        var items: [InboxItem] = []
        inbox.drain(into: &items, limit: 10)
        #expect(messages(items).first == known, "and they go first")
        #expect(items.count == 11)
        var rest: [InboxItem] = []
        while true {
            let before = rest.count
            inbox.drain(into: &rest, limit: 100)
            if rest.count == before { break }
        }
        #expect(rest.count == strangers - 10)
    }
}
