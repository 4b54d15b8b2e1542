//! What a loader reads, arbitrary: `/etc/ld.so.cache`, `/etc/ld.so.conf`, a library, and the
//! subject itself; glibc's loader is this machine's own. Whatever the plan is, it ends.
#![no_main]

use std::sync::LazyLock;

use binlint::internals::binary::elf::DynamicInfo; use binlint::internals::start::image::elf_tree::InMemoryTree; use binlint::internals::start::loader::{ExecContext, StartVerdict, predict_start}; use libfuzzer_sys::fuzz_target;

static LOADER: LazyLock<DynamicInfo> = LazyLock::new(|| { let bytes = std::fs::read("/lib64/ld-linux-x86-64.so.2").expect("a machine with glibc"); DynamicInfo::parse(&bytes).expect("its loader is ELF") });

/// Where one file ends and the next begins.
const NEXT: &[u8] = b"--next file--";

fuzz_target!(|bytes: &[u8]| { let mut files = [&b""[..]; 3]; let mut rest = bytes; for file in &mut files { let end = rest.windows(NEXT.len()).position(|window| window == NEXT); *file = &rest[..end.unwrap_or(rest.len())]; rest = end.map_or(&b""[..], |end| &rest[end + NEXT.len()..]); } let [cache, conf, library] = files; let tree = InMemoryTree::default().elf("/lib64/ld-linux-x86-64.so.2", LOADER.clone()).file("/etc/ld.so.cache", 0o644, cache).file("/etc/ld.so.conf", 0o644, conf).file("/etc/ld-musl-x86_64.path", 0o644, conf).file("/usr/lib/x86_64-linux-gnu/libarbitrary.so", 0o755, library).file("/lib/ld-musl-x86_64.so.1", 0o755, library); let start = ExecContext { environment: vec!["LD_LIBRARY_PATH=/usr/lib/$LIB:${ORIGIN}".to_owned()],..ExecContext::for_path("/app") }; let needs = DynamicInfo { needed: vec!["libarbitrary.so".to_owned(), "libother.so".to_owned()], interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()), program_header_size: 56,..LOADER.clone() }; for subject in [DynamicInfo::parse(library).ok(), Some(needs)].into_iter().flatten() { let plan = predict_start(&subject, &start, &tree); assert_eq!(plan.verdict == StartVerdict::Unknown, plan.open.is_some()); assert_eq!(plan.verdict == StartVerdict::Fails, plan.stage.is_some()); } }); 