//! The pages as a book: each is in the table of contents, and each link leads to a page that is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The Markdown files below a folder.
fn pages(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(pages(&path));
        } else if path.extension().is_some_and(|it| it == "md") {
            found.insert(path);
        }
    }
    found
}

/// The targets of the links outside of blocks, each without what stands behind `#`.
fn links(text: &str) -> Vec<&str> {
    let mut in_block = false;
    let prose = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        in_block ^= is_fence;
        !in_block && !is_fence
    });
    let targets = prose.flat_map(|line| line.split("](").skip(1));
    let targets = targets.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    targets.map(|target| target.split('#').next().unwrap()).filter(|it| !it.is_empty()).collect()
}

/// The path that a link on this page leads to.
fn target(page: &Path, link: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for component in page.parent().unwrap().join(link).components() {
        match component {
            Component::ParentDir => _ = path.pop(),
            other => path.push(other),
        }
    }
    path
}

#[test]
fn every_page_is_in_the_contents_once() {
    let contents = Path::new("docs/SUMMARY.md");
    let text = fs::read_to_string(contents).unwrap();
    let listed: Vec<PathBuf> = links(&text).iter().map(|it| target(contents, it)).collect();
    let once: BTreeSet<PathBuf> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), once.len(), "a page is listed twice");
    let mut there = pages(Path::new("docs"));
    there.remove(contents);
    assert_eq!(once, there);
    let book: toml::Table = fs::read_to_string("book.toml").unwrap().parse().unwrap();
    assert_eq!(book["book"]["src"].as_str(), Some("docs"));
}

#[test]
fn every_link_leads_to_a_file() {
    let mut all = pages(Path::new("docs"));
    for page in fs::read_dir(".").unwrap().map(|entry| entry.unwrap().file_name()) {
        all.extend(
            Some(PathBuf::from(page)).filter(|it| it.extension().is_some_and(|it| it == "md")),
        );
    }
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for page in &all {
        for link in links(&fs::read_to_string(page).unwrap()) {
            if link.contains("://") {
                continue;
            }
            seen += 1;
            if !target(page, link).exists() {
                wrong.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(seen > 300, "{seen} links found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_link_is_found_outside_of_a_block_alone() {
    let text = "a [b](c.md#d) and [e](f/g.md)\n```sh\n[x](y.md)\n```\n[z](#here)\n";
    assert_eq!(links(text), ["c.md", "f/g.md"]);
    assert_eq!(target(Path::new("docs/a/b.md"), "../c.md"), Path::new("docs/c.md"));
}

#[test]
fn the_start_page_shows_a_report_that_was_printed() {
    let page = fs::read_to_string("docs/start.md").unwrap();
    let block = page.split_once("<!-- recorded -->\n```text\n").unwrap().1;
    let block = block.split("```\n").next().unwrap();
    // What the program prints for this image is held against the record by another test.
    assert_eq!(block, fs::read_to_string("tests/recorded/image.stdout").unwrap());
}
