//! A calendar day, for the expiry of waivers.

use std::fmt;

/// A day of the Gregorian calendar; ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: i64,
    month: u8,
    day: u8,
}

impl Date {
    /// Reads `2027-01-31`; `None` for anything else, and for days that no month has.
    pub fn parse(text: &str) -> Option<Date> {
        let mut parts = text.split('-');
        let mut number = |digits: usize| {
            let part = parts.next()?;
            (part.len() == digits && part.bytes().all(|it| it.is_ascii_digit()))
                .then(|| part.parse::<i64>().ok())?
        };
        let (year, month, day) = (number(4)?, number(2)?, number(2)?);
        let complete = parts.next().is_none();
        let date = Date { year, month: u8::try_from(month).ok()?, day: u8::try_from(day).ok()? };
        (complete && (1..=12).contains(&month) && day >= 1 && date.day <= date.days_in_month())
            .then_some(date)
    }

    /// The day, in UTC, of a number of seconds since 1970.
    pub fn from_unix_seconds(seconds: u64) -> Date {
        let mut date = Date { year: 1970, month: 1, day: 1 };
        let mut days = seconds / 86_400;
        // 400 years of the calendar have this many days, whichever 400 they are.
        date.year += i64::try_from(days / 146_097).unwrap_or(0) * 400;
        days %= 146_097;
        while days >= u64::from(date.days_in_month()) {
            days -= u64::from(date.days_in_month());
            date.month += 1;
            if date.month == 13 {
                (date.year, date.month) = (date.year + 1, 1);
            }
        }
        date.day += u8::try_from(days).unwrap_or(0);
        date
    }

    fn days_in_month(self) -> u8 {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        match self.month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 31,
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_that_exist_are_read() {
        for good in ["2024-02-29", "2000-02-29", "2026-12-31"] {
            assert_eq!(Date::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "2023-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-04-31",
            "2026-1-1",
            "2026-01-01-01",
            "",
            "soon",
        ] {
            assert_eq!(Date::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn seconds_become_the_days_that_date_u_prints() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_795_478_399, "2026-11-23"),
            (1_795_478_400, "2026-11-24"),
            (13_569_465_600, "2400-01-01"),
        ] {
            assert_eq!(Date::from_unix_seconds(seconds).to_string(), day);
        }
    }
}
