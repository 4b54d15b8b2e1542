//! Recursive descent over the bytes of a script.

mod word;

use super::{Operator, Redirect, ShellError, ShellNode, ShellWord, Simple, WordPart};

/// Commands within commands; deeper ones are refused, so that no text can exhaust the stack.
const MAX_DEPTH: usize = 40;

const RESERVED: &[&str] = &["then", "else", "elif", "fi", "do", "done", "esac", "}"];

type ParsedShell<T> = Result<T, ShellError>;

struct ShellParser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    /// Here-documents whose text begins after this line: delimiter, `<<-`, quoted.
    pending: Vec<(String, bool)>,
    documents: Vec<String>,
}

/// Reads a script.
///
/// # Errors
/// What is no command, with its offset; commands nested deeper than 40.
pub fn parse(text: &str) -> ParsedShell<Vec<ShellNode>> {
    let mut parser = ShellParser {
        text,
        bytes: text.as_bytes(),
        at: 0,
        depth: 0,
        pending: Vec::new(),
        documents: Vec::new(),
    };
    let nodes = parser.list()?;
    parser.blanks();
    match parser.peek() {
        None => Ok(nodes),
        Some(_) => Err(parser.unexpected()),
    }
}

impl ShellParser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn starts(&self, what: &str) -> bool {
        self.bytes[self.at..].starts_with(what.as_bytes())
    }

    fn error(&self, message: impl Into<String>) -> ShellError {
        ShellError { offset: self.at, message: message.into() }
    }

    fn unexpected(&self) -> ShellError {
        match self.text[self.at..].chars().next() {
            Some('\n') => self.error("the line ends too early"),
            Some(found) => self.error(format!("`{}` is not expected here", found.escape_default())),
            None => self.error("the command ends too early"),
        }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> ParsedShell<T>) -> ParsedShell<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.error("commands are nested too deeply"));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// Skips blanks, joined lines and comments.
    fn blanks(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\\') if self.bytes.get(self.at + 1) == Some(&b'\n') => self.at += 2,
                Some(b'#') if self.at == 0 || is_meta(self.bytes[self.at - 1]) => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    /// Skips blanks and ends of lines, reading the here-documents that begin there.
    fn lines(&mut self) {
        self.blanks();
        while self.peek() == Some(b'\n') {
            self.at += 1;
            self.read_documents();
            self.blanks();
        }
    }

    fn read_documents(&mut self) {
        for (delimiter, strip) in std::mem::take(&mut self.pending) {
            let mut body = String::new();
            while self.at < self.bytes.len() {
                let end = memchr::memchr(b'\n', &self.bytes[self.at..])
                    .map_or(self.bytes.len(), |length| self.at + length);
                let line = &self.text[self.at..end];
                self.at = (end + 1).min(self.bytes.len());
                let line = if strip { line.trim_start_matches('\t') } else { line };
                if line.trim_end_matches('\r') == delimiter {
                    break;
                }
                body.push_str(line);
                body.push('\n');
            }
            self.documents.push(body);
        }
    }

    /// A reserved word at this place, which is not a part of a longer one.
    fn keyword(&self) -> Option<&str> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !(c.is_ascii_alphabetic() || "{}![".contains(c)));
        let word = &rest[..end.unwrap_or(rest.len())];
        let after = self.bytes.get(self.at + word.len()).copied();
        (!word.is_empty() && after.is_none_or(is_meta)).then_some(word)
    }

    fn take_keyword(&mut self, word: &str) -> bool {
        let found = self.keyword() == Some(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn expect(&mut self, word: &str) -> ParsedShell<()> {
        self.lines();
        if self.take_keyword(word) {
            Ok(())
        } else {
            Err(self.error(format!("`{word}` is missing")))
        }
    }

    /// Commands until something that ends them.
    fn list(&mut self) -> ParsedShell<Vec<ShellNode>> {
        self.deeper(|parser| {
            let mut nodes = Vec::new();
            loop {
                parser.lines();
                if parser.ends_list() {
                    return Ok(nodes);
                }
                let node = parser.and_or()?;
                parser.blanks();
                match parser.peek() {
                    Some(b';') if !parser.starts(";;") => {
                        parser.at += 1;
                        nodes.push(node);
                    }
                    Some(b'&') => {
                        parser.at += 1;
                        nodes.push(ShellNode::Background(Box::new(node)));
                    }
                    Some(b'\n') => nodes.push(node),
                    _ => {
                        nodes.push(node);
                        parser.lines();
                        return if parser.ends_list() {
                            Ok(nodes)
                        } else {
                            Err(parser.unexpected())
                        };
                    }
                }
            }
        })
    }

    fn ends_list(&self) -> bool {
        match self.peek() {
            None | Some(b')') => true,
            Some(b';') => self.starts(";;"),
            Some(_) => self.keyword().is_some_and(|word| RESERVED.contains(&word)),
        }
    }

    fn and_or(&mut self) -> ParsedShell<ShellNode> {
        let first = self.pipe()?;
        let mut rest = Vec::new();
        loop {
            self.blanks();
            let operator = match () {
                () if self.starts("&&") => Operator::And,
                () if self.starts("||") => Operator::Or,
                () => break,
            };
            self.at += 2;
            self.lines();
            rest.push((operator, self.pipe()?));
        }
        Ok(if rest.is_empty() { first } else { ShellNode::AndOr(Box::new(first), rest) })
    }

    fn pipe(&mut self) -> ParsedShell<ShellNode> {
        self.blanks();
        while self.take_keyword("!") || self.take_keyword("time") {
            self.blanks();
        }
        let mut items = vec![self.command()?];
        loop {
            self.blanks();
            if self.peek() != Some(b'|') || self.starts("||") {
                break;
            }
            self.at += if self.starts("|&") { 2 } else { 1 };
            self.lines();
            items.push(self.command()?);
        }
        Ok(if items.len() == 1 { items.swap_remove(0) } else { ShellNode::Pipe(items) })
    }

    fn command(&mut self) -> ParsedShell<ShellNode> {
        self.blanks();
        if self.starts("((") {
            self.skip_arithmetic()?;
            return Ok(ShellNode::Simple(Simple::default()));
        }
        if self.peek() == Some(b'(') {
            self.at += 1;
            let nodes = self.list()?;
            self.close(b')')?;
            return Ok(ShellNode::Subshell(nodes, self.redirects()?));
        }
        let node = match self.keyword() {
            Some("{") => {
                self.at += 1;
                let nodes = self.list()?;
                self.expect("}")?;
                ShellNode::Group(nodes, self.redirects()?)
            }
            Some("if") => {
                self.at += 2;
                let node = self.deeper(Self::conditional)?;
                self.redirects()?;
                node
            }
            Some("for" | "select") => self.deeper(Self::for_loop)?,
            Some("while" | "until") => {
                self.at += 5;
                let condition = self.list()?;
                let body = self.body()?;
                self.redirects()?;
                ShellNode::While(condition, body)
            }
            Some("case") => self.deeper(Self::case)?,
            Some("function") => {
                self.at += "function".len();
                self.blanks();
                let name = self.name();
                self.blanks();
                if self.starts("()") {
                    self.at += 2;
                }
                self.function(name)?
            }
            Some(word) if RESERVED.contains(&word) => return Err(self.unexpected()),
            _ => return self.simple(),
        };
        Ok(node)
    }

    fn function(&mut self, name: String) -> ParsedShell<ShellNode> {
        self.lines();
        let body = self.deeper(Self::command)?;
        Ok(ShellNode::Function(name, vec![body]))
    }

    fn conditional(&mut self) -> ParsedShell<ShellNode> {
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        let condition = self.list()?;
        self.expect("then")?;
        branches.push((condition, self.list()?));
        loop {
            self.lines();
            if self.take_keyword("elif") {
                let condition = self.list()?;
                self.expect("then")?;
                branches.push((condition, self.list()?));
            } else if self.take_keyword("else") {
                otherwise = self.list()?;
            } else {
                self.expect("fi")?;
                return Ok(ShellNode::If(branches, otherwise));
            }
        }
    }

    fn body(&mut self) -> ParsedShell<Vec<ShellNode>> {
        self.expect("do")?;
        let body = self.list()?;
        self.expect("done")?;
        Ok(body)
    }

    fn for_loop(&mut self) -> ParsedShell<ShellNode> {
        self.at += self.keyword().map_or(0, str::len);
        self.blanks();
        if self.starts("((") {
            self.skip_arithmetic()?;
            self.separator();
            let body = self.body()?;
            return Ok(ShellNode::While(Vec::new(), body));
        }
        let name = self.name();
        self.lines();
        let mut words = Vec::new();
        if self.take_keyword("in") {
            loop {
                self.blanks();
                match self.peek() {
                    None | Some(b';' | b'\n') => break,
                    Some(_) => words.push(self.word()?),
                }
            }
        }
        self.separator();
        let body = self.body()?;
        self.redirects()?;
        Ok(ShellNode::For(name, words, body))
    }

    fn separator(&mut self) {
        self.blanks();
        if self.peek() == Some(b';') {
            self.at += 1;
        }
        self.lines();
    }

    fn case(&mut self) -> ParsedShell<ShellNode> {
        self.at += 4;
        self.blanks();
        let word = self.word()?;
        self.expect("in")?;
        let mut arms = Vec::new();
        loop {
            self.lines();
            if self.take_keyword("esac") {
                self.redirects()?;
                return Ok(ShellNode::Case(word, arms));
            }
            if self.peek() == Some(b'(') {
                self.at += 1;
            }
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                patterns.push(self.word()?);
                self.blanks();
                match self.peek() {
                    Some(b'|') => self.at += 1,
                    Some(b')') => break,
                    _ => return Err(self.unexpected()),
                }
            }
            self.at += 1;
            arms.push((patterns, self.list()?));
            self.lines();
            if self.starts(";;") {
                self.at += if self.starts(";;&") { 3 } else { 2 };
            }
        }
    }

    fn close(&mut self, byte: u8) -> ParsedShell<()> {
        self.lines();
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.error(format!("`{}` is missing", char::from(byte))))
        }
    }

    fn name(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        {
            self.at += 1;
        }
        self.text[start..self.at].to_owned()
    }

    fn skip_arithmetic(&mut self) -> ParsedShell<()> {
        let mut open = 0_usize;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'(' => open += 1,
                b')' if open == 1 => return Ok(()),
                b')' => open -= 1,
                _ => {}
            }
        }
        Err(self.error("`))` is missing"))
    }

    fn redirects(&mut self) -> ParsedShell<Vec<Redirect>> {
        let mut all = Vec::new();
        loop {
            self.blanks();
            match self.redirect()? {
                Some(redirect) => all.push(redirect),
                None => return Ok(all),
            }
        }
    }

    /// `>`, `2>&1`, `<<EOF`; `None` where there is none.
    fn redirect(&mut self) -> ParsedShell<Option<Redirect>> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        const OPERATORS: &[&str] =
            &["<<<", "<<-", "<<", "<>", "<&", "<", "&>>", "&>", ">>", ">&", ">|", ">"];
        let found = OPERATORS.iter().find(|operator| self.starts(operator));
        // `<( … )` is a word.
        let substitution = self.starts("<(") || self.starts(">(");
        let Some(operator) = found.filter(|_| !substitution) else {
            self.at = start;
            return Ok(None);
        };
        self.at += operator.len();
        self.blanks();
        let mut target = self.word()?;
        if matches!(*operator, "<<" | "<<-") {
            let delimiter = target.literal().unwrap_or_default();
            self.pending.push((delimiter, *operator == "<<-"));
            // The text follows on the next lines; nobody needs it but as a sign that it is there.
            target = ShellWord { parts: vec![WordPart::Opaque], span: target.span };
        }
        Ok(Some(Redirect { operator, target }))
    }

    fn simple(&mut self) -> ParsedShell<ShellNode> {
        let mut simple = Simple { span: self.at..self.at, ..Simple::default() };
        loop {
            self.blanks();
            if let Some(redirect) = self.redirect()? {
                simple.redirects.push(redirect);
                simple.span.end = self.at;
                continue;
            }
            match self.peek() {
                None | Some(b'\n' | b';' | b'|' | b')') => break,
                Some(b'&') => break,
                Some(b'(') => {
                    // `name()`
                    let is_function = simple.words.len() == 1 && simple.redirects.is_empty();
                    let name = simple.words.first().and_then(ShellWord::literal);
                    match name.filter(|_| is_function) {
                        Some(name) => {
                            self.at += 1;
                            self.close(b')')?;
                            return self.function(name);
                        }
                        None => return Err(self.unexpected()),
                    }
                }
                Some(_) => {}
            }
            if simple.words.is_empty() {
                if let Some((name, word)) = self.assignment()? {
                    simple.assignments.push((name, word));
                    simple.span.end = self.at;
                    continue;
                }
                if self.starts("[[") {
                    simple.words.push(self.double_bracket()?);
                    simple.span.end = self.at;
                    continue;
                }
            }
            simple.words.push(self.word()?);
            simple.span.end = self.at;
        }
        if simple.words.is_empty() && simple.assignments.is_empty() && simple.redirects.is_empty() {
            return Err(self.unexpected());
        }
        Ok(ShellNode::Simple(simple))
    }

    fn double_bracket(&mut self) -> ParsedShell<ShellWord> {
        let start = self.at;
        match self.text[self.at..].find("]]") {
            Some(length) => self.at += length + 2,
            None => return Err(self.error("`]]` is missing")),
        }
        let quoted = WordPart::Text { text: "[[".to_owned(), quoted: true };
        Ok(ShellWord { parts: vec![quoted], span: start..self.at })
    }
}

fn is_meta(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>')
}
