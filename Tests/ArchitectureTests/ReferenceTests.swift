import ConfigFile
import Foundation
import IPsecTypes
import Testing

/// The parts of docs/reference that the source knows best are written from it, by `make docs`, and compared here.
@Suite("The reference agrees with the source")
struct ReferenceTests {
    private func compare(_ path: String, _ expected: String) throws {
        let url = Repository.shared.root.appendingPathComponent(path)
        if ProcessInfo.processInfo.environment["CULVERT_WRITE_DOCS"] != nil {
            try expected.write(to: url, atomically: true, encoding: .utf8)
        }
        let written = try? String(contentsOf: url, encoding: .utf8)
        #expect(written == expected, "\(path) differs from the source: run make docs")
    }

    @Test func errorsAreThoseOfTheCatalogue() throws {
        try compare("docs/reference/errors.md", ErrorEntry.reference)
    }

    @Test func everyErrorCodeIsInTheCatalogue() {
        let documented = Set(ErrorEntry.all.map(\.code))
        let missing = ErrorCode.allCases.filter { !documented.contains($0) }
        #expect(missing.isEmpty, "no entry for \(missing)")
    }

    @Test func settingsAreThoseOfTheSchema() throws {
        let text = """
            # Configuration

            Unknown keys are errors. `culvert config defaults` prints these files with every default.

            ## gateway.yaml

            \(GatewayConfiguration.reference)
            ## agent.yaml

            \(AgentConfiguration.reference)
            """
        try compare("docs/reference/configuration.md", text)
    }
}
