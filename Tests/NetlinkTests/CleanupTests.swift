import CLinux
import Glibc
import IPsecTypes
import Netlink
import Testing

private let forwardingPath = "/proc/sys/net/ipv4/conf/cvt0/forwarding"

private func someRule() -> RoutingRule {
    var rule = RoutingRule(family: .v6, priority: 900, table: 777)
    rule.source = IPPrefix("fd00:99::/64")
    rule.suppressedPrefixLength = 0
    rule.ipProtocol = 6
    rule.sourcePorts = PortRange(443)
    return rule
}

private func makeBridge() throws {
    try shell("ip link add cvt0 type bridge && ip link set cvt0 up && echo 0 > \(forwardingPath)")
}

/// Changes everything that a journal can take back.
private func changeEverything(_ journal: CleanupJournal) throws {
    try Forwarding.enable("cvt0", family: .v4, journal: journal)
    let netlink = try RouteNetlink()
    let rule = someRule()
    _ = try journal.record(.rule(rule))
    try netlink.addRule(rule)
    _ = try journal.record(.link(name: "cvt1"))
    try netlink.createLink(name: "cvt1", kind: "bridge")
    let route = Route(to: try #require(IPPrefix("10.77.0.0/16")), interfaceIndex: nil, kind: .prohibit)
    _ = try journal.record(.route(route))
    try netlink.addRoute(route)
}

/// What of it is there.
private func present() throws -> [Bool] {
    let netlink = try RouteNetlink()
    return [
        try output("cat \(forwardingPath)") == "1\n", try netlink.rules().contains(someRule()),
        try netlink.link(named: "cvt1") != nil,
        try netlink.routes().contains { $0.kind == .prohibit && $0.destination == IPPrefix("10.77.0.0/16") },
    ]
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func theNextStartTakesBackWhatAKilledProcessChanged() async throws {
    let folder = try TestFolder()
    let namespace = try TestNamespace()
    try namespace.inside { try makeBridge() }
    let (path, place) = (folder.path, namespace.path)
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, place = place as String] in
        TestNamespace.enter(place)
        let journal = try CleanupJournal(path: path + "/journal")
        try changeEverything(journal)
        kill(getpid(), SIGKILL)
        _ = journal.path
    }
    try namespace.inside {
        #expect(try present() == [true, true, true, true])
        let journal = try CleanupJournal(path: path + "/journal")
        let outcomes = try journal.undoAll()
        #expect(outcomes.count == 4 && outcomes.allSatisfy { $0.failure == nil })
        #expect(try present() == [false, false, false, false])
        #expect(journal.openSteps.isEmpty)
        #expect(try journal.undoAll().isEmpty)
    }
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func theGuardianTakesBackWhenItsParentsPipeCloses() async throws {
    let folder = try TestFolder()
    let namespace = try TestNamespace()
    let (path, place) = (folder.path, namespace.path)
    try #require(mkfifo(path + "/pipe", 0o600) == 0)
    let writer = open(path + "/pipe", O_RDWR | O_CLOEXEC)
    try namespace.inside {
        try makeBridge()
        try changeEverything(try CleanupJournal(path: path + "/journal"))
    }
    let parent = Task {
        // The death of the parent, once the guardian watches.
        for _ in 0..<1000 where access(path + "/ready", F_OK) != 0 { try await Task.sleep(for: .milliseconds(10)) }
        #expect(try namespace.inside { try present() } == [true, true, true, true])
        close(writer)
    }
    await #expect(processExitsWith: .exitCode(0)) { [path = path as String, place = place as String] in
        TestNamespace.enter(place)
        let pipe = open(path + "/pipe", O_RDONLY)
        try shell("touch \(path)/ready")
        exit(GuardianProcess.run(journalPath: path + "/journal", parentPipe: pipe))
    }
    try await parent.value
    #expect(try namespace.inside { try present() } == [false, false, false, false])
}

