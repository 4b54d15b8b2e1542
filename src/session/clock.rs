//! What day it is: waivers expire.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

/// The day in UTC.
pub fn today() -> Date {
    Offset::UTC.to_datetime(Timestamp::now()).date()
}
