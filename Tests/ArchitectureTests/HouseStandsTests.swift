import Testing

/// The laws, held against the working tree.
@Suite("The house stands")
struct HouseStandsTests {
    private let repository = Repository.shared
    private var manifest: Manifest { Manifest(repository.text("Package.swift") ?? "") }

    @Test func theManifestIsReadWhole() throws {
        let manifest = manifest
        #expect(manifest.targets.count > 20)
        #expect(
            try #require(manifest.targets["IKEv2"]).rooms.isSuperset(of: ["IPsecTypes", "IKEMessage", "IKECrypto"])
        )
        #expect(try #require(manifest.targets["IKECrypto"]).products.contains("Crypto"))
        #expect(manifest.packages.count >= 7)
    }

    @Test func declaredEdgesGoDownward() {
        let found = EdgeLaws.checkManifest(manifest, text: repository.text("Package.swift") ?? "")
        #expect(found.isEmpty, "\(report(found))")
    }

    @Test func importsGoDownwardAndAreDeclared() {
        let manifest = manifest
        let found = repository.swift.flatMap { EdgeLaws.checkImports($0, manifest: manifest) }
        #expect(found.isEmpty, "\(report(found))")
    }

    @Test func everyDependencyHasItsLineInTheArchitecture() {
        let found = DependencyLaw.check(manifest, architecture: repository.text("ARCHITECTURE.md") ?? "")
        #expect(found.isEmpty, "\(report(found))")
    }

    @Test func filesAndFunctionsAreShort() {
        let found = repository.swift.flatMap {
            SizeLaws.checkFile($0) + SizeLaws.checkFunctions($0) + SizeLaws.checkBraces($0)
        }
        #expect(found.isEmpty, "\(report(found))")
    }

    @Test func bannedSpellingsAreAbsent() {
        let found = repository.product.flatMap { TokenLaws.check($0) }
        #expect(found.isEmpty, "\(report(found))")
    }

    @Test func wireDataIsReadByTheCheckedReaderOnly() {
        let found = repository.product.flatMap(WireLaw.check)
        #expect(found.isEmpty, "\(report(found))")
    }

    @Test func escapesFromSharingChecksAreProved() {
        let found = repository.product.flatMap(SharingLaw.check)
        #expect(found.isEmpty, "\(report(found))")
    }

    @Test func noFileSpeaksOfItsWorkshop() {
        let found = repository.files.flatMap(TextLaws.checkWords)
        #expect(found.isEmpty, "\(report(found))")
    }

    @Test func theDocumentsThatEveryReaderLooksForExist() {
        let wanted = [
            "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE",
            "docs/start.md", "docs/glossary.md", "docs/rfc-coverage.md", "docs/reference/errors.md", ".ci/run",
        ]
        let missing = wanted.filter { repository.text($0) == nil }
        #expect(missing.isEmpty, "missing: \(missing.joined(separator: ", "))")
    }
}
