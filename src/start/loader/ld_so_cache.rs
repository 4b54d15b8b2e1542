//! `/etc/ld.so.cache`: which library lies where, as `ldconfig` last saw it.

/// The entries of a cache, in file order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LdSoCache {
    entries: Vec<CacheEntry>,
}

#[derive(Debug, PartialEq, Eq)]
struct CacheEntry {
    flags: u32,
    hardware: u64,
    name: String,
    path: String,
}

/// Far more than any system has libraries.
const MAX_CACHE_ENTRIES: usize = 200_000;
const OLD_MAGIC: &[u8] = b"ld.so-1.7.0\0";
const NEW_MAGIC: &[u8] = b"glibc-ld.so.cache1.1";

impl LdSoCache {
    /// Reads the format of glibc 2.2 and later, alone or behind the one before it, and that alone. None where the
    /// loader too would not use the file.
    pub(super) fn parse(bytes: &[u8], little_endian: bool) -> Option<LdSoCache> {
        let u32_at = |bytes: &[u8], at: usize| -> Option<u32> {
            let bytes: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
            Some(if little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
        };
        let new = if bytes.starts_with(NEW_MAGIC) {
            bytes
        } else if bytes.starts_with(OLD_MAGIC) {
            // Header of 16 bytes, entries of 12; the new cache follows, aligned to 8.
            let count = usize::try_from(u32_at(bytes, 12)?).ok()?;
            let entries = count.checked_mul(12)?.checked_add(16)?;
            let new = bytes.get(entries.checked_next_multiple_of(8)?..);
            match new.filter(|rest| rest.starts_with(NEW_MAGIC)) {
                Some(new) => new,
                // `ldconfig -c old`: texts are counted from behind the entries.
                None => {
                    let entry = |index: usize| -> Option<CacheEntry> {
                        let at = index.checked_mul(12)?.checked_add(16)?;
                        let text = |at| text(bytes.get(entries..)?, u32_at(bytes, at)?);
                        let (name, path) = (text(at + 4)?, text(at + 8)?);
                        Some(CacheEntry { flags: u32_at(bytes, at)?, hardware: 0, name, path })
                    };
                    let entries = (0..count.min(MAX_CACHE_ENTRIES)).filter_map(entry).collect();
                    return Some(LdSoCache { entries });
                }
            }
        } else {
            return None;
        };
        // Byte 28 says the order: 0 nothing, 2 little, 3 big (`cache_file_new_flags_endian_*`).
        let order = new.get(28)? & 3;
        if order == 1 || order == 2 && !little_endian || order == 3 && little_endian {
            return None;
        }
        let count = usize::try_from(u32_at(new, 20)?).ok()?.min(MAX_CACHE_ENTRIES);
        let entry = |index: usize| -> Option<CacheEntry> {
            let at = index.checked_mul(24)?.checked_add(48)?;
            let (low, high) = (u32_at(new, at + 16)?, u32_at(new, at + 20)?);
            let (low, high) = if little_endian { (low, high) } else { (high, low) };
            Some(CacheEntry {
                flags: u32_at(new, at)?,
                hardware: u64::from(high) << 32 | u64::from(low),
                name: text(new, u32_at(new, at + 4)?)?,
                path: text(new, u32_at(new, at + 8)?)?,
            })
        };
        Some(LdSoCache { entries: (0..count).filter_map(entry).collect() })
    }

    /// Where a library lies for a machine: the plain entry first, then those that ask for more of
    /// the processor than its baseline, where the loader knows `levels`.
    pub(super) fn paths(&self, name: &str, wanted: Option<u32>, levels: bool) -> Vec<&str> {
        let fits = |entry: &&CacheEntry| {
            let flags_fit = match wanted {
                Some(wanted) => {
                    entry.flags == wanted || entry.flags == 3 && matches!(wanted, 0x0b03 | 0x0903)
                }
                None => entry.flags & 0xff == 3,
            };
            entry.name == name && flags_fit && (levels || entry.hardware >> 62 == 0)
        };
        let mut found: Vec<&CacheEntry> = self.entries.iter().filter(fits).collect();
        found.sort_by_key(|entry| entry.hardware != 0);
        found.into_iter().map(|entry| entry.path.as_str()).collect()
    }
}

/// A text of a cache, by its offset.
fn text(bytes: &[u8], at: u32) -> Option<String> {
    let rest = bytes.get(usize::try_from(at).ok()?..)?;
    let end = memchr::memchr(0, rest.get(..rest.len().min(4096))?)?;
    Some(String::from_utf8_lossy(&rest[..end]).into_owned())
}

/// The flags of a library that a loader takes (`_dl_cache_check_flags`); `None` where a machine
/// has several conventions that its number alone does not tell.
pub(super) fn flags_of(machine: u16, is_64: bool, e_flags: u32) -> Option<u32> {
    Some(match machine {
        62 if is_64 => 0x0303,
        62 => 0x0803,
        3 => 0x0003,
        183 => 0x0a03,
        // EF_ARM_ABI_FLOAT_HARD
        40 if e_flags & 0x400 != 0 => 0x0903,
        40 => 0x0b03,
        22 if is_64 => 0x0403,
        21 => 0x0503,
        // The floating-point ABI: double, single, soft.
        243 => match e_flags & 6 {
            4 => 0x1003,
            0 => 0x0f03,
            _ => return None,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes() -> Vec<u8> {
        let mut bytes = NEW_MAGIC.to_vec();
        bytes.extend(2u32.to_le_bytes());
        bytes.extend(0u32.to_le_bytes());
        bytes.extend([2, 0, 0, 0]);
        bytes.extend([0; 16]);
        let strings = 48 + 2 * 24;
        for (flags, path, hardware) in [(0x303u32, 10u32, 1u64 << 62), (0x303, 27, 0)] {
            bytes.extend(flags.to_le_bytes());
            bytes.extend((strings as u32).to_le_bytes());
            bytes.extend((strings as u32 + path).to_le_bytes());
            bytes.extend(0u32.to_le_bytes());
            bytes.extend(hardware.to_le_bytes());
        }
        bytes.extend(b"libx.so.1\0/hw/v3/libx.so.1\0/lib/libx.so.1\0");
        bytes
    }

    #[test]
    fn the_plain_entry_comes_first() {
        let cache = LdSoCache::parse(&bytes(), true).expect("a cache");
        let paths = cache.paths("libx.so.1", Some(0x303), true);
        assert_eq!(paths, ["/lib/libx.so.1", "/hw/v3/libx.so.1"]);
        assert_eq!(cache.paths("libx.so.1", Some(0x303), false), ["/lib/libx.so.1"]);
        assert!(cache.paths("libx.so.1", Some(0xa03), true).is_empty());
        assert!(cache.paths("libx.so", Some(0x303), true).is_empty());
    }

    #[test]
    fn a_new_cache_behind_an_old_one() {
        let mut old = OLD_MAGIC.to_vec();
        old.extend(1u32.to_le_bytes());
        old.extend([0; 12 + 4]);
        old.extend(bytes());
        assert_eq!(LdSoCache::parse(&old, true), LdSoCache::parse(&bytes(), true));
    }

    #[test]
    fn what_the_loader_would_not_use() {
        assert_eq!(LdSoCache::parse(&bytes(), false), None);
        assert_eq!(LdSoCache::parse(b"", true), None);
        for end in 0..bytes().len() {
            let _ = LdSoCache::parse(&bytes()[..end], true);
        }
    }
}
