//! Libraries of the tests' own: where they are looked for, what they define, and what preloads do.

use super::{
    APP, Pair, PathBuf, Root, build, c, copy_of, fs_read, glibc_root, library, musl_root, patched,
};

const FOO: &str = "int foo(void) { return 0; }\n";
const CALLS_FOO: &str = "int foo(void);\nint main(void) { return foo(); }\n";

pub fn all(pairs: &mut Vec<Pair>) {
    search_paths(pairs);
    symbols(pairs);
    versions(pairs);
    preloads(pairs);
    musl(pairs);
}

struct Place<'a> {
    base: PathBuf,
    pairs: &'a mut Vec<Pair>,
    group: &'static str,
}

impl Place<'_> {
    fn root(&self, name: &str) -> Root {
        copy_of(&self.base, &format!("{}-{}", self.group, name.replace(' ', "-")))
    }

    fn add(&mut self, name: &str, root: &Root, change: impl FnOnce(Pair) -> Pair) {
        let pair = Pair::new(format!("{}: {name}", self.group), &root.top, APP);
        self.pairs.push(change(pair));
    }
}

fn same(pair: Pair) -> Pair {
    pair
}

fn search_paths(pairs: &mut Vec<Pair>) {
    let provider = library("libfoo.so", FOO, "libfoo.so", &[]);
    let mut place = Place { base: glibc_root("bookworm", "amd64"), pairs, group: "search" };
    let old = "-Wl,--disable-new-dtags";
    let app = |name: &str, path: &str, more: &[&str]| {
        let path = format!("-Wl,-rpath,{path}");
        let mut arguments = vec!["-lfoo", path.as_str()];
        arguments.extend(more);
        c("cc", name, CALLS_FOO, &arguments)
    };
    let plain = c("cc", "foo-plain", CALLS_FOO, &["-lfoo"]);
    let lib = "/srv/lib/libfoo.so";

    for (name, path, more) in [
        ("RUNPATH of ORIGIN", "$ORIGIN/lib", &[][..]),
        ("RUNPATH of braced ORIGIN", "${ORIGIN}/../srv/lib", &[]),
        ("RUNPATH absolute", "/srv/lib", &[]),
        ("RUNPATH with a second entry", "/nowhere:/srv/lib/", &[]),
        ("RUNPATH into a build tree", "/build/target/release/deps", &[]),
        ("RUNPATH with an unknown token", "$ORIGINAL/lib", &[]),
        ("RUNPATH relative", "srv/lib", &[]),
        ("RPATH of ORIGIN", "$ORIGIN/lib", &[old]),
    ] {
        let file = app(&format!("foo-{}", name.replace(' ', "-")), path, more);
        let root = place.root(name).put(APP, &file).put(lib, &provider);
        place.add(name, &root, same);
    }
    let file = app("foo-lib-token", "/srv/$LIB", &[]);
    let root =
        place.root("LIB").put(APP, &file).put("/srv/lib/x86_64-linux-gnu/libfoo.so", &provider);
    place.add("RUNPATH of LIB", &root, same);
    let file = app("foo-linked", "$ORIGIN/lib", &[]);
    let root = place
        .root("origin of a link")
        .put("/opt/app/bin", &file)
        .put("/opt/app/lib/libfoo.so", &provider)
        .link(APP, "/opt/app/bin");
    place.add("ORIGIN is where the program really lies", &root, same);

    let root = place.root("plain").put(APP, &plain).put(lib, &provider);
    place.add("nowhere", &root, same);
    place.add("LD_LIBRARY_PATH", &root, |it| it.env("LD_LIBRARY_PATH=/srv/lib"));
    place.add("LD_LIBRARY_PATH with semicolon", &root, |it| it.env("LD_LIBRARY_PATH=/x;/srv/lib/"));
    place.add("LD_LIBRARY_PATH of ORIGIN", &root, |it| it.env("LD_LIBRARY_PATH=$ORIGIN/lib"));
    place.add("LD_LIBRARY_PATH relative", &root, |it| it.env("LD_LIBRARY_PATH=lib").at("/srv"));
    place.add("LD_LIBRARY_PATH with an empty entry", &root, |it| {
        it.env("LD_LIBRARY_PATH=/x:").at("/srv/lib")
    });
    place.add("LD_LIBRARY_PATH empty", &root, |it| it.env("LD_LIBRARY_PATH=").at("/srv/lib"));
    place.add("another name for itself", &root, |it| it.argv0("foo"));
    let root = place
        .root("nodeflib")
        .put("/usr/lib/libfoo.so", &provider)
        .put(APP, &c("cc", "foo-nodeflib", CALLS_FOO, &["-lfoo", "-Wl,-z,nodefaultlib"]));
    place.add("NODEFLIB", &root, same);
    let root = place
        .root("nodeflib cache")
        .put("/opt/libfoo.so", &provider)
        .write("/etc/ld.so.conf", b"/opt\n")
        .put(APP, &c("cc", "foo-nodeflib", CALLS_FOO, &["-lfoo", "-Wl,-z,nodefaultlib"]))
        .ldconfig();
    place.add("NODEFLIB with a cache", &root, same);

    for (name, needed) in [
        ("needed by absolute path", "/srv/lib/libfoo.so"),
        ("needed by relative path", "./lib/libfoo.so"),
        ("needed by ORIGIN", "$ORIGIN/lib/libfoo.so"),
        ("needed by a path that is not there", "/build/libfoo.so"),
    ] {
        let file = patched(
            &plain,
            &format!("needed-{}", name.replace(' ', "-")),
            &["--replace-needed", "libfoo.so", needed],
        );
        let root = place.root(name).put(APP, &file).put(lib, &provider);
        place.add(name, &root, |it| it.at("/srv"));
    }

    // libouter needs libfoo and says nothing about where.
    let outer = library(
        "libouter.so",
        "int foo(void);\nint outer(void) { return foo(); }\n",
        "libouter.so",
        &["-lfoo"],
    );
    let calls_outer = "int outer(void);\nint main(void) { return outer(); }\n";
    let through = |name: &str, more: &[&str]| {
        let mut arguments =
            vec!["-louter", "-Wl,-rpath,$ORIGIN/lib", "-Wl,--allow-shlib-undefined"];
        arguments.extend(more);
        c("cc", name, calls_outer, &arguments)
    };
    let both = |place: &Place<'_>, name: &str, app: &PathBuf| {
        place.root(name).put(APP, app).put(lib, &provider).put("/srv/lib/libouter.so", &outer)
    };
    let root = both(&place, "not inherited", &through("outer-runpath", &[]));
    place.add("RUNPATH is not inherited", &root, same);
    let root = both(&place, "inherited", &through("outer-rpath", &[old]));
    place.add("RPATH is inherited", &root, same);
    let inner = patched(&outer, "libouter-runpath.so", &["--set-rpath", "/nowhere"]);
    let root = both(&place, "stopped", &through("outer-rpath", &[old]))
        .put("/srv/lib/libouter.so", &inner);
    place.add("RPATH stops at a RUNPATH", &root, same);
    let inner = patched(&outer, "libouter-origin.so", &["--set-rpath", "$ORIGIN"]);
    let root = both(&place, "own origin", &through("outer-runpath", &[]))
        .put("/srv/lib/libouter.so", &inner);
    place.add("a library's own ORIGIN", &root, same);
    let root = both(&place, "linked origin", &through("outer-runpath", &[]))
        .put("/opt/x/libouter.so", &inner)
        .link("/srv/lib/libouter.so", "/opt/x/libouter.so");
    place.add("a library's ORIGIN is where it was found", &root, same);

    let i386 = fs_read(&glibc_root("bookworm", "i386"), "/lib/i386-linux-gnu/libgcc_s.so.1");
    let file = app("foo-two", "/srv/bad:/srv/lib", &[]);
    let root = place
        .root("class first")
        .put(APP, &file)
        .put(lib, &provider)
        .write("/srv/bad/libfoo.so", &i386);
    place.add("another class comes first", &root, same);
    let root = place
        .root("text first")
        .put(APP, &file)
        .put(lib, &provider)
        .write("/srv/bad/libfoo.so", &[b'#'; 100]);
    place.add("text comes first", &root, same);
    let root = place
        .root("loop first")
        .put(APP, &file)
        .put(lib, &provider)
        .link("/srv/bad/libfoo.so", "libfoo.so");
    place.add("a loop comes first", &root, same);
    let root = place
        .root("file for directory")
        .put(APP, &file)
        .put(lib, &provider)
        .write("/srv/bad", b"x");
    place.add("a file where a directory should be", &root, same);
}

