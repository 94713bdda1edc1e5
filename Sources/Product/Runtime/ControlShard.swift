import Foundation
import IKECrypto
import IKEv2
import IPsecTypes
import PacketIO
import Synchronization

/// What reaches a shard from other threads.
enum ShardMessage: Sendable {
    /// The answer to an action.
    case answer(IKEEvent)
    /// A fresh key pair.
    case generated(OperationID, KeyExchangeHandle, KeyExchangePrivateKey)
    /// Something to do on the shard's thread.
    case command(@Sendable (ShardCore, any ShardDelegate) -> Void)
    /// Somebody waits for something to become true.
    case watch(ShardWatch)
    /// The end.
    case stop
}

/// A condition that is looked at after every turn of the shard until it holds or its time is over.
struct ShardWatch: Sendable {
    var deadline: Instant
    /// Whether it holds; hands the value over itself.
    var holds: @Sendable (ShardCore, any ShardDelegate) -> Bool
}

/// A control shard: one thread that owns an IKE endpoint and all that hangs on it (law 3). This handle may be used from
/// any thread.
public final class ControlShard: Sendable {
    /// What a shard is made of.
    public struct Parts: Sendable {
        /// The endpoint's configuration.
        public var configuration: IKEConfiguration
        /// Cryptography.
        public var crypto: any CryptoProvider
        /// SPIs.
        public var spis: SPIAllocator
        /// Long-term secrets.
        public var oracle: any KeyOracle
        /// Verification of peers.
        public var authenticator: any PeerAuthenticator
        /// Where long work runs.
        public var pool: BoundedPool
        /// EAP, in either role.
        public var eap: any EAPDesk
        /// What crash tokens and tickets are made with.
        public var secrets = ReturnSecrets()

        /// Gathers the parts.
        public init(
            configuration: IKEConfiguration,
            crypto: any CryptoProvider,
            spis: SPIAllocator,
            oracle: any KeyOracle,
            authenticator: any PeerAuthenticator,
            pool: BoundedPool,
            eap: any EAPDesk = NoEAPDesk()
        ) {
            self.configuration = configuration
            self.crypto = crypto
            self.spis = spis
            self.oracle = oracle
            self.authenticator = authenticator
            self.pool = pool
            self.eap = eap
        }
    }

    private let mailbox: Mailbox<ShardMessage>
    private let finished = DispatchSemaphore(value: 0)
    /// Answers and commands that may wait for the shard at once.
    private static let mailboxLimit = 1 << 17
    /// A delegate prepares interface and firewall within this.
    private static let startPatience = 30.0

    /// Starts the thread. `makeDelegate` runs on it, so the delegate needs no locks.
    public init(
        _ parts: Parts,
        dataplane: any ShardDataplane & Sendable,
        makeDelegate: @escaping @Sendable () throws(IOFailure) -> any ShardDelegate
    ) throws(IOFailure) {
        let mailbox = try Mailbox<ShardMessage>(limit: Self.mailboxLimit)
        self.mailbox = mailbox
        let poller = try PollSet(mailbox: mailbox.descriptor, dataplane: dataplane.controlDescriptor)
        let done = finished
        let begun = Waiting<IOFailure?>()
        let thread = Thread {
            do throws(IOFailure) {
                let delegate = try makeDelegate()
                begun.finish(nil)
                Self.run(parts, dataplane, mailbox, poller, delegate)
            } catch {
                begun.finish(error)
            }
            done.signal()
        }
        thread.name = "culvert-ike"
        thread.stackSize = 4 << 20
        thread.start()
        guard let result = begun.wait(seconds: Self.startPatience) else {
            throw IOFailure(call: "start the control thread", code: 0, text: "it does not get ready")
        }
        if let failure = result { throw failure }
    }

    /// Runs `body` on the shard's thread and waits for its result; nil when the shard does not answer in `seconds`.
    public func call<Value: Sendable>(
        seconds: Double = 5,
        _ body: @escaping @Sendable (ShardCore, any ShardDelegate) -> Value
    ) -> Value? {
        let box = Waiting<Value>()
        guard mailbox.post(.command { core, delegate in box.finish(body(core, delegate)) }) else { return nil }
        return box.wait(seconds: seconds)
    }

    /// Waits until `body` gives a value; it is asked on the shard's thread after everything that happens there. nil when
    /// it gave none in `seconds`.
    public func wait<Value: Sendable>(
        seconds: Double,
        until body: @escaping @Sendable (ShardCore, any ShardDelegate) -> Value?
    ) -> Value? {
        let box = Waiting<Value>()
        let deadline = SystemClock.now + .milliseconds(Int64(min(max(0, seconds), 1e9) * 1000))
        let watch = ShardWatch(deadline: deadline) { core, delegate in
            guard let value = body(core, delegate) else { return false }
            box.finish(value)
            return true
        }
        guard mailbox.post(.watch(watch)) else { return nil }
        return box.wait(seconds: seconds)
    }

    /// Runs `body` on the shard's thread some time soon.
    public func post(_ body: @escaping @Sendable (ShardCore, any ShardDelegate) -> Void) {
        mailbox.post(.command(body))
    }

    /// Deletes every IKE SA, gives the Deletes `grace` seconds to be answered, and ends the thread.
    /// `last` runs on the shard's thread when the tunnels are gone.
    public func shutDown(
        grace: Double,
        last: @escaping @Sendable (ShardCore, any ShardDelegate) -> Void = { _, _ in }
    ) {
        post { core, _ in core.perform(.closeAll) }
        _ = wait(seconds: grace) { core, _ in core.statuses.isEmpty ? true : nil }
        _ = call(seconds: 5) { core, delegate in last(core, delegate) }
        mailbox.post(.stop)
        _ = finished.wait(timeout: .now() + 5)
    }

    private static func run(
        _ parts: Parts,
        _ dataplane: any ShardDataplane,
        _ mailbox: Mailbox<ShardMessage>,
        _ pollSet: PollSet,
        _ delegate: any ShardDelegate
    ) {
        let tools = ShardTools(
            crypto: parts.crypto,
            oracle: parts.oracle,
            authenticator: parts.authenticator,
            pool: parts.pool,
            eap: parts.eap,
            mailbox: mailbox
        )
        let core = ShardCore(
            endpoint: IKEEndpoint(configuration: parts.configuration, crypto: parts.crypto, spis: parts.spis),
            tools: tools,
            dataplane: dataplane
        )
        core.attach(delegate)
        core.perform(.useSecrets(parts.secrets))
        var watches: [ShardWatch] = []
        while true {
            pollSet.wait(until: core.nextDeadline)
            // Established tunnels first: the data plane's events, then answers, then commands, then timers.
            core.drainDataplane()
            for message in mailbox.drain() {
                switch message {
                case .answer(let event): core.handle(event)
                case .generated(let operation, let handle, let key):
                    let kept = core.keep(key, as: handle)
                    core.handle(
                        .keyExchangeGenerated(
                            operation,
                            handle: kept ? handle : nil,
                            publicValue: kept ? key.publicValue : []
                        )
                    )
                case .command(let body): body(core, delegate)
                case .watch(let watch): watches.append(watch)
                case .stop: return
                }
            }
            core.handleTimeouts()
            watches.removeAll { $0.holds(core, delegate) || $0.deadline <= SystemClock.now }
        }
    }
}
