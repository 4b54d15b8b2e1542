//! The pairs: real programs of several releases, and roots and libraries that are broken on purpose.

use std::path::{Path, PathBuf};

use super::build::{self, c, library, patched};
use super::pair::Pair;
use super::roots::{self, Root, copy_of, debian};

mod habits;
mod libraries;

pub const AARCH64: &str = "/usr/bin/qemu-aarch64-static";
pub const ARM: &str = "/usr/bin/qemu-arm-static";

/// Rust programs that every release packages.
const PROGRAMS: [(&str, &str); 3] = [("ripgrep", "rg"), ("fd-find", "fdfind"), ("hexyl", "hexyl")];
const SUITES: [&str; 4] = ["bullseye", "bookworm", "trixie", "sid"];
const APP: &str = "/srv/app";

fn glibc_root(suite: &str, architecture: &str) -> PathBuf {
    let mut packages = vec!["libc6", "libgcc-s1", "base-files"];
    packages.extend(PROGRAMS.map(|(package, _)| package));
    debian(&format!("{suite}-{architecture}"), suite, architecture, &packages)
}

/// Busybox and musl, as small images have them.
fn musl_root() -> PathBuf {
    debian("busybox-musl", "bookworm", "amd64", &["busybox-static", "musl"])
}

pub fn all() -> Vec<Pair> {
    let mut pairs = Vec::new();
    releases(&mut pairs);
    emulated(&mut pairs);
    kernels(&mut pairs);
    builds(&mut pairs);
    broken_roots(&mut pairs);
    libraries::all(&mut pairs);
    habits::all(&mut pairs);
    pairs
}

/// The pairs that are worth an image of their own: one for each way to start and to fail.
pub fn for_engine() -> Vec<Pair> {
    let mut pairs = Vec::new();
    builds(&mut pairs);
    kernels(&mut pairs);
    broken_roots(&mut pairs);
    libraries::all(&mut pairs);
    const CHOSEN: &[&str] = &[
        "Rust dynamic on bookworm",
        "Rust dynamic on bullseye",
        "Rust dynamic on musl",
        "Rust dynamic on scratch",
        "Rust +crt-static on scratch",
        "C musl on musl",
        "kernel: no execute bit",
        "kernel: interpreter is text",
        "kernel: interpreter for another machine",
        "root: without libgcc_s",
        "root: libgcc_s for i386",
        "root: libgcc_s by an absolute link",
        "root: libgcc_s in a configured directory with a cache",
        "search: RUNPATH of ORIGIN",
        "search: LD_LIBRARY_PATH",
        "versions: one gone",
        "symbols: gone and bound now",
        "musl: symbol gone",
        "musl: glibc's Rust program by a link",
    ];
    pairs.retain(|pair| CHOSEN.contains(&pair.name.as_str()));
    assert_eq!(pairs.len(), CHOSEN.len(), "a chosen pair is gone");
    pairs
}

/// Every release's programs in every release's root, and where there is no glibc at all.
fn releases(pairs: &mut Vec<Pair>) {
    let mut hosts: Vec<(String, PathBuf)> =
        SUITES.iter().map(|suite| ((*suite).to_owned(), glibc_root(suite, "amd64"))).collect();
    hosts.push(("scratch".to_owned(), roots::scratch()));
    hosts.push(("musl".to_owned(), musl_root()));
    for suite in SUITES {
        let from = glibc_root(suite, "amd64");
        for (host, root) in &hosts {
            let mut root = copy_of(root, &format!("{suite}-on-{host}"));
            for (_, program) in PROGRAMS {
                root = root.put(&format!("/srv/{program}"), &from.join("usr/bin").join(program));
            }
            for (_, program) in PROGRAMS {
                let name = format!("{program} of {suite} on {host}");
                pairs.push(Pair::new(name, &root.top, &format!("/srv/{program}")));
            }
        }
    }
}