fn symbols(pairs: &mut Vec<Pair>) {
    library("libfoo.so", FOO, "libfoo.so", &[]);
    let other = library("libfoo-other.so", "int bar(void) { return 0; }\n", "libfoo.so", &[]);
    let mut place = Place { base: glibc_root("bookworm", "amd64"), pairs, group: "symbols" };
    let rpath = "-Wl,-rpath,/srv/lib";
    let lib = "/srv/lib/libfoo.so";
    let mut add = |name: &str, app: PathBuf, library: &PathBuf, change: fn(Pair) -> Pair| {
        let root = place.root(name).put(APP, &app).put(lib, library);
        place.add(name, &root, change);
    };
    let now = c("cc", "sym-now", CALLS_FOO, &["-lfoo", rpath, "-Wl,-z,now"]);
    add("gone and bound now", now, &other, same);
    let uncalled =
        "int foo(void);\nint main(int argc, char **argv) { return argc > 5 ? foo() : 0; }\n";
    let lazy = c("cc", "sym-lazy", uncalled, &["-lfoo", rpath, "-Wl,-z,lazy"]);
    add("gone and never called", lazy.clone(), &other, same);
    add("gone and LD_BIND_NOW", lazy, &other, |it| it.env("LD_BIND_NOW=1"));
    let pointer = "int foo(void);\nint (*p)(void) = foo;\nint main(int argc, char **argv) { return argc > 5 ? p() : 0; }\n";
    let data = c("cc", "sym-data", pointer, &["-lfoo", rpath, "-Wl,-z,lazy"]);
    add("gone and its address taken", data, &other, same);
    let weak = "int foo(void) __attribute__((weak));\nint main(void) { return foo ? foo() : 0; }\n";
    let weak = c("cc", "sym-weak", weak, &["-Wl,--no-as-needed", "-lfoo", rpath, "-Wl,-z,now"]);
    add("gone and weak", weak, &other, same);
    let number = library("libfoo-number.so", "int number = 0;\n", "libfoo.so", &[]);
    let copies = "extern int number;\nint main(void) { return number; }\n";
    let copy = c("cc", "sym-copy", copies, &["-no-pie", "-fno-pie", "-l:libfoo-number.so", rpath]);
    add("copied", copy.clone(), &number, same);
    add("copied and gone", copy, &other, same);
    let hidden = library(
        "libfoo-hidden.so",
        "__attribute__((visibility(\"hidden\"))) int foo(void) { return 0; }\n",
        "libfoo.so",
        &[],
    );
    let now = build::directory().join("sym-now");
    add("hidden", now.clone(), &hidden, same);
    let old_hash = library("libfoo-sysv.so", FOO, "libfoo.so", &["-Wl,--hash-style=sysv"]);
    add("in an old hash table", now.clone(), &old_hash, same);
    let thread = library(
        "libfoo-tls.so",
        "__thread int number = 0;\nint foo(void) { return number; }\n",
        "libfoo.so",
        &[],
    );
    add("with thread-local data", now, &thread, same);

    // A library whose own reference is nowhere.
    let hungry = library(
        "libfoo-hungry.so",
        "int gone(void);\nint (*p)(void) = gone;\nint foo(void) { return 0; }\n",
        "libfoo.so",
        &[],
    );
    let now = build::directory().join("sym-now");
    add("gone from a library", now.clone(), &hungry, same);
    let fed = library(
        "libfoo-fed.so",
        "int gone(void);\nint foo(void) { return gone(); }\n",
        "libfoo.so",
        &["-Wl,-z,now"],
    );
    let feeds = c(
        "cc",
        "sym-feeds",
        "int foo(void);\nint gone(void) { return 0; }\nint main(void) { return foo(); }\n",
        &["-lfoo", rpath, "-Wl,-z,now", "-rdynamic"],
    );
    add("defined by the program", feeds, &fed, same);
    add("not exported by the program", now, &fed, same);
}