@Test func theGuardianGetsThePipeTheJournalsPathAndNoEnvironment() throws {
    let folder = try TestFolder()
    let journal = folder.path + "/journal"
    setenv("CULVERT_TEST_SECRET", "secret", 1)
    let guardian = try Guardian(
        executable: "/bin/sh",
        arguments: ["-c", "cat <&3 > \"$0.seen\"; echo \"$1\" >> \"$0.seen\"; env >> \"$0.seen\""],
        journalPath: journal
    )
    guardian.dismiss()
    let seen = try output("cat \(journal).seen")
    #expect(seen.hasPrefix("q3\n") && !seen.contains("secret"))
    #expect(kill(guardian.processID, 0) != 0, "dismiss waits for its end")
    let failure = #expect(throws: IOFailure.self) { try Guardian(executable: "/nonexistent", journalPath: journal) }
    #expect(failure?.code == ENOENT)
}

@Test func aSettingThatSomebodyElseChangedSinceStays() throws {
    // The loopback's own switch, read only: what is "ours" is not what it says.
    let path = "/proc/sys/net/ipv4/conf/lo/forwarding"
    let before = try output("cat \(path)")
    try CleanupStep.sysctl(path: path, previous: "7", ours: "9").undo()
    #expect(try output("cat \(path)") == before)
    try CleanupStep.sysctl(path: "/proc/sys/net/ipv4/conf/nonesuch/forwarding", previous: "0", ours: "1").undo()
}

