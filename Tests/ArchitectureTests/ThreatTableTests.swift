import Foundation
import Testing

/// docs/internals/threat-tests.md names what holds each row of the table of threats. A row without a test, and a test that
/// is not there, are failures.
struct ThreatTableTests {
    /// The rows of wire parsing, state machine, authentication, EAP, NAT and denial of service.
    private static let rows = [
        "W01", "W02", "W06", "W07", "W08", "W09", "W11", "W12", "W13", "W14", "W15", "W17", "W18", "W19", "W20", "W21",
        "S02", "S03", "S07", "S08", "S09", "S10", "S12", "S13", "S14", "S15", "S16", "A01", "A03", "A04", "A05", "A06",
        "A07",
        "A08",
        "A10", "A11", "A12", "A13", "E02", "E03", "E04", "E06", "E07", "E09", "E10", "E11", "E12", "N02", "N04", "N05",
        "N06",
        "N07", "R02", "R03", "R05", "R07", "R08", "R09", "R10", "R11",
        "R12",
    ]

    private let repository = Repository.shared

    private var table: [(row: String, holders: [String])] {
        let text = repository.text("docs/internals/threat-tests.md") ?? ""
        return text.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|").map { $0.trimming(" ") }
            guard line.hasPrefix("| "), cells.count >= 2, let last = cells.last, last.contains("`") else { return nil }
            let holders = last.split(separator: "`", omittingEmptySubsequences: false).enumerated()
                .filter { !$0.offset.isMultiple(of: 2) }.map { String($0.element) }
            return (cells[0], holders)
        }
    }

    @Test func everyRowIsHeldBySomething() {
        let held = Set(table.map(\.row))
        let missing = Self.rows.filter { !held.contains($0) }
        #expect(missing.isEmpty, "nothing holds \(missing)")
    }

    @Test func everythingThatHoldsARowExists() {
        let functions = functions()
        let missing = table.flatMap { entry in
            entry.holders.filter { !exists($0, for: entry.row, functions) }.map { "\(entry.row): \($0)" }
        }
        #expect(missing.isEmpty, "\(missing.joined(separator: "\n"))")
    }

    @Test func everyKnownVulnerabilityInTheTestsHasItsLine() {
        let listed = Set(table.flatMap(\.holders))
        let missing = functions().filter { $0.hasPrefix("cve_") && !listed.contains($0) }
        #expect(missing.isEmpty, "not in the table: \(missing.sorted())")
    }

    /// What sends bad messages is linked by its own tests and by nothing that is installed.
    @Test func impairmentsAreInNoProgram() throws {
        let manifest = Manifest(repository.text("Package.swift") ?? "")
        let users = manifest.targets.values.filter { $0.rooms.contains("Simulation") }.map(\.name)
        #expect(users == ["SimulationTests"])
        for program in ["culvert", "culvert-load"] {
            let file = repository.root.appendingPathComponent(".build/release/\(program)")
            guard let bytes = try? Data(contentsOf: file, options: .alwaysMapped) else { continue }
            #expect(bytes.range(of: Data("Impairment".utf8)) == nil, "\(program)")
        }
    }

    /// Whoever decrypts with RSA can be an oracle (strongSwan's was, by its timing): nothing here does.
    @Test func cve_2026_35334_nothingDecryptsWithRSA() {
        let spellings = ["RSA.Encryption", "_RSA.Encryption", "EVP_PKEY_decrypt", "RSA_private_decrypt", "RSA_decrypt"]
        for file in repository.swift where file.path.hasPrefix("Sources/") {
            for spelling in spellings { #expect(!file.text.contains(spelling), "\(file.path): \(spelling)") }
        }
        for shim in ["CLibcrypto/include/CLibcrypto.h", "CLibcrypto/CLibcrypto.c", "CLibcrypto/LegacyPrimitives.c"] {
            let text = repository.text("Sources/Ground/\(shim)") ?? ""
            for spelling in spellings { #expect(!text.contains(spelling), "\(shim): \(spelling)") }
        }
    }

    private func functions() -> Set<String> {
        var names: Set<String> = []
        for file in repository.swift where file.path.hasPrefix("Tests/") {
            let tokens = file.scan.tokens
            for (index, token) in tokens.enumerated() where token.text == "func" && index + 1 < tokens.count {
                names.insert(tokens[index + 1].text)
            }
        }
        return names
    }

    private func exists(_ holder: String, for row: String, _ functions: Set<String>) -> Bool {
        let parts = holder.split(separator: ":").map(String.init)
        guard parts.count == 2 else { return holder == "impair" ? isImpaired(row) : functions.contains(holder) }
        switch parts[0] {
        case "sim":
            let kinds = repository.text("Sources/Product/Simulation/Scenarios/ScenarioKind.swift") ?? ""
            return kinds.contains("case \(parts[1])\n")
        case "fuzz":
            return repository.text("Fuzz/Targets/\(parts[1])/main.swift") != nil
                || repository.text("Fuzz/\(parts[1]).sh") != nil
        case "soak": return repository.text(".ci/soak")?.contains("run_\(parts[1])()") ?? false
        case "lab": return repository.text("lab/scenarios/\(parts[1]).sh") != nil || isScenario(parts[1])
        default: return false
        }
    }

    /// Whether the lab plays a scenario of this very name.
    private func isScenario(_ name: String) -> Bool {
        let folder = repository.root.appendingPathComponent("lab/scenarios").path
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return files.contains { repository.text("lab/scenarios/\($0)")?.contains("\nscenario \(name) ") ?? false }
    }

    /// Whether an impairment names the row.
    private func isImpaired(_ row: String) -> Bool {
        repository.swift.contains {
            $0.path.hasPrefix("Sources/Product/Simulation/Impair/") && $0.text.contains("\"\(row)\"")
        }
    }
}

extension Substring {
    fileprivate func trimming(_ character: Character) -> String {
        var text = self
        while text.first == character { text.removeFirst() }
        while text.last == character { text.removeLast() }
        return String(text)
    }
}
