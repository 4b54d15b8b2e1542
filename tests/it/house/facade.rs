//! The library shows its facade and nothing else.

use std::collections::BTreeSet;
use std::fs;

use syn::{Attribute, Item, UseTree, Visibility};

use crate::support::run;
use crate::support::slow::{self, Need};

/// Every item that `cargo doc` lists. What is public is a promise, so it is added here on purpose.
const FACADE: &[&str] = &[
    "AppliedWaiver",
    "Confidence",
    "ConfigError",
    "Error",
    "Fact",
    "Finding",
    "Group",
    "ImageError",
    "Inconclusive",
    "Inspection",
    "Level",
    "Linter",
    "LoadError",
    "Location",
    "NamedFact",
    "OpenImage",
    "Outcome",
    "Report",
    "Rule",
    "RuleResult",
    "Status",
    "SubjectReport",
    "Summary",
    "Symptom",
    "Verifier",
    "WorkspaceError",
    "inspect",
    "open_image",
    "rules",
];

/// What the program, the fuzz targets and the benches need, and no page shows.
const HIDDEN: &[&str] = &["internals", "run_command_line"];

#[test]
fn what_is_public_is_the_facade() {
    let (shown, hidden) = public_items(&fs::read_to_string("src/lib.rs").unwrap());
    assert_eq!(shown.iter().map(String::as_str).collect::<Vec<_>>(), FACADE);
    assert_eq!(hidden.iter().map(String::as_str).collect::<Vec<_>>(), HIDDEN);
}

#[test]
fn a_public_item_is_seen_whatever_its_form() {
    let (shown, hidden) = public_items(
        "pub use a::{b, c::D as E, f::*}; pub fn g() {} pub mod h {} pub struct I; pub trait J {} \
         pub enum K {} pub type L = (); pub const M: () = (); pub static N: () = (); \
         #[doc(hidden)] pub use o::p as q; pub(crate) mod r; mod s; pub(crate) use t::u; \
         #[macro_export] macro_rules! v { () => {} } macro_rules! w { () => {} }",
    );
    let names = ["*", "E", "I", "J", "K", "L", "M", "N", "b", "g", "h", "v"];
    assert_eq!(shown.iter().map(String::as_str).collect::<Vec<_>>(), names);
    assert_eq!(hidden.iter().map(String::as_str).collect::<Vec<_>>(), ["q"]);
}

/// The same of the pages that rustdoc writes: nothing comes in by another way.
#[test]
fn the_pages_list_the_facade() {
    if slow::is_left_out(Need::Time) {
        return;
    }
    let own = std::env::current_exe().unwrap();
    let target = own.ancestors().nth(3).unwrap();
    let done = run::command(env!("CARGO"))
        .args(["doc", "--no-deps", "--lib", "--offline", "--quiet", "--target-dir"])
        .arg(target)
        .status();
    assert!(done.unwrap().success());
    let all = fs::read_to_string(target.join("doc/binlint/all.html")).unwrap();
    let items = all.split("href=\"").skip(1).filter_map(|link| {
        let page = link.split_once(".html\"")?.0;
        let kinds =
            ["struct", "enum", "union", "trait", "fn", "type", "constant", "static", "macro"];
        // An item of a folder keeps its folder, which no item of the facade has.
        let (folder, file) =
            page.rsplit_once('/').map_or(("", page), |(folder, file)| (folder, file));
        let (kind, name) = file.split_once('.')?;
        kinds.contains(&kind).then(|| format!("{folder}{name}"))
    });
    let listed: BTreeSet<String> = items.collect();
    assert_eq!(listed.iter().map(String::as_str).collect::<Vec<_>>(), FACADE);
}

/// The names of a file's public items: those that a page shows, and those that are hidden.
fn public_items(text: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut shown, mut hidden) = (BTreeSet::new(), BTreeSet::new());
    for item in syn::parse_file(text).unwrap().items {
        let is_public = |visibility: &Visibility| matches!(visibility, Visibility::Public(_));
        let (visibility, attributes, name) = match &item {
            Item::Use(it) => (&it.vis, &it.attrs, String::new()),
            Item::Fn(it) => (&it.vis, &it.attrs, it.sig.ident.to_string()),
            Item::Mod(it) => (&it.vis, &it.attrs, it.ident.to_string()),
            Item::Struct(it) => (&it.vis, &it.attrs, it.ident.to_string()),
            Item::Enum(it) => (&it.vis, &it.attrs, it.ident.to_string()),
            Item::Union(it) => (&it.vis, &it.attrs, it.ident.to_string()),
            Item::Trait(it) => (&it.vis, &it.attrs, it.ident.to_string()),
            Item::TraitAlias(it) => (&it.vis, &it.attrs, it.ident.to_string()),
            Item::Type(it) => (&it.vis, &it.attrs, it.ident.to_string()),
            Item::Const(it) => (&it.vis, &it.attrs, it.ident.to_string()),
            Item::Static(it) => (&it.vis, &it.attrs, it.ident.to_string()),
            Item::ExternCrate(it) => (&it.vis, &it.attrs, it.ident.to_string()),
            Item::Macro(it) => {
                let exported = it.attrs.iter().any(|it| it.path().is_ident("macro_export"));
                if exported {
                    shown.extend(it.ident.as_ref().map(ToString::to_string));
                }
                continue;
            }
            _ => continue,
        };
        if !is_public(visibility) {
            continue;
        }
        let names = if is_hidden(attributes) { &mut hidden } else { &mut shown };
        match &item {
            Item::Use(it) => add_names(&it.tree, names),
            _ => _ = names.insert(name),
        }
    }
    (shown, hidden)
}

fn is_hidden(attributes: &[Attribute]) -> bool {
    let hides = |it: &Attribute| {
        it.path().is_ident("doc") && it.parse_args::<syn::Ident>().is_ok_and(|it| it == "hidden")
    };
    attributes.iter().any(hides)
}

/// The names that a `use` brings in; of a glob, `*`.
fn add_names(tree: &UseTree, names: &mut BTreeSet<String>) {
    match tree {
        UseTree::Path(it) => add_names(&it.tree, names),
        UseTree::Name(it) => _ = names.insert(it.ident.to_string()),
        UseTree::Rename(it) => _ = names.insert(it.rename.to_string()),
        UseTree::Glob(_) => _ = names.insert("*".to_owned()),
        UseTree::Group(it) => it.items.iter().for_each(|tree| add_names(tree, names)),
    }
}
