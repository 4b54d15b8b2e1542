//! Which texts are a placeholder's own.

/// What a text says of the program that prints it and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextMeaning {
    /// Cargo's greeting.
    Hello,
    /// That it stands in for a program: `todo!()`, or words to that effect.
    Placeholder,
}

/// Words of which one has to be there.
const NAMES: &[&str] = &["dummy", "placeholder", "stub", "fake"];

/// Words that may stand beside it; any other word makes it a program's own text.
const FILLERS: &[&str] = &[
    "a",
    "an",
    "the",
    "this",
    "is",
    "just",
    "only",
    "here",
    "for",
    "of",
    "to",
    "main",
    "build",
    "binary",
    "program",
    "file",
    "app",
    "rs",
    "cargo",
    "docker",
    "cache",
    "caching",
    "dependency",
    "dependencies",
    "deps",
    "layer",
    "layers",
    "image",
    "called",
    "src",
    "source",
    "project",
    "package",
    "crate",
    "function",
    "entry",
    "point",
    "empty",
    "temporary",
    "temp",
];

/// What a text says, whatever its case and punctuation.
pub(crate) fn says(text: &[u8]) -> Option<TextMeaning> {
    const MAX_LENGTH: usize = 120;
    if text.len() > MAX_LENGTH {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?.to_ascii_lowercase();
    // todo!() and unimplemented!(), with or without a reason.
    for fixed in ["not yet implemented", "not implemented"] {
        if let Some(rest) = text.strip_prefix(fixed)
            && (rest.trim().is_empty() || rest.starts_with(": "))
        {
            return Some(TextMeaning::Placeholder);
        }
    }
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let has = |choices: &[&str]| words.iter().any(|word| choices.contains(word));
    let is_placeholder = match words.as_slice() {
        ["hello", "world"] => return Some(TextMeaning::Hello),
        ["todo" | "fixme" | "tbd"] => true,
        ["if", "you", "see", "this" | "it", ..] | ["if", "this", "is", "printed", ..] => {
            has(&["build", "cache", "caching", "docker", "broke", "broken", "failed", "wrong"])
        }
        _ => has(NAMES) && words.iter().all(|word| NAMES.contains(word) || FILLERS.contains(word)),
    };
    is_placeholder.then_some(TextMeaning::Placeholder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_placeholders_by_their_words() {
        assert_eq!(says(b"Hello, world!\n"), Some(TextMeaning::Hello));
        for text in [
            "not yet implemented",
            "not implemented",
            "not yet implemented: the parser",
            "if you see this, the build broke\n",
            "If you see this, the Docker cache is stale",
            "dummy\n",
            "placeholder",
            "This is a dummy build.",
            "Dummy image called!",
            "stub main for caching deps",
            "TODO\n",
        ] {
            assert_eq!(says(text.as_bytes()), Some(TextMeaning::Placeholder), "{text}");
        }
    }

    #[test]
    fn leaves_a_programs_own_text() {
        for text in [
            "Hello, world! I am a server",
            "Usage: dummy [FILE]",
            "not implemented on this platform",
            "the dummy head was recorded",
            "if you see this, call us",
            "hello",
            "",
            "\u{fffd}",
        ] {
            assert_eq!(says(text.as_bytes()), None, "{text}");
        }
        assert_eq!(says(&[b'a'; 4096]), None);
        assert_eq!(says(b"dummy \xff"), None);
    }
}
