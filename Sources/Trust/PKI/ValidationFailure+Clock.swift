import IPsecTypes

extension ValidationFailure {
    /// A certificate that begins later than this was made for later; one that begins sooner shows a clock that is wrong.
    static let earlyOfWrongClock: Int64 = 24 * 3600
    /// Who shows a certificate that ended just now believes it to be good: that end is late, or its clock is.
    static let lateOfWrongClock: Int64 = 600

    /// By how many seconds the clock of this machine and the one that the certificate was made or chosen by seem to differ at
    /// least; nil when nothing points to that. Positive: this machine is ahead.
    public var clockDifference: Int64? {
        switch self {
        case .notYetValid(_, let notBefore, let clock, let skew):
            let (early, overflow) = notBefore.secondsSinceEpoch.subtractingReportingOverflow(clock.secondsSinceEpoch)
            return !overflow && early > skew && early <= Self.earlyOfWrongClock ? -early : nil
        case .expired(_, let notAfter, let clock, let skew):
            let (late, overflow) = clock.secondsSinceEpoch.subtractingReportingOverflow(notAfter.secondsSinceEpoch)
            return !overflow && late > skew && late <= Self.lateOfWrongClock ? late : nil
        default: return nil
        }
    }
}