/// Other machines: under an emulator in their own roots, and without one where they do not belong.
fn emulated(pairs: &mut Vec<Pair>) {
    for (architecture, emulator, suites) in
        [("arm64", AARCH64, &["bookworm", "trixie"][..]), ("armhf", ARM, &["bookworm"][..])]
    {
        for suite in suites {
            let from = glibc_root(suite, architecture);
            let rg = from.join("usr/bin/rg");
            for host in suites {
                let name = format!("rg {architecture} of {suite} on {host}");
                let root = copy_of(
                    &glibc_root(host, architecture),
                    &format!("{architecture}-{suite}-{host}"),
                )
                .put(APP, &rg);
                pairs.push(Pair::new(name, &root.top, APP).emulated(emulator));
            }
        }
        let rg = glibc_root("bookworm", architecture).join("usr/bin/rg");
        let empty = copy_of(&roots::scratch(), &format!("{architecture}-scratch")).put(APP, &rg);
        let name = format!("rg {architecture} on scratch");
        pairs.push(Pair::new(name, &empty.top, APP).emulated(emulator));
        let other = copy_of(&glibc_root("bookworm", "amd64"), &format!("{architecture}-amd64"))
            .put(APP, &rg);
        let name = format!("rg {architecture} under an amd64 kernel");
        pairs.push(Pair::new(name, &other.top, APP));
        let no_gcc =
            copy_of(&glibc_root("bookworm", architecture), &format!("{architecture}-no-gcc"));
        let triple =
            if architecture == "arm64" { "aarch64-linux-gnu" } else { "arm-linux-gnueabihf" };
        let no_gcc = no_gcc.put(APP, &rg).remove(&format!("/lib/{triple}/libgcc_s.so.1"));
        let name = format!("rg {architecture} without libgcc_s");
        pairs.push(Pair::new(name, &no_gcc.top, APP).emulated(emulator));
    }
    let i386 = glibc_root("bookworm", "i386");
    pairs.push(Pair::new("rg i386 at home", copy_of(&i386, "i386-home").top, "/usr/bin/rg"));
    let root =
        copy_of(&glibc_root("bookworm", "amd64"), "i386-amd64").put(APP, &i386.join("usr/bin/rg"));
    pairs.push(Pair::new("rg i386 without its loader", &root.top, APP));
    // The loader of one architecture beside libraries of another.
    let root = root.put("/lib/ld-linux.so.2", &i386.join("lib/ld-linux.so.2"));
    pairs.push(Pair::new("rg i386 among amd64 libraries", &root.top, APP));
}

/// What the kernel says before any loader runs.
fn kernels(pairs: &mut Vec<Pair>) {
    let base = glibc_root("bookworm", "amd64");
    let rg = base.join("usr/bin/rg");
    let root = |name: &str| copy_of(&base, &format!("kernel-{name}")).put(APP, &rg);
    let mut add = |name: &str, root: Root| {
        pairs.push(Pair::new(format!("kernel: {name}"), &root.top, APP));
    };
    add("no execute bit", root("mode").mode(APP, 0o644));
    add("execute bit of others alone", root("other").mode(APP, 0o001));
    let interpreter = |name: &str, path: &str| {
        let app = patched(&rg, &format!("interpreter-{name}"), &["--set-interpreter", path]);
        root(name).put(APP, &app)
    };
    let nix = "/nix/store/0000-glibc-2.38/lib/ld-linux-x86-64.so.2";
    add("interpreter of another system", interpreter("nix", nix));
    add("interpreter is a directory", interpreter("directory", "/etc"));
    add("interpreter below a file", interpreter("below", "/srv/app/ld.so"));
    add("interpreter is relative", interpreter("relative", "lib64/ld-linux-x86-64.so.2"));
    let loader = "/lib64/ld-linux-x86-64.so.2";
    add("interpreter without execute bit", {
        let real = fs_read(&base, "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2");
        root("ld-mode")
            .write("/lib/other-ld.so", &real)
            .mode("/lib/other-ld.so", 0o644)
            .link(loader, "/lib/other-ld.so")
    });
    add(
        "interpreter is text",
        root("ld-text").link(loader, "/lib/x").write("/lib/x", &[b'x'; 100]),
    );
    add("interpreter is empty", root("ld-empty").link(loader, "/lib/x").write("/lib/x", b""));
    add("interpreter is a script", {
        let script = format!("#!/bin/sh\n{}\n", "# nothing\n".repeat(20));
        root("ld-script").link(loader, "/lib/x").write("/lib/x", script.as_bytes())
    });
    add("interpreter dangles", root("ld-dangles").link(loader, "/nowhere"));
    add("interpreter is a loop", root("ld-loop").link(loader, loader));
    add("interpreter by an absolute link elsewhere", {
        let real = fs_read(&base, "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2");
        root("ld-far").write("/opt/glibc/ld.so", &real).link(loader, "/opt/glibc/ld.so")
    });
    add("interpreter for another machine", {
        let arm = fs_read(
            &glibc_root("bookworm", "arm64"),
            "/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1",
        );
        root("ld-arm").link(loader, "/lib/x").write("/lib/x", &arm)
    });
    add("interpreter for the other class", {
        let old = fs_read(&glibc_root("bookworm", "i386"), "/lib/i386-linux-gnu/ld-linux.so.2");
        root("ld-i386").link(loader, "/lib/x").write("/lib/x", &old)
    });
    add(
        "loaded through links only",
        root("links").rename(APP, "/opt/real").link(APP, "../opt/real"),
    );
}

