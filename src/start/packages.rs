//! The packages that bring the libraries which an image lacks.

/// The usual libraries of Rust binaries, and their packages of Debian, Alpine and Fedora.
pub const PACKAGES: &[(&str, &str, &str, &str)] = &[
    ("libgcc_s", "libgcc-s1", "libgcc", "libgcc"),
    ("libssl", "libssl3", "libssl3", "openssl-libs"),
    ("libcrypto", "libssl3", "libcrypto3", "openssl-libs"),
    ("libstdc++", "libstdc++6", "libstdc++", "libstdc++"),
    ("libz", "zlib1g", "zlib", "zlib"),
    ("libpq", "libpq5", "libpq", "libpq"),
    ("libsqlite3", "libsqlite3-0", "sqlite-libs", "sqlite-libs"),
    ("libmariadb", "libmariadb3", "mariadb-connector-c", "mariadb-connector-c"),
    ("liblzma", "liblzma5", "xz-libs", "xz-libs"),
    ("libzstd", "libzstd1", "zstd-libs", "libzstd"),
    ("libdbus-1", "libdbus-1-3", "dbus-libs", "dbus-libs"),
    ("libasound", "libasound2", "alsa-lib", "alsa-lib"),
    ("libcurl", "libcurl4", "libcurl", "libcurl"),
];

/// Releases whose OpenSSL is 1.1.
pub const OPENSSL_1: &[&str] = &["stretch", "buster", "bullseye", "bionic", "focal"];

/// Packages of Debian and Ubuntu that were renamed for 64-bit time, by a `t64` behind.
pub const OF_TIME64: &[&str] = &["libssl3", "libasound2", "libcurl4"];

/// The releases that renamed them.
pub const TIME64: &[&str] = &["trixie", "forky", "sid", "noble", "plucky", "questing"];
