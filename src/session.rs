//! The use cases, callable from code: select, gather, check, inspect, record, verify, freshen.

pub mod clock;
