import IKECrypto
import IKEMessage
import IPsecTypes

// SUPPORTED_AUTH_METHODS (RFC 9593): each end says how the other one may authenticate, so that who has a choice takes what
// is understood. It is a hint: what an end accepts is decided by its configuration when AUTH is there.

/// What the peer announced, best first.
struct AnnouncedMethods {
    /// Signatures of RFC 7427 that it verifies; nil when it announced nothing, or nothing about signatures.
    private(set) var signatures: [SignatureAlgorithm]?
    /// How often each stands beside a trust anchor: the hashes of those it is meant for, empty for any.
    private var anchors: [SignatureAlgorithm: [[UInt8]]] = [:]

    /// Takes the announcements of a message, linked to the CERTREQ payloads of the same message (RFC 9593 §3.2.2).
    mutating func note(_ payloads: [Payload]) {
        var listed: [NotifyData.AuthMethodAnnouncement] = []
        // RFC 9593 §3.1: several notifies form a single list.
        for notify in payloads.notifies where notify.type == .supportedAuthMethods {
            if case .supportedAuthMethods(let announcements) = notify.decoded { listed += announcements }
        }
        guard !listed.isEmpty else { return }
        anchors = [:]
        var authorities: [[UInt8]] = []
        for case .certificateRequest(let request) in payloads { authorities += request.hashes() ?? [] }
        var found: [SignatureAlgorithm] = []
        for announcement in listed where announcement.method == .digitalSignature {
            // RFC 9593 §3.2: what is not understood is ignored.
            guard let algorithm = SignatureAlgorithm(identifierDER: announcement.algorithmIdentifier) else { continue }
            let link = Int(announcement.certificateLink)
            let isNew = !found.contains(algorithm)
            if isNew { found.append(algorithm) }
            if link == 0 || authorities.isEmpty {
                anchors[algorithm] = []
            } else if link <= authorities.count, isNew || anchors[algorithm]?.isEmpty == false {
                anchors[algorithm, default: []].append(authorities[link - 1])
            }
        }
        if !found.isEmpty { signatures = found }
    }

    /// The signatures for a certificate that leads to one of `authorities`; empty when these are not known.
    func signatures(for authorities: [[UInt8]]) -> [SignatureAlgorithm]? {
        guard let signatures else { return nil }
        return signatures.filter { algorithm in
            guard let meant = anchors[algorithm], !meant.isEmpty, !authorities.isEmpty else { return true }
            return meant.contains(where: authorities.contains)
        }
    }
}

extension Engine {
    /// An IKE_SA_INIT response that stays below this is not fragmented by IP: 1280 less IPv6 and UDP headers and the marker.
    private static let unfragmented = 1228

    /// Our announcement to peers of these connections, best first; nothing where none wants one.
    func announcement(of connections: [ConnectionConfiguration]) -> [Payload] {
        guard connections.contains(where: \.announcesMethods) else { return [] }
        var announcements: [NotifyData.AuthMethodAnnouncement] = []
        let linked = linkedAuthorities(connections)
        for connection in connections {
            for round in connection.remoteRounds {
                switch round.authentication {
                case .certificate(let authorities):
                    let links =
                        linked.isEmpty ? [0] : authorities.compactMap { linked.firstIndex(of: $0).map { $0 + 1 } }
                    for algorithm in connection.signatures.announced {
                        for link in links where link <= UInt8.max {
                            announcements.append(
                                .init(
                                    method: .digitalSignature,
                                    certificateLink: UInt8(link),
                                    algorithmIdentifier: algorithm.identifierDER ?? []
                                )
                            )
                        }
                    }
                // AUTH that concludes EAP has this method as well, yet EAP is not announced here.
                case .preSharedKey: announcements.append(.init(method: .sharedKey))
                case .eap: break
                }
            }
        }
        return notify(announcements)
    }

