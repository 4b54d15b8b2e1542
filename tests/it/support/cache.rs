//! Where the tests keep what is made once and used by every later run.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// A directory of this name, below `BINLINT_CACHE` or beside what cargo builds.
pub fn directory(name: &str) -> PathBuf {
    let named = env::var_os("BINLINT_CACHE").filter(|path| !path.is_empty());
    let home =
        named.map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).to_owned(), PathBuf::from);
    let directory = home.join(name);
    fs::create_dir_all(&directory).expect("the cache can be made");
    directory.canonicalize().expect("the cache is there")
}
