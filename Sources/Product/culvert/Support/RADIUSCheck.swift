import Gateway
import IPsecTypes
import Logging
import RADIUS
import Runtime

/// What `culvert gateway check --radius` asks the servers that gateway.yaml names.
struct RADIUSCheck {
    /// What was found, by label.
    private(set) var facts: [CulvertError.Detail] = []
    /// What does not work.
    private(set) var errors: [CulvertError] = []

    /// Longer than any server needs; the gateway itself is more patient.
    private static let patience = 6.0

    /// Asks every server's ports by Status-Server and, with a user, all servers in turn for an Access-Accept.
    static func run(_ made: RADIUSService.Parts, user: (name: String, password: SecretBytes)?) throws -> RADIUSCheck {
        var parts = made
        // The port of dynamic authorization is the running gateway's.
        parts.dynamicClients = []
        parts.settings.budget = .seconds(5)
        let quiet = Logger(label: "culvert.radius") { _ in SwiftLogNoOpLogHandler() }
        let handlers = RADIUSService.Handlers(dynamic: { _, answer in answer(.prohibited) }, health: { _, _ in })
        let service = try RADIUSService(parts, logger: quiet, handlers: handlers)
        defer { service.stop(grace: 0) }
        var check = RADIUSCheck()
        for (index, server) in parts.access.enumerated() {
            check.probe(service, index, server, accounting: false)
            if parts.accounting.indices.contains(index) {
                check.probe(service, index, parts.accounting[index], accounting: true)
            }
        }
        if let user { check.authenticate(service, parts, user.name, user.password) }
        return check
    }

    private mutating func probe(_ service: RADIUSService, _ index: Int, _ server: RADIUSServer, accounting: Bool) {
        let box = Waiting<RADIUSOutcome>()
        service.probe(index, accounting: accounting) { box.finish($0) }
        let what = "\(server.name) \(server.endpoint) \(accounting ? "accounting" : "authentication")"
        if case .answered(let answer)? = box.wait(seconds: Self.patience) {
            let microseconds = answer.roundTrip.wholeNanoseconds / 1000
            facts.append(.init("radius", "\(what) answers in \(microseconds) us"))
            return
        }
        errors.append(silent(service, index, what, accounting: accounting))
    }

    /// What was thrown away tells more than silence: a wrong secret looks like none to those who only wait.
    private func silent(
        _ service: RADIUSService,
        _ index: Int,
        _ what: String,
        accounting: Bool
    ) -> CulvertError {
        let status = service.status()
        let servers = (accounting ? status?.accounting : status?.access) ?? []
        let discarded = servers.indices.contains(index) ? servers[index].discarded : [:]
        let reasons = discarded.map { "\($0.key.rawValue) (\($0.value))" }.sorted().joined(separator: ", ")
        guard reasons.isEmpty else {
            return CulvertError(
                .radiusSilent,
                "\(what): its answers are not believed",
                details: [("reason", reasons)],
                next: "compare the secrets, and let the server send Message-Authenticator always"
            )
        }
        return CulvertError(
            .radiusSilent,
            "\(what) does not answer",
            next: "does it know this gateway as a client, and Status-Server (RFC 5997)? Look at its log"
        )
    }

    /// A password in the clear inside RADIUS: for a test user.
    private mutating func authenticate(
        _ service: RADIUSService,
        _ parts: RADIUSService.Parts,
        _ name: String,
        _ password: SecretBytes
    ) {
        let attributes =
            [RADIUSAttribute(.userName, text: name)] + parts.identification
            + [RADIUSAttribute(.serviceType, number: 2)]
        let box = Waiting<RADIUSOutcome>()
        service.ask(RADIUSRequest(.accessRequest, attributes, password: password)) { box.finish($0) }
        guard case .answered(let answer)? = box.wait(seconds: Self.patience) else {
            errors.append(CulvertError(.radiusSilent, "no RADIUS server answers for \(name.printable)"))
            return
        }
        guard answer.code == .accessAccept else {
            let message = ((try? answer.attributes.text(.replyMessage)) ?? nil)?.printable
            errors.append(
                CulvertError(
                    .authenticationFailed,
                    "\(parts.access[answer.server].name) says \(answer.code) to \(name.printable)"
                        + (message.map { ": \($0)" } ?? ""),
                    next: "look at the RADIUS server's log"
                )
            )
            return
        }
        do throws(RADIUSValueError) {
            let authorization = try RADIUSAuthorization(answer.attributes)
            var words = ["\(parts.access[answer.server].name) accepts \(name.printable)"]
            if !authorization.groups.isEmpty {
                words.append("groups \(authorization.groups.joined(separator: " ").printable)")
            }
            for address in authorization.addresses { words.append("address \(address)") }
            if let seconds = authorization.sessionTimeout { words.append("session timeout \(seconds) s") }
            facts.append(.init("radius", words.joined(separator: ", ")))
        } catch {
            errors.append(CulvertError(.peerProtocol, "the Access-Accept for \(name.printable) is refused: \(error)"))
        }
    }
}