fn versions(pairs: &mut Vec<Pair>) {
    let script = |name: &str, text: &str| {
        let at = build::directory().join(name);
        std::fs::write(&at, text).expect("a version script");
        format!("-Wl,--version-script={}", at.display())
    };
    let both = script("both.map", "V1 { global: foo; local: *; };\nV2 { global: bar; } V1;\n");
    let one = script("one.map", "V1 { global: foo; bar; local: *; };\n");
    let two_names = "int foo(void) { return 0; }\nint bar(void) { return 0; }\n";
    let full = library("libver.so", two_names, "libver.so", &[&both]);
    let first = library("libver-1.so", two_names, "libver.so", &[&one]);
    let plain = library("libver-0.so", two_names, "libver.so", &[]);
    let bare = library("libver-bare.so", two_names, "libver.so", &["-nostdlib"]);
    let moved = script("moved.map", "V1 { global: foo; local: *; };\nV2 { global: baz; } V1;\n");
    let moved = library(
        "libver-moved.so",
        "int foo(void) { return 0; }\nint baz(void) { return 0; }\n",
        "libver.so",
        &[&moved],
    );
    let mut place = Place { base: glibc_root("bookworm", "amd64"), pairs, group: "versions" };
    let source = "int foo(void);\nint bar(void);\nint main(void) { return foo() + bar(); }\n";
    let app = c("cc", "ver-app", source, &["-lver", "-Wl,-rpath,/srv/lib", "-Wl,-z,now"]);
    let weak = weakened(&app, "V2");
    let mut add = |name: &str, app: &PathBuf, library: &PathBuf| {
        let root = place.root(name).put(APP, app).put("/srv/lib/libver.so", library);
        place.add(name, &root, same);
    };
    add("both there", &app, &full);
    add("one gone", &app, &first);
    add("none at all", &app, &plain);
    add("no version table at all", &app, &bare);
    add("there without the symbol", &app, &moved);
    add("one gone and weak", &weak, &first);
    let unversioned = c(
        "cc",
        "ver-unversioned",
        source,
        &["-l:libver-0.so", "-Wl,-rpath,/srv/lib", "-Wl,-z,now"],
    );
    add("not asked for", &unversioned, &full);
    add("not asked for and one", &unversioned, &first);
    let stripped = patched(&app, "ver-no-needed", &["--remove-needed", "libver.so"]);
    add("asked of a library that is not needed", &stripped, &full);
    let renamed =
        patched(&app, "ver-renamed", &["--replace-needed", "libver.so", "/srv/lib/libver.so"]);
    add("asked of a library needed by its path", &renamed, &full);
}

