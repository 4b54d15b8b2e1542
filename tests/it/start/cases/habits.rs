//! What loaders of three releases do each in their own way, or all alike and against expectation.

use super::{APP, Pair, Root, c, copy_of, glibc_root, library, patched};

const FOO: &str = "int foo(void) { return 0; }\n";
const CALLS_FOO: &str = "int foo(void);\nint main(void) { return foo(); }\n";
const LIBRARIES: &str = "/lib/x86_64-linux-gnu";

pub fn all(pairs: &mut Vec<Pair>) {
    let provider = library("habit-foo.so", FOO, "libfoo.so", &[]);
    library("libfoo.so", FOO, "libfoo.so", &[]);
    let app = c("cc", "habit-app", CALLS_FOO, &["-lfoo"]);
    let other = "int dummy(void) { return 1; }\n";
    let auxiliary = library("habit-aux.so", other, "libfoo.so", &["-Wl,-f,libreal.so"]);
    let filter = library("habit-filter.so", other, "libfoo.so", &["-Wl,-F,libreal.so"]);
    let origin = ["--replace-needed", "libfoo.so", "$ORIGIN/lib/libfoo.so"];
    let origin = patched(&app, "habit-origin", &origin);
    let interpreter = patched(&app, "habit-ld", &["--set-interpreter", "/opt/ld.so"]);
    for suite in ["bullseye", "bookworm", "trixie"] {
        let base = glibc_root(suite, "amd64");
        let bare = |name: &str| {
            copy_of(&base, &format!("habit-{suite}-{}", name.replace([' ', '/'], "-")))
                .put(APP, &app)
        };
        let found = |name: &str| bare(name).put(&format!("{LIBRARIES}/libfoo.so"), &provider);
        let mut add = |name: &str, root: Root, variable: &str| {
            let pair = Pair::new(format!("habits: {name} of {suite}"), &root.top, APP);
            pairs.push(if variable.is_empty() { pair } else { pair.env(variable) });
        };
        for below in ["glibc-hwcaps/x86-64-v2", "tls", "x86_64", "tls/x86_64", "i686"] {
            let root = bare(below).put(&format!("{LIBRARIES}/{below}/libfoo.so"), &provider);
            add(&format!("a library below {below}"), root, "");
        }
        for format in ["old", "compat", "new"] {
            let root = bare(format).put("/opt/rt/libfoo.so", &provider);
            let root = root.write("/etc/ld.so.conf", b"/opt/rt\n").ldconfig_as(format);
            add(&format!("a cache in the {format} format"), root, "");
        }
        let mut bytes = std::fs::read(&provider).expect("it was built");
        bytes[8] = 64;
        let abi = bare("abi").write(&format!("{LIBRARIES}/libfoo.so"), &bytes);
        add("another ABI version", abi, "");
        for (name, file) in [("auxiliary", &auxiliary), ("filter", &filter)] {
            let root = || bare(name).put(&format!("{LIBRARIES}/libfoo.so"), file);
            add(
                &format!("{name} with its library"),
                root().put(&format!("{LIBRARIES}/libreal.so"), &provider),
                "",
            );
        }
        let alone = bare("filter-alone").put(&format!("{LIBRARIES}/libfoo.so"), &filter);
        add("filter alone", alone, "");
        add("preload of a directory", found("directory"), "LD_PRELOAD=/srv");
        add("preload of the program itself", found("itself"), "LD_PRELOAD=/srv/app");
        for (name, text) in [
            ("two comments", "# /x.so\nlibfoo.so # /y.so\n"),
            ("a carriage return", "/x.so\r\n"),
            ("no end", "/x.so"),
        ] {
            let root = found(name).write("/etc/ld.so.preload", text.as_bytes());
            add(&format!("preload file with {name}"), root, "");
        }
        add("needed below its origin and gone", bare("origin").put(APP, &origin), "");
        let script = bare("script").put(APP, &interpreter).write("/opt/ld.so", b"#!/bin/sh\n");
        add("interpreter is a short script", script, "");
    }
}