    /// The hashes of our CERTREQ, when connections differ in what they accept, so that links are needed.
    private func linkedAuthorities(_ connections: [ConnectionConfiguration]) -> [[UInt8]] {
        var hashes: [[UInt8]] = []
        var policies: Set<SignaturePolicy> = []
        for connection in connections {
            for case .certificate(let authorities) in connection.remoteRounds.map(\.authentication) {
                policies.insert(connection.signatures)
                for hash in authorities where !hashes.contains(hash) { hashes.append(hash) }
            }
        }
        return policies.count > 1 ? hashes : []
    }

    private func notify(_ announcements: [NotifyData.AuthMethodAnnouncement]) -> [Payload] {
        var writer = WireWriter(capacity: 256)
        var written: [NotifyData.AuthMethodAnnouncement] = []
        for announcement in announcements where !written.contains(announcement) {
            written.append(announcement)
            let isSignature = announcement.method == .digitalSignature
            let length = isSignature ? 3 + announcement.algorithmIdentifier.count : 2
            guard let octet = UInt8(exactly: length), written.count <= Self.maximumAnnouncements else { continue }
            writer.writeUInt8(octet)
            writer.writeUInt8(announcement.method.rawValue)
            if isSignature {
                writer.writeUInt8(announcement.certificateLink)
                writer.writeBytes(announcement.algorithmIdentifier)
            }
        }
        return writer.count > 0 ? [.notify(.supportedAuthMethods, writer.bytes)] : []
    }

    /// More than a peer would read.
    private static let maximumAnnouncements = 48

    /// What the response to IKE_SA_INIT says of authentication: RFC 4739, and RFC 9593 while IP need not fragment it. A longer
    /// announcement waits for IKE_INTERMEDIATE where there is one, and an empty notify says so (RFC 9593 §3.1).
    func initialNotifies(_ sa: IKESA, _ payloads: [Payload]) -> [Payload] {
        let connections = configuration.connections.filter { matches($0, sa.path) }
        var notifies: [Payload] = []
        if connections.contains(where: \.hasSeveralRounds) { notifies.append(.notify(.multipleAuthSupported)) }
        let announcement = announcement(of: connections)
        let header = IKEHeader(
            initiatorSPI: sa.remoteSPI,
            responderSPI: sa.localSPI,
            exchangeType: .ikeSAInit,
            flags: .response,
            messageID: 0
        )
        let whole = IKEMessage(header: header, payloads: payloads + notifies + announcement).serialise().count
        if whole <= Self.unfragmented { return notifies + announcement }
        guard let handshake = sa.handshake, handshake.intermediate.isNegotiated else { return notifies }
        handshake.conversation.announcesLater = true
        return notifies + [.notify(.supportedAuthMethods)]
    }

    /// The announcement that IKE_SA_INIT had no room for, once, in the last IKE_INTERMEDIATE response that is due or in one that
    /// the initiator asked for; with CERTREQ, to which it may have links (RFC 9593 §3.1).
    func intermediateAnnouncement(_ sa: IKESA, _ handshake: Handshake) -> [Payload] {
        guard handshake.conversation.announcesLater, handshake.intermediate.remaining.count <= 1 else { return [] }
        handshake.conversation.announcesLater = false
        let connections = configuration.connections.filter { matches($0, sa.path) }
        let announcement = announcement(of: connections)
        guard !announcement.isEmpty else { return [] }
        return [certificateRequest(connections)].compactMap { $0 } + announcement
    }
}

extension SignaturePolicy {
    /// The signatures that this policy accepts, best first.
    fileprivate var announced: [SignatureAlgorithm] {
        var algorithms: [SignatureAlgorithm] = []
        let hashing = hashes.filter { $0 != .identity }.sorted()
        // Whoever turned ML-DSA on wants it where both ends have such keys.
        if kinds.contains(.mlDSA), hashes.contains(.identity) { algorithms += [.mlDSA87, .mlDSA65] }
        if kinds.contains(.ecdsa) { algorithms += hashing.map { .ecdsa($0) } }
        if kinds.contains(.ed25519), hashes.contains(.identity) { algorithms.append(.ed25519) }
        if kinds.contains(.rsaPSS) { algorithms += hashing.map { .rsaPSS($0) } }
        if kinds.contains(.rsaPKCS1) { algorithms += hashing.map { .rsaPKCS1($0) } }
        return algorithms
    }
}