fn fs_read(root: &Path, path: &str) -> Vec<u8> {
    let at = root.join(path.trim_start_matches('/'));
    std::fs::read(&at).unwrap_or_else(|error| panic!("{}: {error}", at.display()))
}

/// One small program, linked in every way.
fn builds(pairs: &mut Vec<Pair>) {
    let source = "fn main() { println!(\"{}\", std::env::args().count()); }";
    let dynamic = build::rust("hello-dynamic", source, &[]);
    let fixed = build::rust("hello-static", source, &["-Ctarget-feature=+crt-static"]);
    let c_source = "#include <stdio.h>\nint main(void) { puts(\"hi\"); return 0; }\n";
    let musl = c("musl-gcc", "hello-musl", c_source, &[]);
    let musl_static = c("musl-gcc", "hello-musl-static", c_source, &["-static"]);
    let packed = c("cc", "hello-relr", c_source, &["-Wl,-z,pack-relative-relocs"]);
    let mut hosts: Vec<(&str, PathBuf)> =
        SUITES.iter().map(|suite| (*suite, glibc_root(suite, "amd64"))).collect();
    hosts.push(("scratch", roots::scratch()));
    hosts.push(("musl", musl_root()));
    for (program, file) in [
        ("Rust dynamic", &dynamic),
        ("Rust +crt-static", &fixed),
        ("C musl", &musl),
        ("C musl -static", &musl_static),
        ("C packed relocations", &packed),
    ] {
        for (host, base) in &hosts {
            let name = format!("{program} on {host}");
            let root = copy_of(base, &format!("build-{}", name.replace(' ', "-"))).put(APP, file);
            pairs.push(Pair::new(name, &root.top, APP));
        }
    }
}

