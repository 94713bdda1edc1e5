import Glibc
import IPsecTypes

/// Switches forwarding on for single interfaces, journaled; the global switches are never touched.
///
/// The kernel asks the interface a packet came in by. IPv4 has such a switch on every kernel. IPv6 has one since Linux
/// 6.17 (`force_forwarding`); before that only the global switch forwards, and setting it changes how every interface
/// takes router advertisements, so that is left to the machine's owner, who is told so.
public enum Forwarding {
    /// Makes the kernel forward what comes in by an interface.
    ///
    /// - Parameters:
    ///   - interface: its name.
    ///   - family: IPv4 or IPv6.
    ///   - journal: where the previous value is kept.
    /// - Returns: whether it was off before, in which case whoever is on that network could now send through this host:
    ///   pass the interface to ``NftablesTable`` as a closed one.
    @discardableResult
    public static func enable(
        _ interface: String,
        family: IPAddress.Family,
        journal: CleanupJournal
    )
        throws(IOFailure) -> Bool
    {
        let call = "forward IP\(family) from \(interface)"
        guard RouteNetlink.isInterfaceName(interface) else {
            throw IOFailure(call: call, code: EINVAL, text: "not an interface name")
        }
        guard family == .v6 else {
            return try set("/proc/sys/net/ipv4/conf/\(interface)/forwarding", call, journal)
        }
        if try SystemFile.read("/proc/sys/net/ipv6/conf/all/forwarding").trimmed != "0" { return false }
        let path = "/proc/sys/net/ipv6/conf/\(interface)/force_forwarding"
        guard access(path, F_OK) == 0 || access("/proc/sys/net/ipv6/conf/\(interface)", F_OK) != 0 else {
            throw IOFailure(
                call: call,
                code: EOPNOTSUPP,
                text: "this kernel forwards IPv6 only by its global switch",
                hint: "set it yourself: sysctl -w net.ipv6.conf.all.forwarding=1 (with accept_ra=2 on interfaces that "
                    + "live by router advertisements), or use pools of IPv4 only"
            )
        }
        return try set(path, call, journal)
    }

    private static func set(_ path: String, _ call: String, _ journal: CleanupJournal) throws(IOFailure) -> Bool {
        do throws(IOFailure) {
            let previous = try SystemFile.read(path).trimmed
            guard previous == "0" else { return false }
            let entry = try journal.record(.sysctl(path: path, previous: previous, ours: "1"))
            do throws(IOFailure) {
                try SystemFile.write("1", to: path)
            } catch {
                try journal.forget(entry)
                throw error
            }
            return true
        } catch {
            var failure = error
            failure.call = call + ": " + error.call
            switch error.code {
            case EROFS, EACCES, EPERM:
                failure.hint =
                    "/proc/sys is read-only here; in a container start it with --sysctl "
                    + path.dropFirst("/proc/sys/".count).replacing("/", with: ".") + "=1"
            case ENOENT: failure.hint = "no such interface, or no such family on it"
            default: break
            }
            throw failure
        }
    }
}
