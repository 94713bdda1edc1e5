import IKECrypto
import IKEMessage
import IPsecTypes

final class Engine {
    var configuration: IKEConfiguration
    let crypto: any CryptoProvider
    var spis: SPIAllocator
    var statistics = IKEStatistics()
    var halfOpen: [Int] = []
    var nextDeadline: Instant? { nil }

    init(configuration: IKEConfiguration, crypto: any CryptoProvider, spis: SPIAllocator) {
        self.configuration = configuration
        self.crypto = crypto
        self.spis = spis
    }

    func begin(
        _ now: Instant,
        _ wallClock: WallTime,
        _ generator: some RandomNumberGenerator,
        _ actions: inout [IKEAction]
    ) {}
    func end<R: RandomNumberGenerator>(_ generator: inout R, _ actions: inout [IKEAction]) {}
    func receive(_ datagram: [UInt8], path: Path) {}
    func handle(_ event: IKEEvent) {}
    func handleTimeout() {}
    func perform(_ command: IKECommand) -> IKESAID? { nil }
    func statuses() -> [IKESAStatus] { [] }
    func status(_ id: IKESAID) -> IKESAStatus? { nil }
    func snapshot(_ id: IKESAID) -> IKESASnapshot? { nil }
}
