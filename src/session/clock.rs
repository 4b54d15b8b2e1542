//! What day it is: waivers expire.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970 in UTC; 0 for a clock that is set before.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
