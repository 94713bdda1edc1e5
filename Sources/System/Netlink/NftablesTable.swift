import Glibc
import IPsecTypes
import Synchronization

/// A table of our own in the host's nftables, which vanishes with this process.
///
/// With the owner flag (Linux 5.12) the kernel deletes the table when our socket closes, whatever closes it, and lets
/// nobody else change it. On older kernels the table is journaled instead.
///
/// A drop of another table, such as a firewall whose forward policy is drop, cannot be undone from here: nftables has no
/// verdict that overrules other tables.
public final class NftablesTable: Sendable {
    /// Whether the kernel ties the table to this process.
    public let isOwned: Bool
    /// The table's name; it is of the inet family.
    public let name: String

    private let socket: NetlinkSocket
    private let journal: CleanupJournal
    private let entry: Mutex<CleanupJournal.Entry?>

    private static let ownerFlag: UInt32 = 2

    /// Makes the table; one of that name left by a dead process is replaced.
    ///
    /// - Parameters:
    ///   - name: the table, such as "culvert"; one a tunnel interface.
    ///   - rules: its contents.
    ///   - journal: where it is noted when the kernel has no owner flag.
    public convenience init(name: String, rules: NftablesRules, journal: CleanupJournal) throws(IOFailure) {
        try self.init(name: name, rules: rules, journal: journal, triesOwner: true)
    }

    init(name: String, rules: NftablesRules, journal: CleanupJournal, triesOwner: Bool) throws(IOFailure) {
        guard (1...63).contains(name.utf8.count), name.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != 34 }) else {
            throw IOFailure(call: "create nftables table", code: EINVAL, text: "not a table name")
        }
        let socket = try Self.open()
        self.name = name
        self.journal = journal
        self.socket = socket
        // Adding first makes deleting succeed whether there is a left-over or not.
        let fresh = [Self.newTable(name, flags: 0), Self.deleteTable(name)]
        if triesOwner {
            do throws(IOFailure) {
                try Self.commit(socket, name, fresh + Self.contents(name, rules, flags: Self.ownerFlag))
                isOwned = true
                entry = Mutex(nil)
                return
            } catch {
                // Kernels without the flag refuse it as invalid or not supported.
                guard error.code == EOPNOTSUPP || error.code == EINVAL else { throw error }
            }
        }
        let entry = try journal.record(.nftables(table: name))
        do throws(IOFailure) {
            try Self.commit(socket, name, fresh + Self.contents(name, rules, flags: 0))
        } catch {
            try journal.forget(entry)
            throw error
        }
        isOwned = false
        self.entry = Mutex(entry)
    }

    /// Puts other rules in place of the present ones, in one step.
    public func replace(_ rules: NftablesRules) throws(IOFailure) {
        let contents = Self.contents(name, rules, flags: isOwned ? Self.ownerFlag : 0)
        try Self.commit(socket, name, [Self.deleteTable(name)] + contents)
    }

    /// Deletes the table. Without this it vanishes with the last reference, or is undone from the journal.
    public func remove() throws(IOFailure) {
        try Self.commit(socket, name, [Self.deleteTable(name)])
        try entry.withLock { (entry) throws(IOFailure) in
            guard let noted = entry else { return }
            try journal.forget(noted)
            entry = nil
        }
    }

    /// Deletes a table that nobody owns.
    static func delete(named name: String) throws(IOFailure) {
        try commit(try open(), name, [deleteTable(name)])
    }

    private static func open() throws(IOFailure) -> NetlinkSocket {
        do throws(IOFailure) {
            return try NetlinkSocket(netlinkProtocol: 12)  // NETLINK_NETFILTER
        } catch {
            var failure = error
            failure.hint = "load the module: modprobe nf_tables; or set snat: off"
            throw failure
        }
    }

    private typealias Message = (type: UInt16, flags: UInt16, body: [UInt8])

    private static func commit(_ socket: NetlinkSocket, _ name: String, _ messages: [Message]) throws(IOFailure) {
        var subsystem = NetlinkWriter()
        subsystem.writeBytes([0, 0, 0, 10])  // unspecified family, version 0, NFNL_SUBSYS_NFTABLES in network order
        let begin: Message = (16, NetlinkCode.request, subsystem.bytes)
        let end: Message = (17, NetlinkCode.request, subsystem.bytes)
        do throws(IOFailure) {
            try socket.transactBatch("change nftables table inet \(name)", [begin] + messages + [end])
        } catch {
            var failure = error
            switch error.code {
            case EPERM:
                failure.hint = "needs root or CAP_NET_ADMIN; or another process owns the table: nft list tables"
            case EOPNOTSUPP, EPROTONOSUPPORT, ENOENT:
                if failure.hint.isEmpty { failure.hint = "try: modprobe -a nf_tables nft_chain_nat nft_masq" }
            default: break
            }
            throw failure
        }
    }

    private static func contents(_ name: String, _ rules: NftablesRules, flags: UInt32) -> [Message] {
        var messages = [newTable(name, flags: flags)]
        for chain in rules.chains where !chain.rules.isEmpty {
            messages.append(newChain(name, chain))
            messages += chain.rules.map { newRule(name, chain.name, $0) }
        }
        return messages
    }

    private static func newTable(_ name: String, flags: UInt32) -> Message {
        message(0, create: true) {
            $0.attribute(1, text: name)
            $0.attribute(2, bigEndian: flags)
        }
    }

    private static func deleteTable(_ name: String) -> Message {
        message(2) { $0.attribute(1, text: name) }
    }

    private static func newChain(_ table: String, _ chain: NftablesRules.Chain) -> Message {
        message(3, create: true) {
            $0.attribute(1, text: table)
            $0.attribute(3, text: chain.name)
            $0.nested(4) {
                $0.attribute(1, bigEndian: chain.hook)
                $0.attribute(2, bigEndian: UInt32(bitPattern: chain.priority))
            }
            $0.attribute(5, bigEndian: 1)  // policy accept
            $0.attribute(7, text: chain.type)
        }
    }

    private static func newRule(_ table: String, _ chain: String, _ expressions: [NftablesExpression]) -> Message {
        message(6, create: true) {
            $0.attribute(1, text: table)
            $0.attribute(2, text: chain)
            $0.nested(4) { list in
                for expression in expressions {
                    list.nested(1) { element in
                        element.attribute(1, text: expression.name)
                        element.attribute(2 | 0x8000, expression.data)
                    }
                }
            }
        }
    }

    /// A message of the nf_tables subsystem for the inet family (struct nfgenmsg: family, version, resource).
    private static func message(
        _ code: UInt16,
        create: Bool = false,
        _ build: (inout NetlinkWriter) -> Void
    )
        -> Message
    {
        var writer = NetlinkWriter()
        writer.writeBytes([1, 0, 0, 0])
        build(&writer)
        let flags = NetlinkCode.request | NetlinkCode.acknowledge
        return (10 << 8 | code, create ? flags | NetlinkCode.create | NetlinkCode.append : flags, writer.bytes)
    }
}
