//! What jemalloc's build said of memory pages.

use std::path::Path;

use crate::cargo::error::WorkspaceError;
use crate::cargo::fs::{entries, read_text};

/// A build script's output is longer only when something went wrong, in bytes.
const MAX_OUTPUT: u64 = 8 << 20;

/// The page sizes, as powers of two, that jemalloc was configured for in this profile's build
/// directory, one each time it was built. Its configure script prints `checking LG_PAGE... 12`
/// and Cargo keeps what build scripts print (measured with tikv-jemalloc-sys 0.6).
///
/// # Errors
/// A file that is there cannot be read.
pub fn jemalloc_page_bits(build: &Path) -> Result<Vec<u32>, WorkspaceError> {
    let mut found = Vec::new();
    for entry in entries(&build.join("build"), usize::MAX) {
        if !entry.name.to_string_lossy().contains("jemalloc-sys-") {
            continue;
        }
        let output = read_text(&entry.path.join("output"), "build script's output", MAX_OUTPUT)?;
        let lines = output.iter().flat_map(|file| file.text.lines());
        found.extend(lines.filter_map(|line| {
            line.strip_prefix("checking LG_PAGE... ")?.trim().parse::<u32>().ok()
        }));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_configure_printed_is_read() {
        let home = tempfile::tempdir().unwrap();
        assert!(jemalloc_page_bits(home.path()).unwrap().is_empty());
        for (hash, bits) in [("0123456789abcdef", "12"), ("fedcba9876543210", "16")] {
            let unit = home.path().join(format!("build/tikv-jemalloc-sys-{hash}"));
            std::fs::create_dir_all(&unit).unwrap();
            let words = format!(
                "checking whether to force 64-bit __sync_... no\nchecking LG_PAGE... {bits}\n"
            );
            std::fs::write(unit.join("output"), words).unwrap();
        }
        assert_eq!(jemalloc_page_bits(home.path()).unwrap(), [12, 16]);
    }
}
