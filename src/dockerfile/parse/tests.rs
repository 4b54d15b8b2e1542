//! Instructions, here-documents and their places.

use super::*;

fn kinds(text: &str) -> Vec<InstructionKind> {
    let parsed = parse(&SourceText::new(text)).unwrap_or_else(|error| panic!("{text}: {error}"));
    parsed.instructions.into_iter().map(|it| it.kind).collect()
}

fn shell(text: &str) -> String {
    match &kinds(text)[1] {
        InstructionKind::Run { form: Form::Shell(cleaned), .. } => cleaned.text.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn comments_and_joined_lines_are_not_of_the_command() {
    assert_eq!(
        shell("FROM a\nRUN set -eux \\\n  # comment\n\n  ; ls # x\nUSER b\n"),
        "set -eux   ; ls # x"
    );
    assert_eq!(shell("# escape=`\nFROM a\nRUN a \\ `\n b\n"), "a \\  b");
}

#[test]
fn a_place_in_the_command_is_the_place_in_the_file() {
    let text = "FROM a\nRUN set -e; \\\n # no\n cargo build\n";
    let source = SourceText::new(text);
    let parsed = parse(&source).unwrap();
    let InstructionKind::Run { form: Form::Shell(cleaned), .. } = &parsed.instructions[1].kind
    else {
        panic!("{parsed:?}")
    };
    let at = cleaned.text.find("cargo").unwrap();
    let place = source.position(cleaned.place(at));
    assert_eq!((place.line, place.column), (4, 2));
}

#[test]
fn here_documents_are_read_wherever_they_begin() {
    for text in [
        "FROM a\nRUN <<EOF\nls\nFROM x\nEOF\nUSER b\n",
        "FROM a\nRUN cat <<EOF > f && ls\nls\nFROM x\nEOF\nUSER b\n",
        "FROM a\nRUN <<-A cat <<'B'\n\tx\n\tA\ny\nB\nUSER b\n",
        "FROM a\nCOPY <<EOF /f\nRUN x\nEOF\nUSER b\n",
        "FROM a\nRUN --mount=type=cache,target=/x \\\n <<EOF\nx\nEOF\nUSER b\n",
    ] {
        let all = kinds(text);
        assert_eq!(all.len(), 3, "{text}: {all:?}");
        assert!(matches!(all[2], InstructionKind::User(_)), "{text}");
    }
    let InstructionKind::Run { heredocs, .. } = &kinds("FROM a\nRUN <<A cat <<B\nx\nA\ny\nB\n")[1]
    else {
        panic!()
    };
    assert_eq!(heredocs.len(), 2);
    // A shift, a here-string and quoted text are none.
    for text in ["echo $((1<<2))", "cat <<<x", "echo '<<EOF' \"a <<EOF b\""] {
        assert_eq!(kinds(&format!("FROM a\nRUN {text}\nUSER b\n")).len(), 3, "{text}");
    }
}

#[test]
fn variables_are_read_in_both_forms() {
    let all = kinds("FROM a\nENV A=1 B=\"x y\" C='z' \\\n D=4\nENV E x y\nARG F\nARG G=2\n");
    let InstructionKind::Env(pairs) = &all[1] else { panic!("{all:?}") };
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(pairs, [("A", "1"), ("B", "x y"), ("C", "z"), ("D", "4")]);
    assert_eq!(all[2], InstructionKind::Env(vec![("E".into(), "x y".into())]));
    assert_eq!(all[3], InstructionKind::Arg(vec![("F".into(), None)]));
    assert_eq!(all[4], InstructionKind::Arg(vec![("G".into(), Some("2".into()))]));
}

#[test]
fn what_is_no_dockerfile_is_refused_with_its_place() {
    for (text, line, said) in [
        ("FROM a\nRUNN ls\n", Some(2), "unknown instruction"),
        ("RUN ls\n", Some(1), "FROM"),
        ("", None, ""),
        ("FROM a\nRUN <<EOF\nls\n", Some(2), "here-document `EOF` has no end"),
        ("FROM a\nCOPY x\n", Some(2), ""),
    ] {
        let error = parse(&SourceText::new(text)).unwrap_err();
        assert!(error.message.contains(said), "{text}: {error}");
        assert!(line.is_none() || error.line == line, "{text}: {error:?}");
        assert!(!error.to_string().contains('\n'), "{text}: {error}");
    }
}

#[test]
fn many_lines_cost_little_and_too_many_are_refused() {
    let start = std::time::Instant::now();
    let long = "FROM a\n".to_owned() + &"RUN cargo build --release \\\n  && ls\n".repeat(50_000);
    assert_eq!(kinds(&long).len(), 50_001);
    let endless = "FROM a\nRUN a".to_owned() + &" \\\n".repeat(1_000_000);
    let error = parse(&SourceText::new(&endless)).unwrap_err();
    assert_eq!(error.line, Some(2), "{error}");
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}
