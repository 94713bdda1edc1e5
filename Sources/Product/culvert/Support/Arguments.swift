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

/// A duration such as 90s, 15m, 24h or 7d.
struct DurationArgument: ExpressibleByArgument {
    var seconds: Int64
    var defaultValueDescription: String { Duration.seconds(seconds).configText }

    init(seconds: Int64) { self.seconds = seconds }

    init?(argument: String) {
        guard let duration = Duration(configText: argument), duration > .zero else { return nil }
        seconds = duration.components.seconds
        guard seconds > 0 else { return nil }
    }
}