@Test func aJournalSurvivesEveryTearOfItsLastLine() throws {
    let folder = try TestFolder()
    let path = folder.path + "/journal"
    let steps: [CleanupStep] = [
        .nftables(table: "one"), .link(name: "two"), .rule(someRule()),
        .sysctl(path: forwardingPath, previous: "0", ours: "1"),
        .route(Route(to: try #require(IPPrefix("fd00::/8")), interfaceIndex: 7, gateway: IPAddress("fe80::1"))),
    ]
    do {
        let journal = try CleanupJournal(path: path)
        for step in steps { _ = try journal.record(step) }
        #expect(journal.openSteps == steps)
    }
    let whole = try output("cat \(path)")
    for length in stride(from: whole.utf8.count, through: 0, by: -7) {
        try shell("head -c \(length) \(path) > \(path).torn && chmod 600 \(path).torn")
        let journal = try CleanupJournal(path: path + ".torn")
        let complete = whole.utf8.prefix(length).count { $0 == 10 }
        #expect(journal.openSteps == Array(steps.prefix(max(0, complete - 1))), "cut at \(length)")
        let entry = try journal.record(.link(name: "after"))
        #expect(journal.openSteps.last == .link(name: "after"))
        try journal.forget(entry)
        #expect(journal.openSteps.count == max(0, complete - 1))
    }
}

@Test func whatTheJournalForgetsIsGoneAfterReopening() throws {
    let folder = try TestFolder()
    let path = folder.path + "/journal"
    do {
        let journal = try CleanupJournal(path: path)
        let first = try journal.record(.link(name: "one"))
        _ = try journal.record(.link(name: "two"))
        try journal.forget(first)
        try journal.forget(first)
    }
    let journal = try CleanupJournal(path: path)
    #expect(journal.openSteps == [.link(name: "two")])
    #expect(throws: IOFailure.self) { try journal.record(.link(name: "a\tb")) }
    let held = #expect(throws: IOFailure.self) { try CleanupJournal(path: path, patience: .milliseconds(30)) }
    #expect(held?.code == EWOULDBLOCK && held?.hint.contains("fuser") == true)
}

@Test func aJournalOfAnotherBootOrAnotherNamespaceIsNotActedOn() throws {
    let folder = try TestFolder()
    let path = folder.path + "/journal"
    try shell(
        "printf 'journal\\t1\\tother-boot\\t4:5\\nstep\\t1\\tlink\\tcvt9\\n' > \(path); chmod 600 \(path)"
    )
    #expect(try CleanupJournal(path: path).openSteps.isEmpty)
    let boot = try output("cat /proc/sys/kernel/random/boot_id | tr -d '\\n'")
    try shell(
        "printf 'journal\\t1\\t\(boot)\\t4:5\\nstep\\t1\\tlink\\tlo\\n' > \(path)"
    )
    let journal = try CleanupJournal(path: path)
    #expect(journal.openSteps == [.link(name: "lo")])
    #expect(try journal.undoAll().isEmpty)
}

@Test(arguments: ["chmod 644", "ln -s /etc/passwd", "ln /etc/hostname"])
func aJournalThatOthersCouldHaveWrittenIsRefused(_ how: String) throws {
    let folder = try TestFolder()
    let path = folder.path + "/journal"
    if how.hasPrefix("chmod") {
        try shell("touch \(path) && \(how) \(path)")
    } else if how.hasPrefix("ln -s") {
        try shell("\(how) \(path)")
    } else {
        try shell("touch \(path).other && chmod 600 \(path).other && ln \(path).other \(path)")
    }
    #expect(throws: IOFailure.self) { try CleanupJournal(path: path) }
}

@Test func linesThatWereNotOursAreNotActedOn() throws {
    let folder = try TestFolder()
    let path = folder.path + "/journal"
    let boot = try output("cat /proc/sys/kernel/random/boot_id | tr -d '\\n'")
    try shell(
        """
        printf 'journal\\t1\\t\(boot)\\t4:5\\nstep\\t1\\tsysctl\\t/etc/passwd\\t0\\t1\\n' > \(path)
        printf 'step\\t2\\tsysctl\\t/proc/sys/net/../kernel/x\\t0\\t1\\nstep\\tx\\tlink\\ta\\nstep\\t3\\n' >> \(path)
        printf 'step\\t4\\troute\\t1\\t2\\t3\\t4\\t5\\t6\\nnonsense\\n\\n\\t\\t\\n' >> \(path); chmod 600 \(path)
        """
    )
    #expect(try CleanupJournal(path: path).openSteps.isEmpty)
}

@Test(.enabled(if: Privilege.canMakeNamespaces, Privilege.reason))
func forwardingIsSwitchedOnForOneInterfaceAndNoOther() throws {
    let folder = try TestFolder()
    try TestNamespace().inside {
        try makeBridge()
        let global = try output("cat /proc/sys/net/ipv4/conf/all/forwarding /proc/sys/net/ipv6/conf/all/forwarding")
        let journal = try CleanupJournal(path: folder.path + "/journal")
        #expect(try Forwarding.enable("cvt0", family: .v4, journal: journal))
        #expect(try !Forwarding.enable("cvt0", family: .v4, journal: journal), "it is on already")
        let six = "/proc/sys/net/ipv6/conf/cvt0/force_forwarding"
        if access(six, F_OK) == 0 {
            #expect(try Forwarding.enable("cvt0", family: .v6, journal: journal))
            #expect(try output("cat \(six)") == "1\n")
        } else {
            let failure = #expect(throws: IOFailure.self) {
                try Forwarding.enable("cvt0", family: .v6, journal: journal)
            }
            #expect(failure?.hint.contains("net.ipv6.conf.all.forwarding") == true)
        }
        #expect(
            try output("cat /proc/sys/net/ipv4/conf/all/forwarding /proc/sys/net/ipv6/conf/all/forwarding") == global
        )
        #expect(try journal.undoAll().allSatisfy { $0.failure == nil })
        #expect(try output("cat \(forwardingPath)") == "0\n")
        let missing = #expect(throws: IOFailure.self) {
            try Forwarding.enable("cvt7", family: .v4, journal: journal)
        }
        #expect(missing?.code == ENOENT && journal.openSteps.isEmpty)
    }
}
