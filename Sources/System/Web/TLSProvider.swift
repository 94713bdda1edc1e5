import CLibssl
import EAP
import IPsecTypes

/// Makes TLS sessions from settings that were read once. Safe to call from several threads.
public final class TLSProvider: TLSEngineProvider {
    private let contexts: [TLSRole: TLSContext]
    private let serverNames: [String]

    /// Reads certificates, key and anchors; settings that cannot serve a role rule that role out.
    public init(_ settings: TLSSettings) throws(TLSSettings.Failure) {
        try settings.checkNames()
        serverNames = settings.serverNames
        var contexts: [TLSRole: TLSContext] = [:]
        let hasIdentity = !settings.chain.isEmpty && settings.privateKey != nil
        var roles: [TLSRole] = []
        if hasIdentity { roles.append(.server(asksCertificate: false)) }
        if hasIdentity && !settings.anchors.isEmpty { roles.append(.server(asksCertificate: true)) }
        if !settings.anchors.isEmpty && !serverNames.isEmpty {
            roles.append(.client(showsCertificate: false))
            if hasIdentity { roles.append(.client(showsCertificate: true)) }
        }
        for role in roles { contexts[role] = try TLSContext(role, settings) }
        // Read even where no role wants them, so that a broken file is reported and not passed over.
        if roles.isEmpty { _ = try TLSContext(.client(showsCertificate: hasIdentity), settings) }
        self.contexts = contexts
    }

    /// Whether sessions of a role can be made.
    public func serves(_ role: TLSRole) -> Bool { contexts[role] != nil }

    /// A new session; nil when the settings lack what the role needs.
    public func makeEngine(_ role: TLSRole, wallClock: WallTime) -> (any TLSEngine)? {
        guard let context = contexts[role] else { return nil }
        return TLSSession(context, names: role.isServer ? [] : serverNames, wallClock: wallClock)
    }
}

extension TLSRole {
    var isServer: Bool {
        switch self {
        case .server: true
        case .client: false
        }
    }
}

/// Settings as libssl holds them.
///
/// Unchecked: the pointer is written in init and freed in deinit; in between, libssl only counts references to it under a
/// lock of its own when sessions are made.
final class TLSContext: @unchecked Sendable {
    let pointer: OpaquePointer
    let role: TLSRole

    init(_ role: TLSRole, _ settings: TLSSettings) throws(TLSSettings.Failure) {
        let verifies: Bool
        let shows: Bool
        switch role {
        case .server(let asks): (verifies, shows) = (asks, true)
        case .client(let showsCertificate): (verifies, shows) = (true, showsCertificate)
        }
        guard
            let pointer = culvert_tls_context_new(
                role.isServer ? 1 : 0,
                verifies ? 1 : 0,
                Int32(settings.versions.lowerBound.rawValue),
                Int32(settings.versions.upperBound.rawValue)
            )
        else { throw .unavailable }
        self.pointer = pointer
        self.role = role
        if shows { try useIdentity(settings) }
        for (position, anchor) in settings.anchors.enumerated() {
            guard culvert_tls_context_anchor(pointer, anchor, anchor.count) == 1 else {
                throw .badAnchor(position: position)
            }
        }
    }

    deinit { culvert_tls_context_free(pointer) }

    private func useIdentity(_ settings: TLSSettings) throws(TLSSettings.Failure) {
        for (position, der) in settings.chain.enumerated() {
            let isUsed =
                position == 0
                ? culvert_tls_context_certificate(pointer, der, der.count)
                : culvert_tls_context_chain(pointer, der, der.count)
            guard isUsed == 1 else { throw .badCertificate(position: position) }
        }
        guard let key = settings.privateKey else { throw .badKey }
        var der = key.withUnsafeBytes { Array($0) }
        defer { der.wipe() }
        guard culvert_tls_context_key(pointer, der, der.count) == 1 else { throw .badKey }
    }
}
