import ConfigFile
import IPsecTypes

/// What must hold for any octets whatever. The tests and the fuzz targets share this file; each check returns what is
/// violated, or nil.
enum ConfigFileProperties {
    /// Any file read as each of our kinds: refused with located problems, or accepted and then within its bounds.
    static func violation(file bytes: [UInt8]) -> String? {
        do throws(ConfigProblems) {
            let gateway = try GatewayConfiguration.decode(bytes, file: "f")
            guard gateway.ike.rekeyFrom <= gateway.ike.rekeyTo, gateway.esp.rekeyTo < gateway.esp.hardLife else {
                return "lifetimes out of order"
            }
            let text = GatewayConfiguration.defaultsText(gateway)
            guard let again = try? GatewayConfiguration.decode(Array(text.utf8), file: "f") else {
                return "what was shown is refused"
            }
            guard again == gateway else { return "what was shown reads back as something else" }
        } catch {
            if let violation = violation(refusal: error, bytes) { return violation }
        }
        do throws(ConfigProblems) {
            _ = try AgentConfiguration.decode(bytes, file: "f")
        } catch {
            if let violation = violation(refusal: error, bytes) { return violation }
        }
        do throws(ConfigProblems) {
            let profile = try AgentProfile.decode(bytes, file: "f")
            guard !profile.description.contains("-----BEGIN") else { return "a profile shows its key" }
        } catch {
            return violation(refusal: error, bytes)
        }
        return nil
    }

    static func violation(refusal: ConfigProblems, _ bytes: [UInt8]) -> String? {
        guard !refusal.problems.isEmpty else { return "refused without a problem" }
        for problem in refusal.problems {
            // A bad profile is a matter of configuration too, whatever its code's class.
            guard problem.code.exitClass == .config || problem.code == .badProfile else { return "class of \(problem)" }
            guard problem.place.file == "f", problem.place.line >= 0 else { return "place of \(problem)" }
            guard problem.place.line <= bytes.count(where: { $0 == 0x0a }) + 2 else { return "line of \(problem)" }
        }
        let text = refusal.rendered(source: String(decoding: bytes, as: UTF8.self))
        let scalars = text.unicodeScalars
        guard scalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f || $0 == "\n" }) else {
            return "a message could steer a terminal"
        }
        return nil
    }
}