/// Sets `VER_FLG_WEAK` on a version that is needed.
fn weakened(app: &PathBuf, version: &str) -> PathBuf {
    let mut bytes = std::fs::read(app).expect("it was built");
    // `vna_hash` of the name, then the flags.
    let hash = version.bytes().fold(0u32, |sum, byte| {
        let sum = (sum << 4).wrapping_add(u32::from(byte));
        (sum ^ (sum & 0xf000_0000) >> 24) & 0x0fff_ffff
    });
    let at = bytes.windows(6).position(|it| it[..4] == hash.to_le_bytes() && it[4..] == [0, 0]);
    bytes[at.expect("the version is needed") + 4] = 2;
    let to = build::directory().join("ver-weak");
    std::fs::write(&to, bytes).expect("a copy");
    to
}

fn preloads(pairs: &mut Vec<Pair>) {
    library("libfoo.so", FOO, "libfoo.so", &[]);
    let other = library("libfoo-other.so", "int bar(void) { return 0; }\n", "libfoo.so", &[]);
    let base = glibc_root("bookworm", "amd64");
    let extra = library("libextra.so", FOO, "libextra.so", &[]);
    let hungry =
        library("libextra-hungry.so", FOO, "libextra.so", &["-Wl,--no-as-needed", "-lfoo"]);
    let mut place = Place { base, pairs, group: "preload" };
    let now = c("cc", "pre-app", CALLS_FOO, &["-lfoo", "-Wl,-rpath,/srv/lib", "-Wl,-z,now"]);
    let i386 = fs_read(&glibc_root("bookworm", "i386"), "/lib/i386-linux-gnu/libgcc_s.so.1");
    let arm = fs_read(&glibc_root("bookworm", "arm64"), "/lib/aarch64-linux-gnu/libgcc_s.so.1");
    let root = place
        .root("root")
        .put(APP, &now)
        .put("/srv/lib/libfoo.so", &other)
        .put("/opt/libextra.so", &extra)
        .write("/opt/libi386.so", &i386)
        .write("/opt/libarm.so", &arm)
        .write("/opt/libtext.so", &[b'#'; 100]);
    place.add("gives what is missing", &root, |it| it.env("LD_PRELOAD=/opt/libextra.so"));
    place.add("by name alone", &root, |it| it.env("LD_PRELOAD=libextra.so"));
    place.add("by name and directory", &root, |it| {
        it.env("LD_PRELOAD=libextra.so").env("LD_LIBRARY_PATH=/opt")
    });
    let good = root.put("/srv/lib/libfoo.so", &extra);
    place.add("is gone", &good, |it| {
        it.env("LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2")
    });
    place.add("two of three are gone", &good, |it| {
        it.env("LD_PRELOAD=/gone.so:/opt/libextra.so /also-gone.so")
    });
    place.add("of the other class", &good, |it| it.env("LD_PRELOAD=/opt/libi386.so"));
    place.add("of another machine", &good, |it| it.env("LD_PRELOAD=/opt/libarm.so"));
    place.add("is text", &good, |it| it.env("LD_PRELOAD=/opt/libtext.so"));
    let lacking = place.root("lacking").put(APP, &now).put("/srv/lib/libfoo.so", &extra).put(
        "/opt/libextra.so",
        &patched(&hungry, "libextra-lacking.so", &["--replace-needed", "libfoo.so", "libgone.so"]),
    );
    place.add("needs what is gone", &lacking, |it| it.env("LD_PRELOAD=/opt/libextra.so"));
    let listed = place
        .root("listed")
        .put(APP, &now)
        .put("/srv/lib/libfoo.so", &extra)
        .write("/etc/ld.so.preload", b"/gone.so # a comment\n");
    place.add("from the file", &listed, same);
}

