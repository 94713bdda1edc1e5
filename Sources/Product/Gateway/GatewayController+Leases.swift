import IKEMessage
import IKEv2
import IPsecTypes
import Logging
import PacketIO
import Policy
import Runtime
import Sessions
import Store

// Addresses that outlive a restart: who returns gets the one it had, and an audit finds who had it.
extension GatewayController {
    /// Addresses of the time before that a pool takes back; the newest ones.
    private static let rememberedLimit = 65_536

    /// Gives a fresh pool what the gateway before it had leased. Each address rests as long as it would have without the
    /// restart; those of sessions that the restart ended begin their rest now.
    static func remember(_ parts: Parts, in pool: inout AddressPool) {
        guard let book = parts.leases else { return }
        let wall = SystemClock.wall
        let (now, holdDown) = (SystemClock.now, pool.holdDown)
        do throws(StateStoreError) {
            let leases = try book.newest(limit: rememberedLimit).map { lease in
                let ended = lease.end == .restart ? wall : lease.until ?? wall
                // A clock that was set back makes no rest longer than any.
                let passed = max(
                    0,
                    wall.secondsSinceEpoch.subtractingReportingOverflow(ended.secondsSinceEpoch).partialValue
                )
                return (lease.address, lease.identity, holdDown - min(holdDown, .seconds(passed)))
            }
            pool.remember(leases, now: now)
        } catch {
            parts.logger.error("the leases before the start are forgotten", metadata: ["error": "\(error)"])
        }
    }

    /// Who was thrown out before the start.
    static func rememberedCuts(_ parts: Parts) -> TicketCuts {
        let none = TicketCuts([:], born: SystemClock.wall)
        guard let book = parts.leases else { return none }
        do throws(StateStoreError) {
            return TicketCuts(try book.cuts(), born: book.born)
        } catch {
            return none
        }
    }

    /// Writes down which addresses came and went.
    func noteLeases(_ wall: WallTime) {
        guard let book = parts.leases else { return }
        var changes: [LeaseBook.Change] = []
        for change in sessions.takeLeaseChanges() {
            switch change {
            case .ended(let session): changes.append(.ended(session: session.id, at: wall))
            case .began(let session):
                for address in session.addresses {
                    changes.append(
                        .began(
                            AddressLease(
                                address: address,
                                identity: session.identityKey,
                                name: session.subject.name,
                                session: session.id,
                                since: session.startedAt
                            )
                        )
                    )
                }
            }
        }
        book.note(changes)
        if let failure = book.takeFailure() {
            parts.logger.error(
                "leases are not remembered",
                metadata: ["lost": "\(failure.lost)", "error": "\(failure.why)"]
            )
        }
    }
}

extension AuthorizationRequest {
    /// The addresses that the peer had, as its ticket says, and those that it asks for (RFC 7296 §3.15.1).
    var wantedAddresses: [IPAddress] {
        let asked = (requestedAttributes ?? []).prefix(16).compactMap { attribute -> IPAddress? in
            switch attribute {
            case .internalIP4Address(let address?): address
            case .internalIP6Address(let address?): address.address
            default: nil
            }
        }
        return (resumed?.addresses ?? []) + asked
    }
}