/// A real program in a root with one thing wrong.
fn broken_roots(pairs: &mut Vec<Pair>) {
    let base = glibc_root("bookworm", "amd64");
    let hexyl = base.join("usr/bin/hexyl");
    let libraries = "/lib/x86_64-linux-gnu";
    let gcc = format!("{libraries}/libgcc_s.so.1");
    let root = |name: &str| copy_of(&base, &format!("broken-{name}")).put(APP, &hexyl);
    let mut add = |name: &str, root: &Root| {
        pairs.push(Pair::new(format!("root: {name}"), &root.top, APP));
    };
    add("as it was", &root("none"));
    add("without libgcc_s", &root("gcc").remove(&gcc));
    add("without libc", &root("libc").remove(&format!("{libraries}/libc.so.6")));
    add("libgcc_s is text", &root("gcc-text").write(&gcc, "GROUP ( x )\n".repeat(20).as_bytes()));
    add("libgcc_s is short text", &root("gcc-short").write(&gcc, b"GROUP ( x )\n"));
    add("libgcc_s is empty", &root("gcc-empty").write(&gcc, b""));
    add("libgcc_s is a directory", &root("gcc-dir").remove(&gcc).directory(&gcc));
    add("libgcc_s dangles", &root("gcc-dangles").link(&gcc, "/opt/gone/libgcc_s.so.1"));
    add("libgcc_s is a loop", &root("gcc-loop").link(&gcc, "libgcc_s.so.1"));
    add("libgcc_s by an absolute link", &{
        root("gcc-absolute")
            .rename(&gcc, "/opt/rt/libgcc_s.so.1")
            .link(&gcc, "/opt/rt/libgcc_s.so.1")
    });
    add("libgcc_s by a link above the root", &{
        root("gcc-above")
            .rename(&gcc, "/opt/rt/libgcc_s.so.1")
            .link(&gcc, "../../../../../opt/rt/libgcc_s.so.1")
    });
    let foreign = |architecture: &str, triple: &str| {
        fs_read(&glibc_root("bookworm", architecture), &format!("/lib/{triple}/libgcc_s.so.1"))
    };
    let arm = foreign("arm64", "aarch64-linux-gnu");
    let i386 = foreign("i386", "i386-linux-gnu");
    add("libgcc_s for aarch64", &root("gcc-arm").write(&gcc, &arm));
    add("libgcc_s for i386", &root("gcc-i386").write(&gcc, &i386));
    add(
        "libgcc_s for armhf",
        &root("gcc-armhf").write(&gcc, &foreign("armhf", "arm-linux-gnueabihf")),
    );
    add("libgcc_s for aarch64 before the right one", &{
        root("gcc-arm-first").rename(&gcc, "/usr/lib/libgcc_s.so.1").write(&gcc, &arm)
    });
    add("libgcc_s for i386 before the right one", &{
        root("gcc-i386-first").rename(&gcc, "/usr/lib/libgcc_s.so.1").write(&gcc, &i386)
    });
    add("libgcc_s cut off", &{
        let whole = fs_read(&base, &gcc);
        root("gcc-cut").write(&gcc, &whole[..40])
    });
    let changed = |at: usize, value: u8| {
        let mut bytes = fs_read(&base, &gcc);
        bytes[at] = value;
        bytes
    };
    add("libgcc_s big-endian", &root("gcc-order").write(&gcc, &changed(5, 2)));
    add("libgcc_s of ELF version 2", &root("gcc-version").write(&gcc, &changed(6, 2)));
    add("libgcc_s for FreeBSD", &root("gcc-bsd").write(&gcc, &changed(7, 9)));
    add("libgcc_s as an object file", &root("gcc-object").write(&gcc, &changed(16, 1)));
    add("libgcc_s at a fixed address", &root("gcc-exec").write(&gcc, &changed(16, 2)));
    add("libgcc_s is a program", &{
        let program = c("cc", "pie", "int main(void) { return 0; }\n", &[]);
        root("gcc-pie").put(&gcc, &program)
    });
    add(
        "libgcc_s in /usr/local/lib",
        &root("gcc-local").rename(&gcc, "/usr/local/lib/libgcc_s.so.1"),
    );
    let configured = |name: &str| {
        root(name)
            .rename(&gcc, "/opt/rt/libgcc_s.so.1")
            .write("/etc/ld.so.conf.d/rt.conf", b"/opt/rt\n")
            .write("/etc/ld.so.conf", b"include /etc/ld.so.conf.d/*.conf\n")
    };
    add("libgcc_s in a configured directory without a cache", &configured("conf"));
    add("libgcc_s in a configured directory with a cache", &configured("conf-cache").ldconfig());
    add("a cache that names what is gone", &{
        root("stale").ldconfig().rename(&gcc, "/opt/rt/libgcc_s.so.1")
    });
    add("a cache that names what went to a default directory", &{
        root("stale-found").ldconfig().rename(&gcc, "/usr/lib/libgcc_s.so.1")
    });
    add("a cache that is not one", &root("bad-cache").write("/etc/ld.so.cache", &[b'x'; 200]));
    add("a cache that is cut off", &{
        let whole = root("cut-cache").ldconfig();
        let bytes = std::fs::read(whole.on_host("/etc/ld.so.cache")).expect("ldconfig wrote it");
        whole.write("/etc/ld.so.cache", &bytes[..60])
    });
    add("better libraries for better processors", &{
        let bytes = fs_read(&base, &gcc);
        root("hwcaps").write(&format!("{libraries}/glibc-hwcaps/x86-64-v2/libgcc_s.so.1"), &bytes)
    });
    add("a library for x86-64-v2 alone", &{
        root("hwcaps-only")
            .rename(&gcc, &format!("{libraries}/glibc-hwcaps/x86-64-v2/libgcc_s.so.1"))
    });
    let sixty_four = "/lib64/libgcc_s.so.1";
    add(
        "libgcc_s in lib64, which Debian's loader does not search",
        &root("lib64").rename(&gcc, sixty_four),
    );
}
