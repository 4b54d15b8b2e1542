//! The build context: which files there are, which of them an engine sends, and which git tracks.

use std::collections::BTreeSet;

/// The files of a context, by path relative to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Every file; directories are the paths before their files.
    pub files: BTreeSet<String>,
    /// Directories, the empty ones among them.
    pub directories: BTreeSet<String>,
    /// Patterns of `.dockerignore`; `None` where there is no such file.
    pub ignore: Option<Vec<String>>,
    /// Files that git tracks; `None` where that is not known.
    pub tracked: Option<BTreeSet<String>>,
    /// Patterns of the `.gitignore` files at the context's root and above, as they stand.
    pub git_ignore: Vec<String>,
    /// Not every file was listed: what is missing here may be there.
    pub incomplete: bool,
    /// The user, or the Dockerfile's own sources, leave no doubt that this is the context.
    pub certain: bool,
}

impl Context {
    /// Whether an engine sends this path: the last pattern that matches it or a directory above it
    /// decides.
    pub fn sends(&self, path: &str) -> bool {
        let Some(patterns) = &self.ignore else { return true };
        let mut sent = true;
        for pattern in patterns {
            let (exception, pattern) = match pattern.strip_prefix('!') {
                Some(pattern) => (true, pattern),
                None => (false, pattern.as_str()),
            };
            if exception != sent && matches_or_above(pattern, path) {
                sent = exception;
            }
        }
        sent
    }

    /// Files that a source of COPY selects: itself, what lies below it, or what a pattern matches.
    pub fn selected<'a>(&'a self, source: &'a str) -> impl Iterator<Item = &'a str> {
        let source = source.trim_start_matches("./").trim_matches('/');
        let whole = source.is_empty() || source == ".";
        let pattern = source.contains(['*', '?', '[']);
        self.files.iter().map(String::as_str).filter(move |path| {
            whole
                || *path == source
                || path.strip_prefix(source).is_some_and(|rest| rest.starts_with('/'))
                || pattern && matches_or_above(source, path)
        })
    }

    /// Whether a source of COPY is there at all: a file, a directory or what a pattern matches.
    pub fn has(&self, source: &str) -> bool {
        let source = super::workspace::join("", source.trim_start_matches('/'));
        source.is_empty()
            || self.directories.contains(&source)
            || self.files.contains(&source)
            || source.contains(['*', '?', '['])
                && (self.files.iter().chain(&self.directories)).any(|it| matches(&source, it))
    }

    /// Whether `.gitignore` names this path: such a file is made, not checked out.
    pub fn git_ignores(&self, path: &str) -> bool {
        git_ignored(&self.git_ignore, path)
    }
}

/// Whether patterns as in `.gitignore` name a path or a directory above it: the last that does decides.
/// A slash at the end of a pattern is not looked at.
pub fn git_ignored(patterns: &[String], path: &str) -> bool {
    let hits = |pattern: &str| {
        let pattern = pattern.trim_end_matches('/');
        let anchored = pattern.contains('/');
        let pattern = pattern.trim_start_matches('/');
        if anchored {
            matches_or_above(pattern, path)
        } else {
            path.split('/').any(|part| matches(pattern, part))
        }
    };
    patterns.iter().fold(false, |ignored, pattern| match pattern.strip_prefix('!') {
        Some(exception) => ignored && !hits(exception),
        None => ignored || hits(pattern),
    })
}

/// The patterns of an ignore file.
pub fn ignore_patterns(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let clean = |line: &str| {
        let (mark, rest) = line.strip_prefix('!').map_or(("", line), |rest| ("!", rest.trim()));
        format!("{mark}{}", super::workspace::join("", rest.trim_start_matches('/')))
    };
    lines.map(clean).collect()
}

fn matches_or_above(pattern: &str, path: &str) -> bool {
    let above = path.match_indices('/').map(|(at, _)| &path[..at]);
    matches(pattern, path) || above.into_iter().any(|directory| matches(pattern, directory))
}

