//! What two names of targets have in common.

/// What makes two targets incompatible; the outer `None` when one of the names cannot be read.
pub fn difference(seen: &str, wanted: &str) -> Option<Option<&'static str>> {
    let (seen, wanted) = (TripleParts::read(seen)?, TripleParts::read(wanted)?);
    Some(if seen.machine != wanted.machine {
        Some("architecture")
    } else if seen.system != wanted.system {
        Some("operating system")
    } else if seen.library != wanted.library {
        Some("C library")
    } else if seen.hard_float != wanted.hard_float {
        Some("floating-point ABI")
    } else {
        None
    })
}

#[derive(Debug, PartialEq, Eq)]
struct TripleParts<'a> {
    machine: &'a str,
    system: &'a str,
    library: &'a str,
    hard_float: bool,
}

impl<'a> TripleParts<'a> {
    /// `arch-vendor-system-environment` in all its shortened forms; `None` for a custom name.
    fn read(triple: &'a str) -> Option<TripleParts<'a>> {
        const SYSTEMS: &[&str] = &[
            "linux",
            "windows",
            "darwin",
            "ios",
            "freebsd",
            "netbsd",
            "openbsd",
            "dragonfly",
            "android",
            "solaris",
            "illumos",
            "none",
            "uefi",
            "fuchsia",
            "redox",
            "haiku",
            "hermit",
            "wasi",
            "wasip1",
            "wasip2",
            "unknown",
        ];
        let (arch, rest) = triple.split_once('-')?;
        let parts: Vec<&str> = rest.split('-').collect();
        let at = parts.iter().rposition(|part| SYSTEMS.iter().any(|it| part.starts_with(it)))?;
        // `cargo zigbuild --target x86_64-unknown-linux-gnu.2.17` names a glibc too.
        let environment = parts.get(at + 1).map_or("", |it| it.split('.').next().unwrap_or(it));
        let machine = match arch {
            "i386" | "i486" | "i586" | "i686" => "x86",
            "x86_64" | "x86_64h" => "x86_64",
            "aarch64" | "arm64" | "arm64e" | "arm64ec" => "aarch64",
            _ if arch.starts_with("arm") || arch.starts_with("thumb") => "arm",
            _ if arch.starts_with("riscv64") => "riscv64",
            _ if arch.starts_with("riscv32") => "riscv32",
            _ => arch,
        };
        let library = ["eabihf", "eabi", "sf"].iter().find_map(|end| environment.strip_suffix(end));
        Some(TripleParts {
            machine,
            system: parts[at],
            library: library.unwrap_or(environment),
            hard_float: machine != "arm"
                || environment.ends_with("hf")
                || !environment.contains("eabi"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_in_place_of_another_is_no_difference() {
        for (seen, wanted, difference) in [
            ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-gnu", None),
            ("x86_64-unknown-linux-musl", "x86_64-alpine-linux-musl", None),
            ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-gnu.2.17", None),
            ("i686-unknown-linux-gnu", "i586-unknown-linux-gnu", None),
            ("armv7-unknown-linux-gnueabihf", "thumbv7neon-unknown-linux-gnueabihf", None),
            ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", Some("architecture")),
            ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl", Some("C library")),
            ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-gnux32", Some("C library")),
            ("x86_64-unknown-linux-gnu", "x86_64-unknown-freebsd", Some("operating system")),
            (
                "arm-unknown-linux-gnueabi",
                "arm-unknown-linux-gnueabihf",
                Some("floating-point ABI"),
            ),
            ("aarch64-apple-darwin", "aarch64-apple-ios", Some("operating system")),
        ] {
            assert_eq!(super::difference(seen, wanted), Some(difference), "{seen} {wanted}");
        }
        assert_eq!(difference("x86_64-unknown-linux-gnu", "my-board"), None);
    }
}