fn musl(pairs: &mut Vec<Pair>) {
    let provider =
        c("musl-gcc", "libmfoo.so", FOO, &["-shared", "-fPIC", "-Wl,-soname,libmfoo.so"]);
    let other = c(
        "musl-gcc",
        "libmfoo-other.so",
        "int bar(void) { return 0; }\n",
        &["-shared", "-fPIC", "-Wl,-soname,libmfoo.so"],
    );
    let outer = c(
        "musl-gcc",
        "libmouter.so",
        "int foo(void);\nint outer(void) { return foo(); }\n",
        &["-shared", "-fPIC", "-Wl,-soname,libmouter.so", "-lmfoo"],
    );
    let app = c("musl-gcc", "musl-app", CALLS_FOO, &["-lmfoo"]);
    let runpath = c("musl-gcc", "musl-runpath", CALLS_FOO, &["-lmfoo", "-Wl,-rpath,${ORIGIN}/lib"]);
    let token =
        c("musl-gcc", "musl-token", CALLS_FOO, &["-lmfoo", "-Wl,-rpath,$ORIGIN/lib:/srv/$LIB"]);
    let through = c(
        "musl-gcc",
        "musl-through",
        "int outer(void);\nint main(void) { return outer(); }\n",
        &["-lmouter", "-Wl,-rpath,/srv/lib", "-Wl,--allow-shlib-undefined"],
    );
    let lazy = c(
        "musl-gcc",
        "musl-lazy",
        "int foo(void);\nint main(int argc, char **argv) { return argc > 5 ? foo() : 0; }\n",
        &["-lmfoo", "-Wl,-z,lazy"],
    );
    let weak = c(
        "musl-gcc",
        "musl-weak",
        "int foo(void) __attribute__((weak));\nint main(void) { return foo ? foo() : 0; }\n",
        &["-Wl,--no-as-needed", "-lmfoo"],
    );
    let files = c(
        "musl-gcc",
        "musl-files",
        "int open64(const char *, int);\nint main(void) { return open64(\"/\", 0) < 0; }\n",
        &[],
    );
    let glibc = glibc_root("bookworm", "amd64");
    let mut place = Place { base: musl_root(), pairs, group: "musl" };
    let mut add =
        |name: &str, app: &PathBuf, prepare: &dyn Fn(Root) -> Root, change: fn(Pair) -> Pair| {
            let root = prepare(place.root(name).put(APP, app));
            place.add(name, &root, change);
        };
    let keep = |root: Root| root;
    add("library gone", &app, &keep, same);
    add("another name for itself", &app, &keep, |it| it.argv0("app"));
    add("library in /lib", &app, &|root| root.put("/lib/libmfoo.so", &provider), same);
    add(
        "library in /usr/local/lib",
        &app,
        &|root| root.put("/usr/local/lib/libmfoo.so", &provider),
        same,
    );
    add(
        "library in a multiarch directory",
        &app,
        &|root| root.put("/usr/lib/x86_64-linux-gnu/libmfoo.so", &provider),
        same,
    );
    add("LD_LIBRARY_PATH", &app, &|root| root.put("/srv/lib/libmfoo.so", &provider), |it| {
        it.env("LD_LIBRARY_PATH=/srv/lib")
    });
    add(
        "path file",
        &app,
        &|root| {
            root.put("/opt/lib/libmfoo.so", &provider)
                .write("/etc/ld-musl-x86_64.path", b"/lib\n/opt/lib\n")
        },
        same,
    );
    add(
        "path file without the defaults",
        &app,
        &|root| {
            root.put("/usr/lib/libmfoo.so", &provider)
                .write("/etc/ld-musl-x86_64.path", b"/opt/lib\n")
        },
        same,
    );
    add("RUNPATH of ORIGIN", &runpath, &|root| root.put("/srv/lib/libmfoo.so", &provider), same);
    add(
        "RUNPATH with an unknown token",
        &token,
        &|root| root.put("/srv/lib/libmfoo.so", &provider),
        same,
    );
    add(
        "RUNPATH is inherited",
        &through,
        &|root| root.put("/srv/lib/libmfoo.so", &provider).put("/srv/lib/libmouter.so", &outer),
        same,
    );
    add(
        "library of a library gone",
        &through,
        &|root| root.put("/srv/lib/libmouter.so", &outer),
        same,
    );
    add("symbol gone", &app, &|root| root.put("/lib/libmfoo.so", &other), same);
    add("symbol gone and never called", &lazy, &|root| root.put("/lib/libmfoo.so", &other), same);
    add("symbol gone and weak", &weak, &|root| root.put("/lib/libmfoo.so", &other), same);
    add("large files", &files, &keep, same);
    add("library is text", &app, &|root| root.write("/lib/libmfoo.so", &[b'#'; 2000]), same);
    add("library is empty", &app, &|root| root.write("/lib/libmfoo.so", b""), same);
    add("library dangles", &app, &|root| root.link("/lib/libmfoo.so", "/nowhere"), same);
    add("preload gone", &app, &|root| root.put("/lib/libmfoo.so", &provider), |it| {
        it.env("LD_PRELOAD=/gone.so")
    });
    add(
        "preload gives the symbol",
        &app,
        &|root| root.put("/lib/libmfoo.so", &other).put("/opt/extra.so", &provider),
        |it| it.env("LD_PRELOAD=/opt/extra.so"),
    );
    let hello = c(
        "cc",
        "glibc-hello",
        "#include <stdio.h>\nint main(void) { puts(\"hi\"); return 0; }\n",
        &[],
    );
    let linked = |root: Root| root.link("/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1");
    add("glibc program by a link", &hello, &linked, same);
    add("glibc's Rust program by a link", &glibc.join("usr/bin/hexyl"), &linked, same);
    let fortified = c(
        "cc",
        "glibc-fortified",
        "#include <stdlib.h>\n#include <string.h>\n#include <stdio.h>\nint main(int argc, char **argv) { char b[64]; memset(b, 0, argc); strcpy(b, argv[0]); printf(\"%s\\n\", b); return 0; }\n",
        &["-O2", "-D_FORTIFY_SOURCE=2", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"],
    );
    add("fortified glibc program by a link", &fortified, &linked, same);
    let gcc = fs_read(&glibc, "/lib/x86_64-linux-gnu/libgcc_s.so.1");
    add(
        "glibc's Rust program with libgcc_s",
        &glibc.join("usr/bin/hexyl"),
        &|root| linked(root).write("/lib/libgcc_s.so.1", &gcc),
        same,
    );
    add(
        "library of the other class",
        &app,
        &|root| {
            let i386 =
                fs_read(&glibc_root("bookworm", "i386"), "/lib/i386-linux-gnu/libgcc_s.so.1");
            root.write("/lib/libmfoo.so", &i386)
        },
        same,
    );
    add("library is a loop", &app, &|root| root.link("/lib/libmfoo.so", "libmfoo.so"), same);
    add("library is a directory", &app, &|root| root.directory("/lib/libmfoo.so"), same);
}