/// Go's `filepath.Match` with `**`, as ignore files and COPY have it.
pub fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), path.chars().collect());
    if !pattern.iter().any(|c| "*?[\\".contains(*c)) {
        return pattern == path;
    }
    // Each pair is looked at once, so that no pattern costs more than its length times the path's.
    let mut seen = vec![false; (pattern.len() + 1) * (path.len() + 1)];
    let mut open = vec![(0, 0)];
    while let Some((p, t)) = open.pop() {
        let index = p * (path.len() + 1) + t;
        if std::mem::replace(&mut seen[index], true) {
            continue;
        }
        let Some(next) = pattern.get(p) else {
            if t == path.len() {
                return true;
            }
            continue;
        };
        let character = path.get(t).copied();
        match next {
            '*' if pattern.get(p + 1) == Some(&'*') => {
                let slash = pattern.get(p + 2) == Some(&'/');
                let after = if slash { p + 3 } else { p + 2 };
                // `**/` ends where a name begins.
                if !slash || t == 0 || path.get(t - 1) == Some(&'/') {
                    open.push((after, t));
                }
                if character.is_some() {
                    open.push((p, t + 1));
                }
            }
            '*' => {
                open.push((p + 1, t));
                if character.is_some_and(|it| it != '/') {
                    open.push((p, t + 1));
                }
            }
            '?' if character.is_some_and(|it| it != '/') => open.push((p + 1, t + 1)),
            '[' => {
                let Some(length) = pattern[p..].iter().position(|it| *it == ']') else { continue };
                let (mut set, not) =
                    (&pattern[p + 1..p + length], pattern.get(p + 1) == Some(&'^'));
                if not {
                    set = &set[1..];
                }
                let Some(character) = character else { continue };
                let mut inside = set.contains(&character);
                for range in set.windows(3).filter(|it| it[1] == '-') {
                    inside |= range[0] <= character && character <= range[2];
                }
                if inside != not {
                    open.push((p + length + 1, t + 1));
                }
            }
            '\\' if pattern.get(p + 1).copied() == character && character.is_some() => {
                open.push((p + 2, t + 1));
            }
            next if character == Some(*next) => open.push((p + 1, t + 1)),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_git_name_paths_and_what_lies_below_them() {
        let ignored = |patterns: &[&str], path| {
            git_ignored(&patterns.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>(), path)
        };
        for (patterns, path, expected) in [
            (&["testdata/"] as &[&str], "a/testdata/b/Dockerfile", true),
            (&["/testdata/"], "a/testdata/Dockerfile", false),
            (&["/testdata"], "testdata/a/Dockerfile", true),
            (&["a/*.dockerfile"], "a/x.dockerfile", true),
            (&["a/*.dockerfile"], "b/a/x.dockerfile", false),
            (&["**/x"], "b/a/x", true),
            (&["*", "!b/"], "b/a", false),
            (&["!b/", "*"], "b/a", true),
            (&[], "a", false),
        ] {
            assert_eq!(ignored(patterns, path), expected, "{patterns:?} {path}");
        }
    }

    fn context(files: &[&str], ignore: &str) -> Context {
        Context {
            files: files.iter().map(|it| (*it).to_owned()).collect(),
            directories: ["src".to_owned(), "empty".to_owned()].into(),
            ignore: Some(ignore_patterns(ignore)),
            ..Context::default()
        }
    }

    #[test]
    fn what_is_sent_is_decided_by_the_last_pattern() {
        for (ignore, path, sent) in [
            ("target", "target/release/app", false),
            ("target", "crates/a/target/x", true),
            ("**/target", "crates/a/target/x", false),
            ("**/target", "target/x", false),
            ("**/.*", "config/app.yaml", true),
            ("**/.*", "config/.env", false),
            ("a**b", "axx/yb", false),
            ("*", "src/main.rs", false),
            ("*\n!src", "src/main.rs", true),
            ("*\n!src/**\n!Cargo.toml", "Cargo.lock", false),
            ("/target/", "target/x", false),
            ("# target\n\n", "target/x", true),
            ("*.md\n!README.md", "README.md", true),
            ("src/*.rs", "src/a/b.rs", true),
            ("**/*.rs", "src/a/b.rs", false),
            ("[a-c]x", "bx", false),
        ] {
            assert_eq!(context(&[], ignore).sends(path), sent, "{ignore:?} {path}");
        }
    }

    #[test]
    fn sources_are_found_as_files_directories_and_patterns() {
        let context = context(&["src/main.rs", "Cargo.toml", "a/b/c.rs"], "");
        for (source, there) in [
            ("src", true),
            (".", true),
            ("./Cargo.toml", true),
            ("Cargo.loc[k]", false),
            ("Cargo.*", true),
            ("x", false),
            ("empty/", true),
        ] {
            assert_eq!(context.has(source), there, "{source}");
        }
        assert_eq!(context.selected("a").collect::<Vec<_>>(), ["a/b/c.rs"]);
        assert_eq!(context.selected("./").count(), 3);
    }

    #[test]
    fn no_pattern_costs_time_without_end() {
        assert!(!matches(&"*a".repeat(500), &"a".repeat(2_000).replace("aaaa", "aaab")));
        assert!(!matches(&("**/".repeat(300) + "x"), &"a/".repeat(900)));
    }
}
