import ConfigFile
import Glibc
import IPsecTypes
import Logging
import Netlink
import Runtime

/// What tunnels change on the host. Addresses and routes die with the interface; routing rules of transport mode would stay,
/// so they are in a journal, which a guardian undoes when we are killed, and our next start in any case.
final class AgentNetwork: AgentInterface {
    private let interface: TunnelInterface
    private let cleanup: Cleanup

    init(
        name: String,
        _ configuration: AgentConfiguration,
        ports: [UInt16],
        logger: Logger
    ) throws(IOFailure) {
        let cleanup = Cleanup(directory: configuration.files.state, logger: logger)
        try cleanup.undoWhatIsLeft()
        self.cleanup = cleanup
        interface = try TunnelInterface(
            name: name,
            mtu: configuration.network.mtu,
            transport: TunnelInterface.Transport(ports: ports) { () throws(IOFailure) in try cleanup.open() }
        )
    }

    func source(towards remote: IPAddress) -> IPAddress? { interface.source(towards: remote) }
    func localAddresses() -> [IPAddress] { interface.localAddresses() }
    func conflict(_ prefix: IPPrefix) -> LocalNetworks.Overlap? { interface.conflict(prefix) }
    func add(_ address: IPAddress) throws(IOFailure) { try interface.add(address) }
    func remove(_ address: IPAddress) { interface.remove(address) }
    func addRoute(_ prefix: IPPrefix, from source: IPAddress?) throws(IOFailure) {
        try interface.addRoute(prefix, from: source)
    }
    func removeRoute(_ prefix: IPPrefix) { interface.removeRoute(prefix) }
    func protect(_ flow: ProtectedFlow) throws(IOFailure) { try interface.protect(flow) }
    func release(_ flow: ProtectedFlow) { interface.release(flow) }
    func tearDown() { cleanup.tearDown() }

    /// The journal, opened when something is to be written to it or an earlier agent has left one.
    private final class Cleanup {
        private let directory: String
        private let logger: Logger
        private var journal: CleanupJournal?
        private var guardian: Guardian?

        init(directory: String, logger: Logger) {
            self.directory = directory
            self.logger = logger
        }

        private var path: String { "\(directory)/cleanup.journal" }

        func undoWhatIsLeft() throws(IOFailure) {
            guard access(path, F_OK) == 0 else { return }
            let journal = try CleanupJournal(path: path)
            for outcome in try journal.undoAll() {
                logger.notice(
                    "took back what a killed agent left",
                    metadata: ["step": "\(outcome.step)", "failure": "\(outcome.failure?.description ?? "none")"]
                )
            }
            self.journal = journal
        }

        func open() throws(IOFailure) -> CleanupJournal {
            let opened: CleanupJournal
            if let journal {
                opened = journal
            } else {
                do throws(CulvertError) {
                    try ProcessHardening.makeDirectory(directory)
                } catch {
                    throw IOFailure(call: "make \(directory)", code: 0, text: error.message)
                }
                opened = try CleanupJournal(path: path)
                journal = opened
            }
            if guardian == nil {
                do throws(IOFailure) {
                    guardian = try Guardian(journalPath: path)
                } catch {
                    logger.warning(
                        "no guardian runs; what SIGKILL leaves is undone at the next start",
                        metadata: ["error": "\(error)"]
                    )
                }
            }
            return opened
        }

        func tearDown() {
            _ = try? journal?.undoAll()
            guardian?.dismiss()
            guardian = nil
        }
    }
}
