//! Decides `#[cfg(…)]` as far as what is known of the build decides it.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Whether code is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compiled {
    /// It is not.
    No,
    /// It depends on something that is not known here: a `--cfg`, a build script, a macro.
    Maybe,
    /// It is.
    Yes,
}

impl Compiled {
    /// Compiled only if both are.
    pub fn and(self, other: Compiled) -> Compiled {
        self.min(other)
    }

    fn or(self, other: Compiled) -> Compiled {
        self.max(other)
    }

    fn not(self) -> Compiled {
        match self {
            Compiled::No => Compiled::Yes,
            Compiled::Maybe => Compiled::Maybe,
            Compiled::Yes => Compiled::No,
        }
    }
}

impl From<bool> for Compiled {
    fn from(value: bool) -> Compiled {
        if value { Compiled::Yes } else { Compiled::No }
    }
}

/// What is known of the configuration that a unit was compiled under.
#[derive(Debug, Clone, Default)]
pub struct Cfg {
    /// The package's features; `None`: not known.
    pub features: Option<Vec<String>>,
    /// Rust's name of the target: `x86_64-unknown-linux-musl`.
    pub triple: Option<String>,
}

impl Cfg {
    /// Decides the inside of `cfg(…)`.
    pub fn decide(&self, predicate: TokenStream) -> Compiled {
        self.all(predicate).pop().unwrap_or(Compiled::Maybe)
    }

    /// Each of the predicates between commas.
    fn all(&self, list: TokenStream) -> Vec<Compiled> {
        let mut answers = Vec::new();
        let mut tokens = list.into_iter().peekable();
        while let Some(token) = tokens.next() {
            let TokenTree::Ident(name) = token else { continue };
            let name = name.to_string();
            let answer = match tokens.next() {
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
                    let inner = self.all(group.stream());
                    match name.as_str() {
                        "all" => inner.into_iter().fold(Compiled::Yes, Compiled::and),
                        "any" => inner.into_iter().fold(Compiled::No, Compiled::or),
                        "not" if inner.len() == 1 => inner[0].not(),
                        _ => Compiled::Maybe,
                    }
                }
                Some(TokenTree::Punct(punct)) if punct.as_char() == '=' => match tokens.next() {
                    Some(TokenTree::Literal(value)) => {
                        self.equals(&name, value.to_string().trim_matches('"'))
                    }
                    _ => Compiled::Maybe,
                },
                _ => self.is_set(&name),
            };
            answers.push(answer);
            // To the comma, over whatever an unknown form left.
            while tokens
                .next_if(|token| !matches!(token, TokenTree::Ident(_)))
                .is_some_and(|token| !matches!(token, TokenTree::Punct(p) if p.as_char() == ','))
            {
            }
        }
        answers
    }

    fn is_set(&self, name: &str) -> Compiled {
        match name {
            // Only code that ships is of interest: never under test, documentation or Miri.
            "test" | "doctest" | "doc" | "miri" | "bench" => Compiled::No,
            "true" => Compiled::Yes,
            "false" => Compiled::No,
            "unix" | "windows" => self.equals("target_family", name),
            _ => Compiled::Maybe,
        }
    }

    fn equals(&self, name: &str, value: &str) -> Compiled {
        if name == "feature" {
            return match &self.features {
                Some(features) => features.iter().any(|feature| feature == value).into(),
                None => Compiled::Maybe,
            };
        }
        let Some(triple) = &self.triple else { return Compiled::Maybe };
        let Some(target) = CfgTarget::of(triple) else { return Compiled::Maybe };
        match name {
            "target_os" => (target.os == value).into(),
            "target_arch" => (target.arch == value).into(),
            "target_env" => (target.env == value).into(),
            "target_family" => (target.family == value).into(),
            "target_vendor" => (target.vendor == value).into(),
            _ => Compiled::Maybe,
        }
    }
}

/// The parts of a triple that `cfg` can ask for, for the targets whose names spell them out.
struct CfgTarget<'a> {
    arch: &'a str,
    vendor: &'a str,
    os: &'a str,
    env: &'a str,
    family: &'a str,
}

impl CfgTarget<'_> {
    fn of(triple: &str) -> Option<CfgTarget<'_>> {
        let parts: Vec<&str> = triple.split('-').collect();
        let [arch, vendor, os, rest @ ..] = parts.as_slice() else { return None };
        let arch = match *arch {
            "i386" | "i486" | "i586" | "i686" => "x86",
            "powerpc64le" => "powerpc64",
            arch if arch.starts_with("arm") || arch.starts_with("thumb") => "arm",
            arch if arch.starts_with("riscv64") => "riscv64",
            arch => arch,
        };
        let os = match *os {
            "darwin" => "macos",
            os => os,
        };
        let env = match rest.first().copied().unwrap_or("") {
            env if env.starts_with("gnu") => "gnu",
            env if env.starts_with("musl") => "musl",
            env if env.starts_with("uclibc") => "uclibc",
            env if env.starts_with("msvc") => "msvc",
            env => env,
        };
        let family = match os {
            "linux" | "macos" | "freebsd" | "netbsd" | "openbsd" | "android" | "illumos" => "unix",
            "windows" => "windows",
            _ => return None,
        };
        Some(CfgTarget { arch, vendor, os, env, family })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(text: &str) -> Compiled {
        let cfg = Cfg {
            features: Some(vec!["tls".to_owned()]),
            triple: Some("armv7-unknown-linux-musleabihf".to_owned()),
        };
        cfg.decide(text.parse().unwrap())
    }

    #[test]
    fn decides_what_is_known_and_nothing_else() {
        use Compiled::{Maybe, No, Yes};
        for (text, answer) in [
            ("test", No),
            ("not(test)", Yes),
            (r#"feature = "tls""#, Yes),
            (r#"feature = "other""#, No),
            ("unix", Yes),
            (r#"all(unix, target_arch = "arm")"#, Yes),
            (r#"any(windows, target_os = "linux",)"#, Yes),
            (r#"all(tokio_unstable, feature = "other")"#, No),
            (r#"all(tokio_unstable, feature = "tls")"#, Maybe),
            (r#"any(tokio_unstable, target_env = "musl")"#, Yes),
            (r#"not(any(test, loom))"#, Maybe),
            (r#"target_has_atomic = "64""#, Maybe),
            ("all()", Yes),
            ("any()", No),
            ("version(\"1.80\")", Maybe),
            ("", Maybe),
        ] {
            assert_eq!(decide(text), answer, "{text}");
        }
    }

    #[test]
    fn an_unknown_build_decides_tests_alone() {
        let cfg = Cfg::default();
        assert_eq!(cfg.decide("feature = \"x\"".parse().unwrap()), Compiled::Maybe);
        assert_eq!(cfg.decide("test".parse().unwrap()), Compiled::No);
    }
}
