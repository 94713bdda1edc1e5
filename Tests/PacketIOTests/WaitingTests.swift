import CLinux
import Glibc
import IPsecTypes
import PacketIO
import Testing

@Test func aSignalWakesAPollerUntilItIsCleared() throws {
    let poller = try Poller()
    let signal = try EventSignal()
    try poller.add(signal.descriptor, .readable, token: 42)
    #expect(try poller.wait(timeout: .zero) == 0)
    signal.signal()
    signal.signal()
    #expect(try poller.wait() == 1)
    #expect(poller.event(0).token == 42 && poller.event(0).ready == .readable)
    #expect(signal.clear() && !signal.clear())
    #expect(try poller.wait(timeout: .milliseconds(1)) == 0)
    try poller.remove(signal.descriptor)
    signal.signal()
    #expect(try poller.wait(timeout: .zero) == 0)
}

@Test func aTimerFiresAtItsDeadlineAndCanBeDisarmed() throws {
    let poller = try Poller()
    let timer = try DeadlineTimer()
    try poller.add(timer.descriptor, .readable, token: 1)
    let deadline = SystemClock.now + .milliseconds(20)
    timer.arm(deadline)
    #expect(try poller.wait(timeout: .seconds(5)) == 1)
    #expect(SystemClock.now >= deadline && timer.clear() && !timer.clear())
    timer.arm(SystemClock.now - .seconds(1))
    #expect(try poller.wait(timeout: .seconds(5)) == 1)
    timer.arm(SystemClock.now + .seconds(60))
    timer.arm(nil)
    #expect(try poller.wait(timeout: .milliseconds(5)) == 0)
}

@Test func clocksRunForwardsAndRandomBytesDiffer() {
    let first = SystemClock.now
    #expect(SystemClock.now >= first && first.nanoseconds > 0)
    #expect(SystemClock.wall.secondsSinceEpoch > 1_700_000_000)
    #expect(SystemRandom.bytes(32) != SystemRandom.bytes(32))
    #expect(SystemRandom.bytes(0).isEmpty && SystemRandom.bytes(1000).count == 1000)
    var generator = SystemRandom()
    #expect(generator.next() != generator.next())
}

@Test func theServiceManagerHearsThatWeAreReady() throws {
    let path = "@culvert-test-\(getpid())-\(SystemRandom.bytes(4).map(String.init).joined())"
    let listener = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue), 0)
    defer { close(listener) }
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &name.sun_path) { target in
        for (index, byte) in path.utf8.enumerated() { target[index] = index == 0 ? 0 : byte }
    }
    let bound = withUnsafePointer(to: &name) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, socklen_t(2 + path.utf8.count)) }
    }
    try #require(bound == 0)
    let notify = SystemdNotify(path: path)
    try notify.ready(status: "two\nlines")
    try notify.stopping()
    try notify.watchdog()
    var heard: [String] = []
    var buffer = [UInt8](repeating: 0, count: 200)
    for _ in 0..<3 {
        let count = recv(listener, &buffer, buffer.count, 0)
        heard.append(String(decoding: buffer.prefix(max(0, count)), as: UTF8.self))
    }
    #expect(heard == ["READY=1\nSTATUS=two lines", "STOPPING=1", "WATCHDOG=1"])
    try SystemdNotify(path: nil).ready()
    #expect(throws: IOFailure.self) { try SystemdNotify(path: "relative").ready() }
}

@Test func thePeerOfAUnixSocketIsKnown() throws {
    var pair: [CInt] = [0, 0]
    try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &pair) == 0)
    defer { for descriptor in pair { close(descriptor) } }
    let peer = try PeerCredentials(of: pair[0])
    #expect(peer.processID == getpid() && peer.userID == geteuid() && peer.groupID == getegid())
    #expect(throws: IOFailure.self) { try PeerCredentials(of: -1) }
}

@Test func aSignalSentToThisThreadCanBeWaitedFor() throws {
    let signals = try SignalDescriptor([SIGUSR2])
    let poller = try Poller()
    try poller.add(signals.descriptor, .readable, token: 1)
    #expect(signals.next() == nil)
    pthread_kill(pthread_self(), SIGUSR2)
    #expect(try poller.wait(timeout: .seconds(1)) == 1)
    #expect(signals.next() == SIGUSR2 && signals.next() == nil)
}

@Test func closingGivesEveryDescriptorBack() throws {
    let before = openDescriptors()
    for _ in 0..<300 {
        _ = try UDPSocket(bind: Endpoint(.v4(0x7f00_0001), port: 0))
        _ = try? UDPSocket(bind: Endpoint(.v4(0x0102_0304), port: 0))
        _ = try MessageRing(capacity: 1024)
        _ = try Poller()
        _ = try DeadlineTimer()
        _ = PacketBatch(capacity: 4)
        if Privilege.canMakeNamespaces { _ = try RawESPSocket(bind: .v4(0x7f00_0001)) }
    }
    // Tests that run beside this one hold some of their own.
    #expect(openDescriptors() < before + 100)
}

private func openDescriptors() -> Int {
    (0..<4096).count { fcntl(CInt($0), F_GETFD) >= 0 }
}
