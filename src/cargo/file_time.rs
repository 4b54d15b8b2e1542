//! A point in time as a file system keeps it, to the nanosecond.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};

/// Nanoseconds since 1970 in UTC; negative before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileTime(pub i128);

impl FileTime {
    const SECOND: i128 = 1_000_000_000;

    /// From the two numbers of a `stat` structure.
    pub fn new(seconds: i64, nanoseconds: i64) -> FileTime {
        FileTime(i128::from(seconds) * FileTime::SECOND + i128::from(nanoseconds))
    }

    /// Date and time of day in UTC; `None` before the year -9999 and after 9999.
    pub fn to_utc(self) -> Option<DateTime> {
        let seconds = i64::try_from(self.0.div_euclid(FileTime::SECOND)).ok()?;
        let nanoseconds = i32::try_from(self.0.rem_euclid(FileTime::SECOND)).ok()?;
        let since = SignedDuration::new(seconds, nanoseconds);
        date(1970, 1, 1).at(0, 0, 0, 0).checked_add(since).ok()
    }

    /// Whether the fraction of the second is gone, as in a layer that was exported and imported.
    pub fn is_whole_second(self) -> bool {
        self.0.rem_euclid(FileTime::SECOND) == 0
    }

    /// Whether the two could be one moment, of which a layer's export cut the fraction off.
    pub fn same_but_for_truncation(self, other: FileTime) -> bool {
        let second = |moment: FileTime| moment.0.div_euclid(FileTime::SECOND);
        self == other
            || (second(self) == second(other)
                && (self.is_whole_second() || other.is_whole_second()))
    }
}

/// `2026-11-23 19:38:26.698Z`; the nanoseconds of a moment beyond the calendar's years.
impl fmt::Display for FileTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_utc() {
            Some(time) => write!(f, "{}", time.strftime("%Y-%m-%d %H:%M:%S.%3fZ")),
            None => write!(f, "{} ns after 1970", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_date_does() {
        assert_eq!(FileTime::new(0, 0).to_string(), "1970-01-01 00:00:00.000Z");
        assert_eq!(
            FileTime::new(1_795_462_706, 698_400_000).to_string(),
            "2026-11-23 19:38:26.698Z"
        );
        assert_eq!(FileTime::new(951_782_400, 0).to_string(), "2000-02-29 00:00:00.000Z");
        assert_eq!(FileTime::new(13_569_465_600, 0).to_string(), "2400-01-01 00:00:00.000Z");
        assert_eq!(FileTime(i128::MIN).to_utc(), None);
        assert_eq!(FileTime::new(i64::MAX, 0).to_utc(), None);
        assert_eq!(FileTime::new(-1, 0).to_string(), "1969-12-31 23:59:59.000Z");
    }

    #[test]
    fn knows_a_truncated_twin() {
        let exact = FileTime::new(10, 250);
        assert!(exact.same_but_for_truncation(FileTime::new(10, 0)));
        assert!(!exact.same_but_for_truncation(FileTime::new(10, 251)));
        assert!(!exact.same_but_for_truncation(FileTime::new(11, 0)));
    }
}
