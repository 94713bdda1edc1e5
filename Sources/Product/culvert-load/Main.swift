import ArgumentParser
import Glibc
import IPsecTypes
import Runtime

/// The load generator: drives gateways, Culvert's or others', with set-ups and packets, for `make bench`.
@main
struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "culvert-load",
        abstract: "Measures IKEv2 gateways: set-ups, tunnels held, packets a second, floods.",
        discussion: """
            For laboratories only: it refuses targets outside loopback and network namespaces other than the first.
            lab/bench uses it; docs/reference/bench.md says how the figures come about.
            """,
        version: "culvert-load \(CulvertVersion.text)",
        subcommands: [PKICommand.self, SetupCommand.self, PacketsCommand.self, FloodCommand.self]
    )
}

/// A failure in words, for standard error.
struct LoadFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

/// Numbers that a command line may carry.
extension ParsableCommand {
    static func check(_ value: Int, _ range: ClosedRange<Int>, _ name: String) throws {
        guard range.contains(value) else {
            throw ValidationError("\(name) must be between \(range.lowerBound) and \(range.upperBound)")
        }
    }

    static func address(_ text: String) throws -> IPAddress {
        guard let address = IPAddress(text) else { throw ValidationError("\(text) is not an IP address") }
        return address
    }
}
