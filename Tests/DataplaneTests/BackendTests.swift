import ESP
import IPsecTypes
import PacketIO
import Policy
import Testing

@testable import Dataplane

private func make(_ change: (inout DataplaneConfiguration) -> Void = { _ in }) throws -> UserspaceDataplane {
    var configuration = DataplaneConfiguration()
    change(&configuration)
    return try UserspaceDataplane(configuration, rules: nil)
}

@Test func backendRefusesWhatItCannotRun() throws {
    let dataplane = try make()
    var child = ChildPair()
    try dataplane.install(child.gateway, sendNow: true)
    #expect(throws: SABackendError.duplicateSPI(child.gatewaySPI)) {
        try dataplane.install(child.gateway, sendNow: true)
    }
    child.gatewaySPI = SPI(0x3000_0000)
    child.encapsulation = false
    #expect(throws: SABackendError.self) { try dataplane.install(child.gateway, sendNow: true) }
    child.encapsulation = true
    child.suite = ESPSuite(encryption: EncryptionAlgorithm(rawValue: 3), keyBits: 192, integrity: .none)
    #expect(throws: SABackendError.unsupported(child.suite.description)) {
        try dataplane.install(child.gateway, sendNow: true)
    }
    child = ChildPair()
    child.gatewaySPI = SPI(77)
    #expect(throws: SABackendError.self) { try dataplane.install(child.gateway, sendNow: true) }
    var transport = ChildPair().gateway
    transport.inboundSPI = SPI(0x3000_0001)
    transport.mode = .transport
    #expect(throws: SABackendError.unsupported("transport mode between others than 203.0.113.9 and 198.51.100.7")) {
        try dataplane.install(transport, sendNow: true)
    }
    transport.mode = .tunnel
    transport.remoteSelectors = []
    #expect(throws: SABackendError.self) { try dataplane.install(transport, sendNow: true) }
    transport.remoteSelectors = [selector("10.99.0.7/32")]
    transport.path.transport = .tls
    #expect(throws: SABackendError.self) { try dataplane.install(transport, sendNow: true) }
}

@Test func unknownSPIsAreNamed() throws {
    let dataplane = try make()
    let child = ChildPair()
    #expect(throws: SABackendError.unknownSPI(SPI(300))) { try dataplane.activateOutbound(SPI(300)) }
    #expect(throws: SABackendError.unknownSPI(SPI(300))) { try dataplane.deactivateOutbound(SPI(300)) }
    #expect(throws: SABackendError.unknownSPI(SPI(300))) {
        try dataplane.updatePath(SPI(300), path: child.gateway.path, udpEncapsulation: true)
    }
    dataplane.remove(SPI(300))
    #expect(dataplane.counters(SPI(300)) == nil)
}

@Test func numberOfSAsIsLimitedAndFreedByRemoval() throws {
    let dataplane = try make { $0.maximumSAs = 2 }
    var child = ChildPair()
    for number in 0..<2 as Range<UInt32> {
        child.gatewaySPI = SPI(0x4000 + number)
        try dataplane.install(child.gateway, sendNow: false)
    }
    child.gatewaySPI = SPI(0x5000)
    #expect(throws: SABackendError.limitReached("2 SAs")) { try dataplane.install(child.gateway, sendNow: false) }
    dataplane.remove(SPI(0x4000))
    try dataplane.install(child.gateway, sendNow: false)
    #expect(dataplane.counters(SPI(0x5000)) == SACounters())
}

@Test func stoppedDataplaneTakesNothing() throws {
    let dataplane = try make()
    dataplane.stop()
    dataplane.stop()
    #expect(throws: SABackendError.self) { try dataplane.install(ChildPair().gateway, sendNow: true) }
    #expect(dataplane.interfaceName == nil && dataplane.ports == nil)
}

@Test func statisticsNameTheirCausesInJSON() throws {
    #expect(Set(DropCause.allCases.map(\.rawValue)).count == DropCause.allCases.count)
    #expect(DropCause.allCases.allSatisfy { WorkerCounterPlace.drops + $0.rawValue < WorkerCounterPlace.count })
    for cause in DropCause.allCases { #expect(DropCause(name: cause.name) == cause) }
    #expect(DropCause(name: "nothing") == nil)
    #expect(DropCause.unknownSPI.codingKey.stringValue == "unknownSPI")
}
