//! The program and its library against real compilers, loaders, engines and tools, one folder for
//! each domain. CONTRIBUTING.md says which of these tests run when.

mod support;

mod binary {
    mod corpus;
    mod damaged;
    mod isa;
    mod linking;
    mod main_verdict;
    mod newer_compilers;
    mod readelf;
}

mod cargo {
    mod layouts;
    mod rustflags;
    mod unit_graph;
}

mod cli {
    mod check;
    mod diff;
    mod formats;
    mod hostile;
    mod init;
    mod inspect;
    mod recorded;
}

mod dockerfile {
    mod command;
    mod twins;
}

mod freshness {
    mod contents;
    mod docker;
    mod flags;
    mod heals;
    mod honest;
    mod lines;
    mod rebuild;
    mod rebuild_docker;
    mod rebuild_places;
    mod renamed;
    mod stale;
    mod versions;
}

mod house {
    mod contributing;
    mod facade;
    mod inconclusive;
    mod tidy;
    mod walls;
}

mod image {
    mod check;
    mod commands;
    mod cost;
    mod dockerfile_recipes;
    mod engines;
    mod forms;
    mod on_disk;
    mod paths;
    mod refusals;
}

mod provenance {
    mod attest;
    mod building;
    mod buildkit;
    mod docker;
    mod embedding;
    mod forged;
    mod records;
    mod tampered;
    mod vouching;
}

mod rules {
    mod binaries;
    mod images;
    mod profile;
    mod workspaces;
}

mod ship {
    mod action;
    mod book;
    mod compilers;
    mod examples;
    mod linter_image;
    mod package;
    mod pages;
    mod picture;
    mod release;
    mod shells;
    mod workflows;
}

mod start {
    mod build;
    mod cases;
    mod pair;
    mod real;
    mod roots;
}

/// The last test by its name: one line says what the others left out.
#[test]
fn what_was_left_out() {
    let anything = support::slow::say_what_was_left_out();
    assert!(!(anything && support::slow::everything()), "everything was to run");
}
