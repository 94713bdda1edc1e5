import AdminAPI
import ArgumentParser
import CertificateAuthority
import Foundation
import Glibc
import IPsecTypes
import Runtime
import Store

/// One run of the program: parses the command line, runs the verb, and turns whatever failed into an error that says
/// what, why and what next, with the exit class as exit code.
enum Invocation {
    static func run(_ arguments: [String]) -> Int32 {
        do {
            var command = try Culvert.parseAsRoot(arguments)
            try command.run()
            return 0
        } catch let exit as ExitCode {
            return exit.rawValue
        } catch let problems as LocatedProblems {
            Terminal.error(arguments.contains("--json") ? problems.json : problems.rendered)
            return Int32(problems.exitClass.rawValue)
        } catch {
            if Self.isAboutUsage(error), Culvert.exitCode(for: error).isSuccess {
                Terminal.out(Culvert.fullMessage(for: error))
                return 0
            }
            let failure = culvertError(error)
            Terminal.error(arguments.contains("--json") ? ErrorDocument(error: failure).json : failure.rendered)
            return Int32(failure.exitClass.rawValue)
        }
    }

    /// Any error that a verb can end with, as a user sees it.
    static func culvertError(_ error: any Error) -> CulvertError {
        switch error {
        case let error as CulvertError: error
        case let error as LocatedProblems: CulvertError(error.problems)
        case let error as ConfigProblems: CulvertError(error)
        case let error as IOFailure: error.culvertError()
        case let error as AtomicFile.Failure: error.culvertError
        case let error as CertificateAuthorityError: error.culvertError
        case let error as StateStoreError: CertificateAuthorityError.store(error).culvertError
        default:
            Self.isAboutUsage(error) ? usage(error) : CulvertError(.internalFault, "\(error)")
        }
    }

    /// Whether the argument parser made the error: nothing else is left once our own are taken out.
    private static func isAboutUsage(_ error: any Error) -> Bool {
        switch error {
        case is CulvertError, is LocatedProblems, is ConfigProblems, is IOFailure, is AtomicFile.Failure,
            is CertificateAuthorityError, is StateStoreError:
            false
        default: true
        }
    }

    private static func usage(_ error: any Error) -> CulvertError {
        let lines = Culvert.fullMessage(for: error).split(separator: "\n").map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        let usage = lines.first { $0.hasPrefix("Usage: ") }.map { String($0.dropFirst(7)) }
        let help = lines.last { $0.hasPrefix("See '") }?.split(separator: "'").dropFirst().first.map(String.init)
        return CulvertError(
            .usage,
            Culvert.message(for: error),
            details: usage.map { [("usage", $0)] } ?? [],
            next: help ?? "culvert help"
        )
    }
}

/// An error as `--json` shows it.
struct ErrorDocument: Encodable {
    var error: CulvertError

    var json: String { AdminCoding.pretty(self) }
}

extension CertificateAuthorityError {
    /// The error as a user sees it.
    var culvertError: CulvertError {
        switch self {
        case .store(.full): CulvertError(.diskFull)
        case .store(.corrupt(let reason)):
            CulvertError(.stateDamaged, "the store of certificates is damaged: \(reason)")
        case .store(.unavailable(let reason)):
            CulvertError(.stateUnwritable, "the store of certificates cannot be used: \(reason)")
        case .unknownSerial: CulvertError(.certificateNotFound, description)
        case .badLifetime: CulvertError(.outOfRange, description, next: "choose another --lifetime")
        case .badName, .badTrustDomain, .badClaims: CulvertError(.invalidValue, description)
        case .unreadableKey, .keyMismatch: CulvertError(.keyUnusable, description)
        case .badRequest, .requestRefused: CulvertError(.badCertificateFile, description)
        case .badKey: CulvertError(.weakKey, description)
        case .unusableAuthority, .tooLarge, .authorityExpires, .signing, .badRecord, .store:
            CulvertError(.caProblem, description)
        }
    }
}
