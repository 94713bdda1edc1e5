import ArgumentParser
import Foundation
import IPsecTypes
import PacketIO
import Runtime

/// `culvert-load flood`: IKE_SA_INIT requests of nobody, from many addresses, and what comes back.
struct FloodCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flood",
        abstract: "Floods a gateway with IKE_SA_INIT from a whole network of addresses and counts what it answers.",
        discussion: """
            Every request has its own SPI and nonce and one of the network's addresses as its source; no answer is ever
            acted on, as nobody would act on it behind forged addresses. The network must be local to the namespace (ip
            route add local NETWORK dev lo), so that answers come back to be counted. Loopback is refused: this belongs into
            a network namespace of a laboratory.
            """
    )

    @Option(help: "The gateway's address, reached from a laboratory's network namespace.")
    var gateway: String

    @Option(help: "The network whose addresses are sent from.")
    var sources: String

    @Option(help: "Requests a second, up to 200000.")
    var rate = 5000

    @Option(help: "Seconds, up to 600.")
    var seconds = 10

    @Flag(help: "One line of JSON.")
    var json = false

    func validate() throws {
        try Self.check(rate, 1...200_000, "--rate")
        try Self.check(seconds, 1...600, "--seconds")
        guard let network = IPPrefix(sources), try Self.address(gateway).family == network.range.first.family else {
            throw ValidationError("--sources is not a network of the gateway's family")
        }
    }

    func run() throws {
        let target = try Self.address(gateway)
        guard !LaboratoryOnly.isLoopback(target), let network = IPPrefix(sources) else {
            throw LoadFailure("a flood needs a network namespace of a laboratory")
        }
        try LaboratoryOnly.check(target)
        var flood = try Flood(target: Endpoint(target, port: 500), sources: network)
        let count = try flood.run(rate: rate, for: .seconds(seconds))
        let line = try LoadJSON.line(count)
        print(
            json
                ? line
                : "\(count.sent) requests of \(count.requestBytes) octets; \(count.refusals) refused with at most "
                    + "\(count.longestRefusal) octets, \(count.accepted) accepted"
        )
        guard count.sent > 0 else { throw LoadFailure("nothing was sent") }
    }
}

/// What a flood came to.
struct FloodCount: Encodable {
    var sent = 0
    /// Octets of one request.
    var requestBytes = 0
    var askedBytes = 0
    /// Answers without an IKE SA: cookies, puzzles, errors.
    var refusals = 0
    var refusedBytes = 0
    var longestRefusal = 0
    /// Of them, those with a cookie.
    var cookies = 0
    /// Of them, those with a puzzle.
    var puzzles = 0
    /// Answers that a half-open IKE SA stands behind.
    var accepted = 0
    /// Answers that are no IKE messages.
    var malformed = 0
    var seconds = 0.0

    enum CodingKeys: String, CodingKey {
        case sent, refusals, cookies, puzzles, accepted, malformed, seconds
        case requestBytes = "request_bytes"
        case askedBytes = "asked_bytes"
        case refusedBytes = "refused_bytes"
        case longestRefusal = "longest_refusal"
    }
}
