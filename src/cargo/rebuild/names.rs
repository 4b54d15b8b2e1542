//! The hashes in the names of what cargo keeps of a unit.

use std::path::Path;

/// The unit's hash in the name of a file of `deps/`.
pub fn hash_in_name(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    split_hash(stem).map(|(_, hash)| hash)
}

/// `<name>-<16 hex digits>`.
pub fn split_hash(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('-').filter(|(_, hash)| is_unit_hash(hash))
}

/// Whether this is the hash of a unit in a name.
pub fn is_unit_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_sixteen_digits_behind_the_last_dash() {
        let hash = |path: &str| hash_in_name(Path::new(path)).map(str::to_owned);
        assert_eq!(hash("deps/libmy_app-0123456789abcdef.rlib").unwrap(), "0123456789abcdef");
        assert_eq!(
            hash("deps/my_app-0123456789abcdef.0nla3e9.rcgu.o").unwrap(),
            "0123456789abcdef"
        );
        assert_eq!(hash("deps/libmy_app.so"), None);
        assert_eq!(hash("deps/my-app"), None);
        assert_eq!(split_hash("my-app-0123456789abcde"), None);
    }
}
