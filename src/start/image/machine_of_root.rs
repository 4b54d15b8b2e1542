//! What machine a root filesystem is for, where no configuration says so.

use std::sync::Arc;

use crate::binary::elf::DynamicInfo;
use crate::rootfs::tree::resolve;
use crate::start::image::elf_tree::ElfTree;

/// The first of the programs that nearly every image has, by which one without a configuration
/// shows what it is for.
pub fn neighbour(tree: &dyn ElfTree) -> Option<(&'static str, Arc<DynamicInfo>)> {
    const PROGRAMS: &[&str] = &[
        "/bin/sh",
        "/bin/busybox",
        "/usr/bin/env",
        "/usr/bin/dpkg",
        "/sbin/ldconfig",
        "/lib64/ld-linux-x86-64.so.2",
        "/lib/ld-linux-aarch64.so.1",
        "/lib/ld-linux-armhf.so.3",
        "/lib/ld-linux-riscv64-lp64d.so.1",
        "/lib64/ld64.so.2",
        "/lib/ld64.so.1",
        "/lib/ld-musl-x86_64.so.1",
        "/lib/ld-musl-aarch64.so.1",
        "/lib/ld-musl-armhf.so.1",
    ];
    PROGRAMS.iter().find_map(|path| {
        let there = resolve(tree, path.as_bytes()).ok()?;
        Some((*path, tree.linking(&there.path)?.ok()?))
    })
}
