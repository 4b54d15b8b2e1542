//! Corrections of a text, and the patch that makes them.

use super::source::TextSpan;

/// Lines of a patch around what is changed.
const AROUND: usize = 3;

/// The text with its edits made. Of edits that touch each other the first is made.
pub fn apply<'e>(text: &str, edits: impl Iterator<Item = (TextSpan, &'e str)>) -> String {
    let mut edits: Vec<(TextSpan, &str)> = edits.collect();
    edits.sort_by_key(|(span, _)| (span.start, span.end));
    let mut made = String::new();
    let mut at = 0;
    let mut last = None;
    for (span, new) in edits {
        let (Some(before), Some(_)) = (text.get(at..span.start), text.get(span.clone())) else {
            continue;
        };
        // Two findings may ask for the same.
        if last.as_ref() == Some(&span) {
            continue;
        }
        made.push_str(before);
        made.push_str(new);
        at = span.end;
        last = Some(span);
    }
    made.push_str(text.get(at..).unwrap_or_default());
    made
}

/// The change as a unified patch of one hunk; empty where nothing changes.
pub fn unified(path: &str, old: &str, new: &str) -> String {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let same = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    if same == before.len() && same == after.len() {
        return String::new();
    }
    let most = before.len().min(after.len()) - same;
    let tail =
        before.iter().rev().zip(after.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let start = same.saturating_sub(AROUND);
    let end = |length: usize| (length - tail + AROUND).min(length);
    let (old_end, new_end) = (end(before.len()), end(after.len()));
    let path: String = path.chars().filter(|it| !it.is_control()).collect();
    let mut text = format!(
        "--- {path}\n+++ {path}\n@@ -{},{} +{},{} @@\n",
        start + 1,
        old_end - start,
        start + 1,
        new_end - start
    );
    let mut push = |mark: char, line: &str| {
        text.push(mark);
        text.push_str(line);
        if !line.ends_with('\n') {
            text.push_str("\n\\ No newline at end of file\n");
        }
    };
    before[start..same].iter().for_each(|line| push(' ', line));
    before[same..before.len() - tail].iter().for_each(|line| push('-', line));
    after[same..after.len() - tail].iter().for_each(|line| push('+', line));
    before[before.len() - tail..old_end].iter().for_each(|line| push(' ', line));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_change_nothing_else() {
        let text = "FROM a\nRUN set -e x\n# é\nRUN rn /x\n";
        let at = |what: &str| text.find(what).unwrap();
        let edits = [
            (at("rn")..at("rn") + 2, "rm"),
            (at(" x")..at(" x"), ";"),
            (at(" x")..at(" x"), ";"),
            (at("rn") + 1..at("rn") + 2, "?"),
            (1_000..1_001, "?"),
        ];
        let new = apply(text, edits.into_iter());
        assert_eq!(new, "FROM a\nRUN set -e; x\n# é\nRUN rm /x\n");
        let patch = unified("Dockerfile", text, &new);
        assert!(
            patch.starts_with("--- Dockerfile\n+++ Dockerfile\n@@ -1,4 +1,4 @@\n FROM a\n-RUN"),
            "{patch}"
        );
        assert_eq!(unified("x", text, text), "");
    }

    /// `patch` makes of the old text the new one.
    #[test]
    fn the_patch_is_one_that_patch_takes() {
        for (old, new) in [
            ("a\nb\nc\nd\ne\nf\ng\nh\n", "a\nb\nc\nd\nE\nf\ng\nh\n"),
            ("a\nb", "a\nB\n"),
            ("a\n", "a\nb\nc\n"),
            ("a\nb\nc\n", "c\n"),
        ] {
            let directory = tempfile::tempdir().unwrap();
            std::fs::write(directory.path().join("f"), old).unwrap();
            std::fs::write(directory.path().join("p"), unified("f", old, new)).unwrap();
            let run = std::process::Command::new("patch")
                .args(["-s", "f", "p"])
                .current_dir(directory.path())
                .status();
            let Ok(status) = run else { return };
            assert!(status.success(), "{old:?} {new:?}: {}", unified("f", old, new));
            assert_eq!(std::fs::read_to_string(directory.path().join("f")).unwrap(), new);
        }
    }
}
