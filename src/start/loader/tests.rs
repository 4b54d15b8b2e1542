//! The kernel's part and the first steps of each loader, over trees in memory.

use crate::binary::elf::{ET_DYN, ElfSegment, PT_INTERP};
use crate::start::image::elf_tree::InMemoryTree;
use crate::start::loader::*;

const ELIBBAD: &str = "accessing a corrupted shared library";

fn program(interpreter: Option<&str>) -> DynamicInfo {
    let mut segments = vec![ElfSegment { kind: 1, ..ElfSegment::default() }];
    if interpreter.is_some() {
        segments.push(ElfSegment { kind: PT_INTERP, ..ElfSegment::default() });
    }
    DynamicInfo {
        ident: [0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        file_type: ET_DYN,
        machine: 62,
        version: 1,
        program_header_size: 56,
        segments,
        interpreter: interpreter.map(str::to_owned),
        ..DynamicInfo::default()
    }
}

#[test]
fn a_program_without_interpreter_loads_nothing() {
    let plan =
        predict_start(&program(None), &ExecContext::for_path("/app"), &InMemoryTree::default());
    assert_eq!((plan.verdict, plan.stage), (StartVerdict::Starts, None));
    assert!(plan.libraries.is_empty() && plan.errors.is_empty());
}

#[test]
fn a_missing_interpreter_is_the_kernels_enoent() {
    let subject = program(Some("/lib64/ld-linux-x86-64.so.2"));
    let plan = predict_start(&subject, &ExecContext::for_path("/app"), &InMemoryTree::default());
    assert_eq!((plan.verdict, plan.stage), (StartVerdict::Fails, Some(StartStage::Interpreter)));
    assert_eq!(plan.errors, ["exec /app: no such file or directory"]);
}

#[test]
fn a_script_as_interpreter_is_a_corrupted_library() {
    let subject = program(Some("/lib/ld.so"));
    for (script, why) in [
        ("#!/bin/sh\nexec nothing at all, but long enough for the header of a program\n", ELIBBAD),
        ("#!/bin/sh\nexec nothing at all, but long\n", "input/output error"),
    ] {
        let tree = InMemoryTree::default().file("/lib/ld.so", 0o755, script);
        let plan = predict_start(&subject, &ExecContext::for_path("/app"), &tree);
        assert_eq!(plan.errors, [format!("exec /app: {why}")]);
    }
}

#[test]
fn mode_and_machine_come_before_the_interpreter() {
    let tree = InMemoryTree::default().file("/app", 0o644, "x");
    let subject = program(Some("/nowhere"));
    let refused = predict_start(&subject, &ExecContext::for_path("/app"), &tree);
    assert_eq!(refused.errors, ["exec: \"/app\": permission denied"]);
    let foreign = ExecContext { machine: Some(183), ..ExecContext::for_path("/other") };
    let refused = predict_start(&subject, &foreign, &tree);
    assert_eq!(refused.stage, Some(StartStage::Exec));
    assert_eq!(refused.errors, ["exec /other: exec format error"]);
    let narrow = DynamicInfo { machine: 3, ..subject };
    let kernel = ExecContext { machine: Some(62), ..ExecContext::for_path("/other") };
    assert_eq!(
        plan_stage(&narrow, &kernel, &tree),
        Some(StartStage::Interpreter),
        "386 runs on amd64"
    );
}

fn plan_stage(
    subject: &DynamicInfo,
    start: &ExecContext,
    tree: &InMemoryTree,
) -> Option<StartStage> {
    predict_start(subject, start, tree).stage
}

#[test]
fn the_last_value_of_a_variable_counts() {
    let start = ExecContext {
        environment: vec!["A=1".to_owned(), "AB=2".to_owned(), "A=3=4".to_owned()],
        ..ExecContext::default()
    };
    assert_eq!(start.variable("A"), Some("3=4"));
    assert_eq!(start.variable("C"), None);
}

/// Counts how often a tree is asked for an entry.
#[derive(Debug)]
struct CountingTree(InMemoryTree, std::sync::atomic::AtomicUsize);

impl crate::rootfs::tree::Tree for CountingTree {
    fn entry(&self, path: &[u8]) -> Option<crate::rootfs::FileEntry> {
        self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.0.entry(path)
    }

    fn children(&self, directory: &[u8]) -> Vec<Vec<u8>> {
        self.0.children(directory)
    }

    fn text(&self, path: &[u8]) -> Option<Vec<u8>> {
        self.0.text(path)
    }
}

impl crate::start::image::elf_tree::ElfTree for CountingTree {
    fn linking(&self, path: &[u8]) -> Option<crate::start::image::extracted::ElfResult> {
        self.0.linking(path)
    }
}

#[test]
fn a_search_asks_for_each_directory_once() {
    const NEEDED: usize = 300;
    const DIRECTORIES: usize = 200;
    let interpreter = "/lib64/ld-linux-x86-64.so.2";
    let directories = |root: &str, count: usize| {
        (0..count).map(|it| format!("{root}{it}")).collect::<Vec<_>>().join(":")
    };
    let needed = (0..NEEDED).map(|it| format!("lib{it}.so")).chain(["liblast.so".to_owned()]);
    let subject = DynamicInfo {
        needed: needed.collect(),
        runpath: Some(directories("/there/", DIRECTORIES)),
        ..program(Some(interpreter))
    };
    let loader = DynamicInfo { dynamic: true, file_size: 4096, ..program(None) };
    let itself = DynamicInfo { loader: Some(Default::default()), ..loader.clone() };
    let mut tree = InMemoryTree::default().elf(interpreter, itself);
    for it in 0..DIRECTORIES {
        tree = tree.file(&format!("/there/{it}/x"), 0o644, "x");
    }
    let tree = tree.elf(&format!("/there/{}/liblast.so", DIRECTORIES - 1), loader);
    let tree = CountingTree(tree, std::sync::atomic::AtomicUsize::new(0));
    let environment = vec![format!("LD_LIBRARY_PATH={}", directories("/gone/", 40_000))];
    let plan = predict_start(
        &subject,
        &ExecContext { environment, ..ExecContext::for_path("/app") },
        &tree,
    );
    let missing = plan.libraries.iter().filter(|it| it.path.is_none()).count();
    assert_eq!(missing, NEEDED, "{interpreter}: {:?}", plan.errors.first());
    let last = plan.libraries.iter().find(|it| it.name == "liblast.so").unwrap();
    assert!(last.path.as_ref().unwrap().ends_with("/liblast.so"), "{last:?}");
    let asked = tree.1.into_inner();
    // Each directory that is not there once, each other one for each library.
    assert!(asked < 100_000 + 10 * NEEDED * DIRECTORIES, "{interpreter}: {asked}");
}

#[test]
fn what_the_platform_is_depends_on_the_processor() {
    let interpreter = "/lib64/ld-linux-x86-64.so.2";
    let loader = DynamicInfo { machine: 62, dynamic: true, file_size: 4096, ..program(None) };
    let itself = DynamicInfo { loader: Some(Default::default()), ..loader.clone() };
    let tree =
        |at: &str| InMemoryTree::default().elf(interpreter, itself.clone()).elf(at, loader.clone());
    let open = |runpath: &str, at: &str| {
        let subject = DynamicInfo {
            needed: vec!["libfoo.so".to_owned()],
            runpath: Some(runpath.to_owned()),
            machine: 62,
            ..program(Some(interpreter))
        };
        predict_start(&subject, &ExecContext::for_path("/app"), &tree(at)).open
    };
    let why = open("/srv/$PLATFORM", "/srv/x86_64/libfoo.so");
    assert!(why.is_some_and(|why| why.contains("processor")));
    assert_eq!(open("/srv/lib", "/srv/lib/libfoo.so"), None);
}
