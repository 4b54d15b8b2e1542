//! The only room with disk, processes and network: hands bytes and cargo's own words to `facts`.

pub mod image;
