//! A Dockerfile as instructions: comments dropped, lines joined, texts of here-documents left out.

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawInstruction {
    /// Its first line, from 1.
    pub line: u32,
    /// In capitals.
    pub name: String,
    /// The rest of it, parted at blanks, without quotation marks.
    pub words: Vec<String>,
}

/// Every instruction, in order.
pub fn instructions(text: &str) -> Vec<RawInstruction> {
    let escape = escape_of(text);
    let mut all: Vec<(u32, String)> = Vec::new();
    let mut open = false;
    let mut lines = (1u32..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        let line = line.trim();
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let (part, goes_on) = match line.strip_suffix(escape) {
            Some(part) => (part, true),
            None => (line, false),
        };
        match all.last_mut().filter(|_| open) {
            Some((_, joined)) => joined.push_str(part),
            None => all.push((number, part.to_owned())),
        }
        open = goes_on;
        let Some((_, whole)) = all.last().filter(|_| !open) else { continue };
        for end in here_documents(whole) {
            let is_end = |text: &str| text.trim_start_matches('\t') == end;
            while lines.next().is_some_and(|(_, text)| !is_end(text)) {}
        }
    }
    all.into_iter().filter_map(|(line, text)| instruction(line, &text)).collect()
}

fn instruction(line: u32, text: &str) -> Option<RawInstruction> {
    let mut words = text.split_whitespace();
    let name = words.next()?.to_ascii_uppercase();
    let words = words.map(|word| word.replace(['"', '\''], "")).collect();
    Some(RawInstruction { line, name, words })
}

/// `# escape=\``, among the comments at the very top.
fn escape_of(text: &str) -> char {
    let directives = text.lines().map_while(|line| line.trim().strip_prefix('#')?.split_once('='));
    let escapes = directives.filter(|(name, _)| name.trim().eq_ignore_ascii_case("escape"));
    match escapes.map(|(_, value)| value.trim()).next() {
        Some("`") => '`',
        _ => '\\',
    }
}

/// The lines that end the here-documents of this instruction: `RUN <<EOF`, `COPY <<-"A" <<B /x`.
fn here_documents(text: &str) -> Vec<String> {
    let name = text.split_whitespace().next().unwrap_or_default();
    if !["RUN", "COPY", "ADD"].iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return Vec::new();
    }
    let words = text.split_whitespace().skip(1);
    let word = |word: &str| {
        let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
        let rest = rest.strip_prefix('-').unwrap_or(rest);
        let quote = rest.chars().next().filter(|c| ['"', '\''].contains(c));
        let end = match quote {
            Some(quote) => rest.strip_prefix(quote)?.strip_suffix(quote)?,
            None => rest,
        };
        let is_word = end.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && end.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        is_word.then(|| end.to_owned())
    };
    words.filter_map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        instructions(text).into_iter().map(|it| format!("{} {}", it.line, it.name)).collect()
    }

    #[test]
    fn lines_are_joined_over_comments() {
        let all = instructions("FROM a\nrun x \\\n# FROM c\n\n  y \\  \n z\nCMD [\"b\"]\n");
        assert_eq!(all[1].words, ["x", "y", "z"]);
        assert_eq!((all[1].name.as_str(), all[2].line), ("RUN", 7));
    }

    #[test]
    fn the_text_of_a_here_document_is_none() {
        let text = "FROM a\nRUN <<EOF cat >x\nFROM b\n# EOF\nEOF\nCOPY <<-'A' <<B /x/\nFROM c\n\tA\n\
                    FROM d\nB\nRUN echo $((1 <<2)) <<'never\nFROM e\n";
        assert_eq!(names(text), ["1 FROM", "2 RUN", "6 COPY", "11 RUN", "12 FROM"]);
        // One without an end goes to the end.
        assert_eq!(names("RUN <<EOF\nFROM b\n"), ["1 RUN"]);
    }

    #[test]
    fn the_escape_may_be_another() {
        assert_eq!(names("# escape=`\nRUN c:\\\nRUN a `\nFROM b\n"), ["2 RUN", "3 RUN"]);
        assert_eq!(names("FROM x\n# escape=`\nRUN a `\nFROM b\n").len(), 3);
    }
}
