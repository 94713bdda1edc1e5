import ArgumentParser
import Foundation
import IPsecTypes
import PacketIO

/// `culvert-load packets`: as many UDP packets from one namespace to another as what lies between carries.
struct PacketsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "packets",
        abstract: "Counts the packets a second that get from one network namespace to another.",
        discussion: """
            Both ends are in this process, each with a socket in its namespace. The sender keeps a bounded number of
            packets on their way, so that the path's rate is measured and not how many it drops under a flood, which
            would take the processors away from it. Packets that do not arrive are counted as lost and replaced.
            """
    )

    @Option(help: "The network namespace to send in.")
    var from: String

    @Option(help: "The network namespace to receive in.")
    var to: String

    @Option(help: "An address of the receiving namespace.")
    var target: String

    @Option(help: "Bytes of an IP packet, 48 to 9000.")
    var size = 64

    @Option(help: "Seconds to count, up to 60; half a second before them is not counted.")
    var seconds = 3

    @Option(help: "Packets on their way at a time, 1 to 4096.")
    var window = 256

    @Option(help: "The UDP port.")
    var port = 7077

    @Flag(help: "One line of JSON.")
    var json = false

    func validate() throws {
        try Self.check(size, 48...9000, "--size")
        try Self.check(seconds, 1...60, "--seconds")
        try Self.check(window, 1...4096, "--window")
        try Self.check(port, 1024...65_535, "--port")
        _ = try Self.address(target)
    }

    func run() throws {
        let address = try Self.address(target)
        let endpoint = Endpoint(address, port: UInt16(clamping: port))
        var options = UDPSocketOptions()
        options.receiveBufferBytes = 8 << 20
        options.sendBufferBytes = 1 << 20
        // Packets are counted, so packets are sent: one by one through the whole stack.
        options.mergesSent = false
        let (receiving, sending) = try (
            NetworkNamespace(name: to).run {
                try LaboratoryOnly.check(address)
                return try UDPSocket(bind: endpoint, options: options)
            },
            NetworkNamespace(name: from).run {
                try LaboratoryOnly.check(address)
                return try UDPSocket(bind: Endpoint(.unspecified(address.family), port: 0), options: options)
            }
        )
        let headers = address.family == .v4 ? 28 : 48
        let stream = PacketStream(
            sender: sending,
            receiver: receiving,
            target: endpoint,
            payload: size - headers,
            window: window
        )
        let count = try stream.run(warmUp: .milliseconds(500), counted: .seconds(seconds))
        let line = try LoadJSON.line(count)
        print(json ? line : "\(count.packetsPerSecond) packets a second, \(count.lost) of \(count.sent) lost")
        guard count.received > 0 else { throw LoadFailure("nothing arrived") }
    }
}

/// What a stream of packets came to.
struct PacketCount: Encodable {
    var sent: Int
    var received: Int
    var lost: Int
    var packetsPerSecond: Int

    enum CodingKeys: String, CodingKey {
        case sent, received, lost
        case packetsPerSecond = "pps"
    }
}
