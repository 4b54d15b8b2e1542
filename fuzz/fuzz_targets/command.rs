//! An image's configuration and the script that it runs, both arbitrary: the command resolves to
//! something, and every rule about an image has an answer.
#![no_main]

use binlint::internals::binary::elf::DynamicInfo; use binlint::internals::start::image::elf_tree::InMemoryTree; use binlint::internals::rootfs::document::config::ImageConfig; use binlint::internals::start::image::Image; use binlint::internals::binary::Binary; use binlint::internals::subject::Facts; use binlint::internals::rules; use libfuzzer_sys::fuzz_target;

/// No text in UTF-8 holds this byte.
const NEXT: u8 = 0xff;

fuzz_target!(|bytes: &[u8]| { let mut pieces = bytes.splitn(3, |byte| *byte == NEXT); let Ok(config) = ImageConfig::parse(pieces.next().unwrap_or_default()) else { return }; let tree = InMemoryTree::default().elf("/bin/sh", DynamicInfo::default()).elf("/usr/bin/env", DynamicInfo::default()).elf("/usr/bin/tini", DynamicInfo::default()).elf("/app", DynamicInfo::default()).link("/usr/bin/app", "../../app").file("/entry.sh", 0o755, pieces.next().unwrap_or_default()).file("/etc/passwd", 0o644, pieces.next().unwrap_or_default()); let image = Image::from_tree(tree, Some(config)).with_subject_path("/app"); let facts = Facts { binary: Some(Binary::default()), image: Some(image),..Facts::default() }; for rule in rules::ALL { rule.check.run(&facts); } }); 