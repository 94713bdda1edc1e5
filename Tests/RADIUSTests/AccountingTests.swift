import IPsecTypes
import Testing

@testable import RADIUS

@Suite("RADIUS accounting (RFC 2866)")
struct AccountingTests {
    static func record(_ status: AccountingRecord.Status, _ session: String) -> AccountingRecord {
        AccountingRecord(
            status,
            sessionID: session,
            at: WallTime(secondsSinceEpoch: 1_700_000_000),
            identification: [RADIUSAttribute(.userName, text: "nemo"), RADIUSAttribute(.class, [1, 2])]
        )
    }

    @Test("A Stop counts octets beyond 32 bits in gigawords (RFC 2869 §5.1) and echoes Class")
    func stop() throws {
        var record = Self.record(.stop, "01J")
        record.inputOctets = 5 << 32 | 7
        record.outputOctets = 9
        record.inputPackets = 3
        record.outputPackets = 4
        record.seconds = 61
        record.cause = .lostCarrier
        let attributes = record.attributes
        #expect(try attributes.number(.acctStatusType) == 2)
        #expect(try attributes.text(.acctSessionID) == "01J")
        #expect(try attributes.number(.acctInputOctets) == 7)
        #expect(try attributes.number(.acctInputGigawords) == 5)
        #expect(try attributes.number(.acctOutputOctets) == 9)
        #expect(try attributes.number(.acctOutputGigawords) == 0)
        #expect(try attributes.number(.acctInputPackets) == 3)
        #expect(try attributes.number(.acctOutputPackets) == 4)
        #expect(try attributes.number(.acctSessionTime) == 61)
        #expect(try attributes.number(.acctTerminateCause) == 2)
        #expect(try attributes.number(.eventTimestamp) == 1_700_000_000)
        #expect(attributes.first(.class) == [1, 2])
        #expect(try Self.record(.start, "01J").attributes.number(.acctInputOctets) == nil)
    }

    @Test("A session's records go one after the other; other sessions' do not wait")
    func order() {
        var spool = AccountingSpool()
        for record in [Self.record(.start, "a"), Self.record(.stop, "a"), Self.record(.start, "b")] {
            spool.add(record)
        }
        let first = spool.next(now: .zero)
        #expect(first.map(\.sessionID) == ["a", "b"])
        let id = RADIUSRequestID(rawValue: 1)
        spool.sent(first[0], as: id)
        spool.sent(first[1], as: RADIUSRequestID(rawValue: 2))
        let none = spool.next(now: .zero)
        #expect(none.isEmpty)
        let answer = RADIUSAnswer(server: 0, code: .accountingResponse, attributes: [], roundTrip: .zero)
        let isOurs = spool.finished(id, .answered(answer), now: .zero)
        #expect(isOurs)
        let next = spool.next(now: .zero)
        #expect(next.map(\.status) == [.stop])
        #expect(spool.acknowledged == 1)
    }

    @Test("What no server takes is kept, tried again with growing pauses, and keeps its time")
    func spool() {
        var spool = AccountingSpool()
        spool.add(Self.record(.start, "a"))
        var now = Instant.zero
        var pauses: [Duration] = []
        for turn in 0..<6 {
            let due = spool.next(now: now)
            #expect(due.count == 1)
            let id = RADIUSRequestID(rawValue: UInt64(turn))
            if let record = due.first { spool.sent(record, as: id) }
            _ = spool.finished(id, .unanswered, now: now)
            let none = spool.next(now: now)
            #expect(none.isEmpty)
            let next = spool.nextDeadline ?? now
            pauses.append(next - now)
            now = next
        }
        #expect(pauses == [5, 10, 20, 40, 60, 60].map { .seconds($0) })
        let kept = spool.next(now: now)
        #expect(kept == [Self.record(.start, "a")])
    }

    @Test("Interim records of a session take each other's place; a Stop takes theirs")
    func interim() {
        var spool = AccountingSpool()
        for _ in 0..<10 { spool.add(Self.record(.interim, "a")) }
        #expect(spool.count == 1)
        spool.add(Self.record(.stop, "a"))
        #expect(spool.count == 1)
    }

    @Test("The spool is bounded: interim records go first, and what is lost is counted")
    func bounded() {
        var spool = AccountingSpool()
        spool.add(Self.record(.interim, "i"))
        for index in 0..<AccountingSpool.limit { spool.add(Self.record(.start, "s\(index)")) }
        #expect(spool.count == AccountingSpool.limit)
        #expect(spool.lost == 1)
        let due = spool.next(now: .zero)
        #expect(!due.contains { $0.status == .interim })
    }
}
