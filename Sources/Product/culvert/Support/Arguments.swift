import ArgumentParser
import IPsecTypes

/// `--json`.
struct JSONOption: ParsableArguments {
    @Flag(help: "Print JSON; errors too.")
    var json = false
}

/// An IP address on the command line.
struct AddressArgument: ExpressibleByArgument {
    var address: IPAddress

    init?(argument: String) {
        guard let address = IPAddress(argument) else { return nil }
        self.address = address
    }
}

/// A duration such as 90s, 15m, 24h or 7d; a bare number is seconds.
struct DurationArgument: ExpressibleByArgument {
    var seconds: Int64
    var defaultValueDescription: String { Duration.seconds(seconds).configText }

    init(seconds: Int64) { self.seconds = seconds }

    init?(argument: String) {
        let text = argument.utf8.allSatisfy { (48...57).contains($0) } ? "\(argument)s" : argument
        guard let duration = Duration(configText: text), duration > .zero else { return nil }
        seconds = duration.components.seconds
        guard seconds > 0 else { return nil }
    }
}
