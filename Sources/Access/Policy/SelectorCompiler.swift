import IPsecTypes

/// Makes the fewest traffic selectors of many without widening what they select.
enum SelectorCompiler {
    /// Merges equal and adjoining ranges: first of addresses with the same protocol and ports, then of ports with the
    /// same protocol and addresses, and drops what another selector contains.
    static func compile(_ selectors: [TrafficSelector]) -> [TrafficSelector] {
        var result = mergeAddresses(selectors)
        result = mergePorts(result)
        result = mergeAddresses(result)
        return result.enumerated().filter { index, selector in
            !result.enumerated().contains { other, wider in
                other != index && wider.contains(selector) && (other < index || !selector.contains(wider))
            }
        }.map(\.element)
    }

    private struct PortKey: Hashable {
        let ipProtocol: UInt8
        let ports: PortRange
        let family: IPAddress.Family
    }

    private static func mergeAddresses(_ selectors: [TrafficSelector]) -> [TrafficSelector] {
        var order: [PortKey] = []
        var groups: [PortKey: [IPRange]] = [:]
        for selector in selectors {
            let key = PortKey(
                ipProtocol: selector.ipProtocol,
                ports: selector.ports,
                family: selector.addresses.family
            )
            if groups[key] == nil { order.append(key) }
            groups[key, default: []].append(selector.addresses)
        }
        return order.flatMap { key in
            merged(groups[key] ?? []).map {
                TrafficSelector(ipProtocol: key.ipProtocol, ports: key.ports, addresses: $0)
            }
        }
    }

    private static func merged(_ ranges: [IPRange]) -> [IPRange] {
        var result: [IPRange] = []
        for range in ranges.sorted(by: { ($0.first, $0.last) < ($1.first, $1.last) }) {
            if let last = result.last, range.first <= (last.last.next ?? last.last),
                let wider = IPRange(last.first, max(last.last, range.last))
            {
                result[result.count - 1] = wider
            } else {
                result.append(range)
            }
        }
        return result
    }

    private struct AddressKey: Hashable {
        let ipProtocol: UInt8
        let addresses: IPRange
    }

    private static func mergePorts(_ selectors: [TrafficSelector]) -> [TrafficSelector] {
        var order: [AddressKey] = []
        var groups: [AddressKey: [PortRange]] = [:]
        for selector in selectors {
            let key = AddressKey(ipProtocol: selector.ipProtocol, addresses: selector.addresses)
            if groups[key] == nil { order.append(key) }
            groups[key, default: []].append(selector.ports)
        }
        return order.flatMap { key in
            merged(groups[key] ?? []).map {
                TrafficSelector(ipProtocol: key.ipProtocol, ports: $0, addresses: key.addresses)
            }
        }
    }

    /// ANY and OPAQUE are no numbers to add ports to: packets that show no port match them alone.
    private static func merged(_ ranges: [PortRange]) -> [PortRange] {
        var result: [PortRange] = []
        let special = ranges.filter { $0.isOpaque || $0 == .any }
        for range in ranges.filter({ !$0.isOpaque && $0 != .any }).sorted(by: {
            ($0.first, $0.last) < ($1.first, $1.last)
        }) {
            if let last = result.last, Int(range.first) <= Int(last.last) + 1,
                let wider = PortRange(last.first, max(last.last, range.last)), wider != .any
            {
                result[result.count - 1] = wider
            } else {
                result.append(range)
            }
        }
        return Array(Set(special)).sorted { $0.first < $1.first } + result
    }
}
