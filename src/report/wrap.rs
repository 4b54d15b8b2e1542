//! Breaks text at spaces to the width of the terminal.

/// Breaks `text` so that no line is longer than `width` columns where a space allows it. The text
/// begins at column `taken`; every further line is indented by `indent` columns. Blanks at the
/// beginning of a line of the text are kept for what it is broken into.
pub fn wrap(text: &str, taken: usize, indent: usize, width: usize) -> String {
    let mut out = String::new();
    for (number, line) in text.lines().enumerate() {
        let words = line.trim_start_matches(' ');
        let own = line.len() - words.len();
        let line_break = format!("\n{}", " ".repeat(indent + own));
        let mut column = taken + own;
        if number == 0 {
            out.push_str(&line[..own]);
        } else {
            out.push_str(&line_break);
            column = indent + own;
        }
        for (index, word) in words.split(' ').enumerate() {
            let length = word.chars().count();
            if index > 0 && column + 1 + length > width {
                out.push_str(&line_break);
                column = indent + own;
            } else if index > 0 {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column += length;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn lines_are_broken_at_spaces_and_indented() {
        assert_eq!(wrap("one two three", 0, 2, 9), "one two\n  three");
        assert_eq!(wrap("one two", 4, 4, 9), "one\n    two");
        assert_eq!(wrap("one two", 0, 0, 7), "one two");
    }

    #[test]
    fn own_indents_and_lines_stay() {
        assert_eq!(wrap("a\n  bb cc", 0, 1, 6), "a\n   bb\n   cc");
    }

    #[test]
    fn a_word_that_is_longer_than_the_width_keeps_its_line() {
        assert_eq!(wrap("a /long/path/of/it b", 0, 0, 6), "a\n/long/path/of/it\nb");
    }
}
