import Foundation
import Glibc
import RuntimeDoubles
import Synchronization
import Testing

@testable import Runtime

@Suite(.serialized) struct PoolAndMailboxTests {
    @Test func aPoolRefusesWhatIsBeyondItsLimitAndFinishesTheRest() async throws {
        let pool = BoundedPool(name: "test", threads: 1, limit: 3)
        let gate = DispatchSemaphore(value: 0)
        let began = Waiting<Bool>()
        let done = Mutex<[Int]>([])
        #expect(
            pool.submit {
                began.finish(true)
                gate.wait()
            }
        )
        _ = try await blocking { began.wait(seconds: 5) }
        for index in 0..<3 { #expect(pool.submit { done.withLock { $0.append(index) } }) }
        #expect(!pool.submit {}, "the queue has room for three")
        pool.stop()
        #expect(!pool.submit {}, "a stopped pool takes nothing")
        gate.signal()
        #expect(try await eventually { done.withLock { $0 } == [0, 1, 2] })
    }

    @Test func urgentJobsGoFirstAndHaveRoomOfTheirOwn() async throws {
        let pool = BoundedPool(name: "test", threads: 1, limit: 2)
        let gate = DispatchSemaphore(value: 0)
        let began = Waiting<Bool>()
        let done = Mutex<[String]>([])
        #expect(
            pool.submit {
                began.finish(true)
                gate.wait()
            }
        )
        _ = try await blocking { began.wait(seconds: 5) }
        for name in ["stranger 1", "stranger 2"] { #expect(pool.submit { done.withLock { $0.append(name) } }) }
        #expect(!pool.submit {}, "strangers have filled their queue")
        for name in ["peer 1", "peer 2"] { #expect(pool.submit(urgent: true) { done.withLock { $0.append(name) } }) }
        #expect(!pool.submit(urgent: true) {})
        pool.stop()
        gate.signal()
        #expect(try await eventually { done.withLock { $0 } == ["peer 1", "peer 2", "stranger 1", "stranger 2"] })
    }

    @Test func aPoolUnderSteadyLoadLetsGoOfFinishedJobs() async throws {
        final class Secret: Sendable {}
        let pool = BoundedPool(name: "test", threads: 1, limit: 64)
        weak var first: Secret?
        let gate = DispatchSemaphore(value: 0)
        let finished = Atomic<Int>(0)
        do {
            let secret = Secret()
            first = secret
            #expect(
                pool.submit {
                    _ = secret
                    gate.wait()
                }
            )
        }
        // The queue never runs empty while these go through.
        gate.signal()
        for _ in 0..<5_000 {
            while !pool.submit({ finished.add(1, ordering: .relaxed) }) { await Task.yield() }
        }
        #expect(try await eventually { finished.load(ordering: .relaxed) == 5_000 })
        #expect(first == nil, "a job's captures go with it")
        pool.stop()
    }

    @Test func aMailboxIsBoundedAndWakesItsReader() throws {
        let mailbox = try Mailbox<Int>(limit: 2)
        func readable() -> Bool {
            var waiting = pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0)
            return poll(&waiting, 1, 0) == 1
        }
        #expect(!readable())
        #expect(mailbox.post(1))
        #expect(mailbox.post(2))
        #expect(!mailbox.post(3))
        #expect(readable())
        #expect(mailbox.drain() == [1, 2])
        #expect(!readable())
        #expect(mailbox.drain().isEmpty)
        #expect(mailbox.post(4))
        #expect(mailbox.drain() == [4])
    }

    @Test func waitingTakesTheFirstValueAndAnyTimeOut() {
        let box = Waiting<Int?>()
        box.finish(nil)
        box.finish(2)
        #expect(box.wait(seconds: Int.max) == .some(nil))
        #expect(Waiting<Int>().wait(seconds: -5) == nil)
        #expect(Waiting<Int>().wait(seconds: 0.01) == nil)
    }
}
