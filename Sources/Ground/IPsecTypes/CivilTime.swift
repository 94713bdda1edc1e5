/// Civil dates of the Gregorian calendar in UTC, from seconds since the epoch.
enum CivilTime {
    /// "2026-11-23T13:05:00Z" (RFC 3339). Years outside 0000...9999 are clamped.
    static func text(_ time: WallTime) -> String {
        let bounds: ClosedRange<Int64> = -62_167_219_200...253_402_300_799
        let seconds = min(max(time.secondsSinceEpoch, bounds.lowerBound), bounds.upperBound)
        let day = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let second = seconds - day * 86_400
        let (year, month, dayOfMonth) = date(day)
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(dayOfMonth, 2))T"
            + "\(padded(second / 3600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))Z"
    }

    /// Days since 1970-01-01 to a date: years are counted from March, so that the leap day is the last of its year.
    private static func date(_ day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = "\(number)"
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension WallTime {
    /// The time as RFC 3339 writes it, in UTC: "2026-11-23T13:05:00Z".
    public var rfc3339: String { CivilTime.text(self) }
}

extension WallTime {
    /// Reads "2026-11-23T13:05:00Z" exactly; nil for any other form.
    public init?(rfc3339 text: String) {
        let bytes = Array(text.utf8)
        let form = Array("0000-00-00T00:00:00Z".utf8)
        guard bytes.count == form.count else { return nil }
        for (byte, model) in zip(bytes, form) {
            guard model == 0x30 ? (0x30...0x39).contains(byte) : byte == model else { return nil }
        }
        func number(_ range: Range<Int>) -> Int64 { bytes[range].reduce(0) { $0 * 10 + Int64($1 - 0x30) } }
        let (year, month, day) = (number(0..<4), number(5..<7), number(8..<10))
        let (hour, minute, second) = (number(11..<13), number(14..<16), number(17..<19))
        guard (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 60 else { return nil }
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        let time = WallTime(secondsSinceEpoch: days * 86_400 + hour * 3600 + minute * 60 + second)
        // A date that does not exist, such as the 31st of April, comes back as another.
        guard time.rfc3339 == text else { return nil }
        self = time
    }
}
