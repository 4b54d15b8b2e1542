//! What both programs share.

/// What a program says when it was started with so many words.
pub fn greeting(words: usize) -> String {
    format!("ready, started with {words} words")
}
