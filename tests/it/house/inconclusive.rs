//! An inconclusive outcome says how to settle it. The type demands the second text; this test demands
//! of the text that it is a command to the reader.

use std::fs;
use std::path::Path;

use syn::visit::Visit;

/// The verbs that such a text begins with. One of them is added with the text that needs it.
const VERBS: &[&str] = &[
    "build", "compare", "install", "lint", "look", "pass", "pin", "record", "remove", "restore",
    "run", "see", "set", "start", "update",
];

#[test]
fn every_inconclusive_outcome_says_how_to_settle_it() {
    let mut texts = Vec::new();
    let ways = fs::read_to_string("src/rule/settle.rs").unwrap();
    for item in syn::parse_file(&ways).unwrap().items {
        let syn::Item::Const(item) = item else {
            panic!("src/rule/settle.rs holds constants only")
        };
        texts.push((item.ident.to_string(), literal(&item.expr).expect("a text")));
    }
    let mut pending = vec![Path::new("src/rules").to_owned()];
    let mut files = vec![Path::new("src/rule.rs").to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { pending.push(path) } else { files.push(path) }
        }
    }
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        texts.extend(settling(&text).into_iter().map(|it| (file.display().to_string(), it)));
    }
    assert!(texts.len() > 40, "only {} texts were found", texts.len());
    let wrong: Vec<_> = texts.iter().filter(|(_, text)| !is_command(text)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_a_command_settles() {
    let of = |code: &str| settling(&format!("fn f() {{ Outcome::open({code}); }}"));
    assert_eq!(of("why, \"build it here\""), ["build it here"]);
    assert!(is_command("build it here") && is_command("look at `readelf -d`"));
    for wrong in ["", "not known", "build again to be sure", "building tells", "run it; look at it"]
    {
        assert!(!is_command(wrong), "{wrong}");
    }
    assert!(of("why, settle::AT_BUILD").is_empty(), "the constants are read where they are");
}

fn is_command(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    VERBS.contains(&first)
        && text.split_whitespace().count() > 1
        && !text.contains("to be sure")
        && !text.contains(';')
}

/// The second arguments of `Outcome::open`, but for tests: a text in a macro's call counts as well.
fn settling(source: &str) -> Vec<String> {
    struct Calls(Vec<String>);
    impl<'ast> Visit<'ast> for Calls {
        fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
            if module.ident != "tests" {
                syn::visit::visit_item_mod(self, module);
            }
        }
        fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
            if let syn::Expr::Path(path) = &*call.func {
                let names: Vec<_> =
                    path.path.segments.iter().map(|it| it.ident.to_string()).collect();
                if names.ends_with(&["Outcome".to_owned(), "open".to_owned()]) {
                    self.0.extend(call.args.get(1).and_then(literal));
                }
            }
            syn::visit::visit_expr_call(self, call);
        }
    }
    let mut calls = Calls(Vec::new());
    calls.visit_file(&syn::parse_file(source).unwrap());
    calls.0
}

fn literal(expression: &syn::Expr) -> Option<String> {
    match expression {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}
