//! Words: quotes and what `$` begins.

use super::{ParsedShell, ShellError, ShellParser, ShellWord, WordPart, is_meta};

impl ShellParser<'_> {
    pub(super) fn assignment(&mut self) -> ParsedShell<Option<(String, ShellWord)>> {
        let rest = &self.text[self.at..];
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let name = &rest[..end];
        let plus = rest[end..].starts_with("+=");
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !begins || !(plus || rest[end..].starts_with('=')) {
            return Ok(None);
        }
        let name = name.to_owned();
        self.at += end + if plus { 2 } else { 1 };
        if self.peek() == Some(b'(') {
            let start = self.at;
            self.skip_arithmetic()?;
            return Ok(Some((
                name,
                ShellWord { parts: vec![WordPart::Opaque], span: start..self.at },
            )));
        }
        let mut word = match self.peek() {
            None | Some(b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b')') => {
                ShellWord { parts: Vec::new(), span: self.at..self.at }
            }
            Some(_) => self.word()?,
        };
        if plus {
            word.parts.insert(0, WordPart::Opaque);
        }
        Ok(Some((name, word)))
    }

    pub(super) fn word(&mut self) -> ParsedShell<ShellWord> {
        let start = self.at;
        let mut parts = Vec::new();
        let mut plain = String::new();
        while let Some(byte) = self.peek() {
            match byte {
                b'<' | b'>' if self.bytes.get(self.at + 1) == Some(&b'(') && self.at == start => {
                    self.at += 1;
                    self.skip_arithmetic()?;
                    parts.push(WordPart::Opaque);
                }
                byte if is_meta(byte) => break,
                b'\\' => {
                    self.at += 1;
                    let Some(next) = self.text[self.at..].chars().next() else { break };
                    self.at += next.len_utf8();
                    if next != '\n' {
                        push(
                            &mut parts,
                            &mut plain,
                            WordPart::Text { text: next.into(), quoted: true },
                        );
                    }
                }
                b'\'' => {
                    let body = self.single_quoted()?;
                    push(&mut parts, &mut plain, WordPart::Text { text: body, quoted: true });
                }
                b'"' => {
                    flush(&mut parts, &mut plain);
                    self.double_quoted(&mut parts)?;
                }
                b'$' | b'`' => {
                    flush(&mut parts, &mut plain);
                    match self.expansion(false)? {
                        Some(part) => parts.push(part),
                        None => plain.push('$'),
                    }
                }
                _ => {
                    let Some(next) = self.text[self.at..].chars().next() else { break };
                    plain.push(next);
                    self.at += next.len_utf8();
                }
            }
        }
        flush(&mut parts, &mut plain);
        if self.at == start {
            Err(self.unexpected())
        } else {
            Ok(ShellWord { parts, span: start..self.at })
        }
    }

    fn single_quoted(&mut self) -> ParsedShell<String> {
        let start = self.at + 1;
        match memchr::memchr(b'\'', &self.bytes[start..]) {
            Some(length) => {
                self.at = start + length + 1;
                Ok(self.text[start..start + length].to_owned())
            }
            None => Err(self.error("a quote is never closed")),
        }
    }

    fn double_quoted(&mut self, parts: &mut Vec<WordPart>) -> ParsedShell<()> {
        let opened = self.at;
        self.at += 1;
        let mut text = String::new();
        let quoted = |text: &mut String, parts: &mut Vec<WordPart>| {
            parts.push(WordPart::Text { text: std::mem::take(text), quoted: true });
        };
        loop {
            match self.peek() {
                None => {
                    self.at = opened;
                    return Err(self.error("a double quote is never closed"));
                }
                Some(b'"') => {
                    self.at += 1;
                    quoted(&mut text, parts);
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    let Some(next) = self.text[self.at..].chars().next() else { continue };
                    self.at += next.len_utf8();
                    if next != '\n' {
                        if !"$`\"\\".contains(next) {
                            text.push('\\');
                        }
                        text.push(next);
                    }
                }
                Some(b'$' | b'`') => {
                    quoted(&mut text, parts);
                    match self.expansion(true)? {
                        Some(part) => parts.push(part),
                        None => text.push('$'),
                    }
                }
                Some(_) => {
                    let Some(next) = self.text[self.at..].chars().next() else { continue };
                    text.push(next);
                    self.at += next.len_utf8();
                }
            }
        }
    }

    /// What `$` or a backquote begins; `None` for a `$` that stands for itself.
    fn expansion(&mut self, quoted: bool) -> ParsedShell<Option<WordPart>> {
        if self.peek() == Some(b'`') {
            return self.deeper(Self::backquoted).map(Some);
        }
        if self.starts("$((") {
            self.at += 1;
            self.skip_arithmetic()?;
            return Ok(Some(WordPart::Opaque));
        }
        if self.starts("$(") {
            self.at += 2;
            let nodes = self.list()?;
            self.close(b')')?;
            return Ok(Some(WordPart::Command(nodes)));
        }
        if self.starts("${") {
            self.at += 2;
            return self.deeper(|parser| parser.braced(quoted)).map(Some);
        }
        self.at += 1;
        match self.peek() {
            Some(b'\'') if !quoted => {
                let text = self.single_quoted()?;
                Ok(Some(WordPart::Text { text, quoted: true }))
            }
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => {
                let start = self.at;
                while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                    self.at += 1;
                }
                let name = self.text[start..self.at].to_owned();
                Ok(Some(WordPart::Variable { name, operation: None, quoted }))
            }
            Some(byte) if byte.is_ascii_digit() || b"@*#?$!-".contains(&byte) => {
                self.at += 1;
                let name = char::from(byte).to_string();
                Ok(Some(WordPart::Variable { name, operation: None, quoted }))
            }
            _ => Ok(None),
        }
    }

    fn backquoted(&mut self) -> ParsedShell<WordPart> {
        let opened = self.at;
        let mut script = String::new();
        self.at += 1;
        while let Some(next) = self.text[self.at..].chars().next() {
            self.at += next.len_utf8();
            match next {
                '`' => {
                    let mut inner = ShellParser {
                        text: &script,
                        bytes: script.as_bytes(),
                        at: 0,
                        depth: self.depth,
                        pending: Vec::new(),
                        documents: Vec::new(),
                    };
                    let nodes = inner.list();
                    return nodes
                        .map(WordPart::Command)
                        .map_err(|error| ShellError { offset: opened, message: error.message });
                }
                '\\' => {
                    if let Some(next) = self.text[self.at..].chars().next() {
                        self.at += next.len_utf8();
                        script.push(next);
                    }
                }
                next => script.push(next),
            }
        }
        self.at = opened;
        Err(self.error("a backquote is never closed"))
    }

    fn braced(&mut self, quoted: bool) -> ParsedShell<WordPart> {
        let start = self.at;
        if self.peek() == Some(b'#') || self.peek() == Some(b'!') {
            self.at += 1;
        }
        while self
            .peek()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_@*?".contains(&byte))
        {
            self.at += 1;
        }
        let name = self.text[start..self.at].to_owned();
        let operator = self.at;
        while self.peek().is_some_and(|byte| b":-+=?#%/^,[".contains(&byte)) {
            self.at += 1;
        }
        let operator = self.text[operator..self.at].to_owned();
        let mut parts = Vec::new();
        let mut text = String::new();
        loop {
            match self.peek() {
                None => return Err(self.error("`}` is missing")),
                Some(b'}') => break,
                Some(b'$' | b'`') => {
                    flush(&mut parts, &mut text);
                    match self.expansion(true)? {
                        Some(part) => parts.push(part),
                        None => text.push('$'),
                    }
                }
                Some(b'"') => {
                    flush(&mut parts, &mut text);
                    self.double_quoted(&mut parts)?;
                }
                Some(b'\'') if !quoted => {
                    let body = self.single_quoted()?;
                    push(&mut parts, &mut text, WordPart::Text { text: body, quoted: true });
                }
                Some(b'\\') => {
                    self.at += 1;
                    let Some(next) = self.text[self.at..].chars().next() else { continue };
                    text.push(next);
                    self.at += next.len_utf8();
                }
                Some(_) => {
                    let Some(next) = self.text[self.at..].chars().next() else { continue };
                    text.push(next);
                    self.at += next.len_utf8();
                }
            }
        }
        self.at += 1;
        flush(&mut parts, &mut text);
        let operation = (!operator.is_empty()).then_some((operator, parts));
        Ok(WordPart::Variable { name, operation, quoted })
    }
}

fn push(parts: &mut Vec<WordPart>, plain: &mut String, part: WordPart) {
    flush(parts, plain);
    parts.push(part);
}

fn flush(parts: &mut Vec<WordPart>, plain: &mut String) {
    if !plain.is_empty() {
        parts.push(WordPart::Text { text: std::mem::take(plain), quoted: false });
    }
}
