//! A point in time as a file system keeps it, to the nanosecond.

use std::fmt;

/// Nanoseconds since 1970 in UTC; negative before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i128);

impl Moment {
    const SECOND: i128 = 1_000_000_000;

    /// From the two numbers of a `stat` structure.
    pub fn new(seconds: i64, nanoseconds: i64) -> Moment {
        Moment(i128::from(seconds) * Moment::SECOND + i128::from(nanoseconds))
    }

    /// Whether the fraction of the second is gone, as in a layer that was exported and imported.
    pub fn is_whole_second(self) -> bool {
        self.0.rem_euclid(Moment::SECOND) == 0
    }

    /// Whether the two could be one moment, of which a layer's export cut the fraction off.
    pub fn same_but_for_truncation(self, other: Moment) -> bool {
        let second = |moment: Moment| moment.0.div_euclid(Moment::SECOND);
        self == other
            || (second(self) == second(other)
                && (self.is_whole_second() || other.is_whole_second()))
    }
}

/// `2026-11-23 19:38:26.698Z`.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(Moment::SECOND);
        let milliseconds = self.0.rem_euclid(Moment::SECOND) / 1_000_000;
        let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Days to a civil date: years are counted from March, so that the leap day comes last.
        let day = day + 719_468;
        let era = day.div_euclid(146_097);
        let of_era = day.rem_euclid(146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let date = of_year - (153 * shifted + 2) / 5 + 1;
        let year = year + era * 400 + i128::from(month <= 2);
        write!(
            f,
            "{year:04}-{month:02}-{date:02} {:02}:{:02}:{:02}.{milliseconds:03}Z",
            second / 3_600,
            second / 60 % 60,
            second % 60,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_date_does() {
        assert_eq!(Moment::new(0, 0).to_string(), "1970-01-01 00:00:00.000Z");
        assert_eq!(Moment::new(1_795_462_706, 698_400_000).to_string(), "2026-11-23 19:38:26.698Z");
        assert_eq!(Moment::new(951_782_400, 0).to_string(), "2000-02-29 00:00:00.000Z");
        assert_eq!(Moment::new(-1, 0).to_string(), "1969-12-31 23:59:59.000Z");
    }

    #[test]
    fn knows_a_truncated_twin() {
        let exact = Moment::new(10, 250);
        assert!(exact.same_but_for_truncation(Moment::new(10, 0)));
        assert!(!exact.same_but_for_truncation(Moment::new(10, 251)));
        assert!(!exact.same_but_for_truncation(Moment::new(11, 0)));
    }
}
