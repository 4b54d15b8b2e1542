//! Programs that the compiler of this machine makes on the spot, shipped in small images: every rule
//! about images and loading bites exactly those it is meant for, and spares another.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::support::layers;
use crate::support::run;
use crate::support::slow::{self, Need};
use binlint::{Group, rules};
use serde_json::{Value, json};

/// An image of one program, and the rules that must fail for it. Every other must not.
struct Ship {
    name: &'static str,
    /// The body of `main`, and what stands beside it.
    source: &'static str,
    flags: &'static [&'static str],
    /// Crates that its own list names; the program need not have them.
    crates: &'static [&'static str],
    /// Keys of the image's configuration that are another's.
    config: fn() -> Value,
    /// Paths of the usual root that are not in this one.
    without: &'static [&'static str],
    /// More entries, in a layer of their own.
    more: fn(&Path) -> Vec<Vec<u8>>,
    /// Words of the command line; `PROGRAM` is the file that was compiled.
    words: &'static [&'static str],
    bites: &'static [&'static str],
}

/// The ship that everything is in order with.
const SOUND: Ship = Ship {
    name: "sound",
    source: SERVER,
    flags: &[],
    crates: &["signal-hook", "tempfile", "env_logger", "jiff", "rustls-native-certs", "reqwest"],
    config: || json!({}),
    without: &[],
    more: |_| Vec::new(),
    words: &[],
    bites: &[],
};

const SERVER: &str = r#"
    use std::io::{Read, Write};
    fn main() {
        let words: Vec<String> = std::env::args().collect();
        let Some(port) = words.get(1).and_then(|word| word.parse().ok()) else {
            eprintln!("usage: {} PORT", words[0]);
            std::process::exit(2);
        };
        let listener = std::net::TcpListener::bind(("0.0.0.0", port)).expect("bind");
        for stream in listener.incoming() {
            let mut stream = stream.expect("accept");
            let mut buffer = [0; 512];
            let count = stream.read(&mut buffer).expect("read");
            stream.write_all(&buffer[..count]).expect("write");
        }
    }
"#;

/// A text that the program prints, and so carries.
macro_rules! says {
    ($text:literal) => {
        concat!("fn main() { println!(\"{} {:?}\", ", stringify!($text), ", std::env::args()) }")
    };
}

/// Calls two functions of the library that lies beside it.
const TWO_FUNCTIONS: &str = r#"
    unsafe extern "C" {
        fn first() -> i32;
        fn second() -> i32;
    }
    fn main() {
        println!("{} {:?}", unsafe { first() + second() }, std::env::args());
    }
"#;

/// Calls a function of a glibc that is to come.
const FUTURE: &str = r#"
    unsafe extern "C" {
        fn of_the_future() -> i32;
    }
    fn main() {
        println!("{} {:?}", unsafe { of_the_future() }, std::env::args());
    }
"#;

const LIBRARY: &str = "usr/lib/x86_64-linux-gnu/libpair.so";

fn pair(home: &Path, name: &str) -> Vec<Vec<u8>> {
    vec![layers::program(LIBRARY, &std::fs::read(home.join(name)).unwrap())]
}

const SHIPS: &[Ship] = &[
    SOUND,
    Ship {
        name: "no command",
        config: || json!({"Entrypoint": null}),
        bites: &["no-command"],
        ..SOUND
    },
    Ship {
        name: "another command",
        config: || json!({"Entrypoint": ["/usr/local/bin/server"]}),
        bites: &["missing-command"],
        ..SOUND
    },
    Ship {
        name: "no shell",
        config: || json!({"Entrypoint": ["/bin/sh", "-c", "exec /usr/local/bin/app"]}),
        without: &["bin/sh"],
        bites: &["missing-shell"],
        ..SOUND
    },
    Ship {
        name: "no permission",
        more: |home| {
            let bytes = std::fs::read(home.join("program")).unwrap();
            vec![layers::file("usr/local/bin/app", &bytes)]
        },
        bites: &["not-executable"],
        ..SOUND
    },
    Ship {
        name: "no health tool",
        config: || json!({"Healthcheck": {"Test": ["CMD", "curl", "-f", "http://localhost"]}}),
        bites: &["healthcheck-tool-missing"],
        ..SOUND
    },
    Ship {
        name: "its own health check",
        config: || json!({"Healthcheck": {"Test": ["CMD", "app", "health"]}}),
        ..SOUND
    },
    Ship {
        name: "a script from Windows",
        config: || json!({"Entrypoint": ["/entry.sh"]}),
        more: |_| vec![layers::program("entry.sh", b"#!/bin/sh\r\nexec app\r\n")],
        bites: &["broken-script"],
        ..SOUND
    },
    Ship {
        name: "a script",
        config: || json!({"Entrypoint": ["/entry.sh"]}),
        more: |_| vec![layers::program("entry.sh", b"#!/bin/sh\nexec app\n")],
        ..SOUND
    },
    Ship {
        name: "root on port 80",
        config: || json!({"User": "", "ExposedPorts": {"80/tcp": {}}}),
        bites: &["root-user"],
        ..SOUND
    },
    Ship {
        name: "user on port 80",
        config: || json!({"ExposedPorts": {"80/tcp": {}}}),
        bites: &["privileged-port"],
        ..SOUND
    },
    Ship {
        name: "a ghost",
        config: || json!({"User": "ghost"}),
        bites: &["missing-user"],
        ..SOUND
    },
    Ship {
        name: "for root's eyes",
        more: |home| {
            let bytes = std::fs::read(home.join("program")).unwrap();
            let mut block = layers::header(b"usr/local/bin/app", bytes.len() as u64, b'0', b"");
            block[100..107].copy_from_slice(b"0000700");
            vec![[&layers::seal(block)[..], &layers::padded(&bytes)].concat()]
        },
        bites: &["unreadable-by-user"],
        ..SOUND
    },
    Ship {
        name: "a volume over it",
        config: || json!({"Volumes": {"/usr/local": {}}}),
        bites: &["volume-over-binary"],
        ..SOUND
    },
    Ship { name: "a volume", config: || json!({"Volumes": {"/data": {}}}), ..SOUND },
    Ship { name: "no tmp", without: &["tmp/"], bites: &["missing-tmp"], ..SOUND },
    Ship {
        name: "no zones",
        config: || json!({"Env": ["PATH=/usr/local/bin:/bin", "RUST_LOG=info", "TZ=Europe/Berlin"]}),
        without: &["usr/share/zoneinfo/"],
        bites: &["missing-tzdata"],
        ..SOUND
    },
    Ship {
        name: "no authorities",
        without: &["etc/ssl/certs/ca-certificates.crt"],
        bites: &["missing-ca-certificates"],
        ..SOUND
    },
    Ship {
        name: "openssl's own directory",
        source: says!("OPENSSLDIR: \"/usr/local/ssl\""),
        bites: &["openssldir-missing"],
        ..SOUND
    },
    Ship {
        name: "openssl told where",
        source: says!("OPENSSLDIR: \"/usr/local/ssl\""),
        config: || {
            json!({"Env": [
                "PATH=/usr/local/bin:/bin", "RUST_LOG=info",
                "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"
            ]})
        },
        ..SOUND
    },
    Ship {
        name: "templates left behind",
        source: says!("templates/**/*.html"),
        bites: &["missing-assets"],
        ..SOUND
    },
    Ship {
        name: "templates beside it",
        source: says!("templates/**/*.html"),
        config: || json!({"WorkingDir": "/srv"}),
        more: |_| vec![layers::file("srv/templates/page.html", b"x")],
        ..SOUND
    },
    Ship {
        name: "loopback",
        source: says!("127.0.0.1:8080"),
        bites: &["loopback-listener"],
        ..SOUND
    },
    Ship {
        name: "io_uring",
        crates: &["signal-hook", "io-uring"],
        bites: &["seccomp-sensitive"],
        ..SOUND
    },
    Ship {
        name: "silent",
        config: || json!({"Env": ["PATH=/usr/local/bin:/bin"]}),
        bites: &["silent-logging"],
        ..SOUND
    },
    Ship { name: "deaf", crates: &["serde"], bites: &["ignores-sigterm"], ..SOUND },
    Ship {
        name: "below a link",
        more: |_| vec![layers::file("lib/new", b"x")],
        bites: &["layer-engine-dependent"],
        ..SOUND
    },
    Ship {
        name: "for another machine",
        config: || json!({"architecture": "arm64"}),
        bites: &["wrong-architecture"],
        ..SOUND
    },
    Ship {
        name: "judged beside its copy",
        words: &["--binary", "PROGRAM", "--at", "/usr/local/bin/app"],
        ..SOUND
    },
    Ship {
        name: "not what was built",
        words: &["--binary", "PROGRAM", "--at", "/usr/local/bin/app"],
        more: |home| {
            vec![layers::program("usr/local/bin/app", &std::fs::read(home.join("other")).unwrap())]
        },
        bites: &["binary-differs"],
        ..SOUND
    },
    Ship {
        name: "not what runs",
        words: &["--binary", "PROGRAM", "--at", "/usr/local/bin/second"],
        more: |home| {
            vec![layers::program(
                "usr/local/bin/second",
                &std::fs::read(home.join("program")).unwrap(),
            )]
        },
        bites: &["unlinted-binary"],
        ..SOUND
    },
    Ship {
        name: "no gcc library",
        without: &["libgcc_s.so.1"],
        bites: &["missing-library"],
        ..SOUND
    },
    Ship {
        name: "no loader",
        without: &["lib64/ld-linux-x86-64.so.2"],
        bites: &["missing-interpreter"],
        ..SOUND
    },
    Ship {
        name: "nix's loader",
        flags: &[
            "-Clink-arg=-Wl,--dynamic-linker=/nix/store/abc-glibc-2.40/lib/ld-linux-x86-64.so.2",
        ],
        bites: &["missing-interpreter", "foreign-interpreter"],
        ..SOUND
    },
    Ship {
        name: "a glibc to come",
        source: FUTURE,
        flags: &["-Clink-arg=future/libresolv.so.2"],
        more: |_| {
            let now = std::fs::read("/lib/x86_64-linux-gnu/libresolv.so.2").unwrap();
            vec![layers::program("usr/lib/x86_64-linux-gnu/libresolv.so.2", &now)]
        },
        bites: &["glibc-too-new"],
        ..SOUND
    },
    Ship {
        name: "a pair",
        source: TWO_FUNCTIONS,
        flags: &["-Clink-arg=libpair.so"],
        more: |home| pair(home, "libpair.so"),
        ..SOUND
    },
    Ship {
        name: "half a pair",
        source: TWO_FUNCTIONS,
        flags: &["-Clink-arg=libpair.so", "-Clink-arg=-Wl,-z,now"],
        more: |home| pair(home, "half.so"),
        bites: &["undefined-symbol"],
        ..SOUND
    },
    Ship {
        name: "an older pair",
        source: TWO_FUNCTIONS,
        flags: &["-Clink-arg=newer/libpair.so"],
        more: |home| pair(home, "older/libpair.so"),
        bites: &["symbol-version-missing"],
        ..SOUND
    },
    Ship {
        name: "a narrow pair",
        source: TWO_FUNCTIONS,
        flags: &["-Clink-arg=libpair.so"],
        more: |home| pair(home, "narrow.so"),
        bites: &["wrong-class-library"],
        ..SOUND
    },
    Ship {
        name: "a pair of musl's",
        source: TWO_FUNCTIONS,
        flags: &["-Clink-arg=libpair.so"],
        more: |home| {
            let musl = std::fs::read("/lib/ld-musl-x86_64.so.1").unwrap();
            let mut all = pair(home, "musl.so");
            all.push(layers::program("usr/lib/x86_64-linux-gnu/libc.so", &musl));
            all
        },
        bites: &["mixed-libc"],
        ..SOUND
    },
    Ship {
        name: "a preload that is gone",
        config: || json!({"Env": ["PATH=/usr/local/bin:/bin", "RUST_LOG=info", "LD_PRELOAD=/usr/lib/gone.so"]}),
        bites: &["preload-missing"],
        ..SOUND
    },
    Ship {
        name: "a preload that is there",
        config: || json!({"Env": ["PATH=/usr/local/bin:/bin", "RUST_LOG=info", "LD_PRELOAD=/lib/x86_64-linux-gnu/libgcc_s.so.1"]}),
        ..SOUND
    },
    Ship {
        name: "a search path that is gone",
        flags: &["-Clink-arg=-Wl,-rpath,/opt/vendor/lib"],
        bites: &["runpath-outside-image"],
        ..SOUND
    },
    Ship {
        name: "a search path that is there",
        flags: &["-Clink-arg=-Wl,-rpath,/usr/lib"],
        ..SOUND
    },
    Ship {
        name: "std as a library",
        flags: &["-Cprefer-dynamic"],
        bites: &["dynamic-std"],
        ..SOUND
    },
    Ship {
        name: "meant to be static",
        words: &["--config", "static.toml"],
        bites: &["unexpected-libc"],
        ..SOUND
    },
    Ship { name: "meant to be dynamic", words: &["--config", "dynamic.toml"], ..SOUND },
];

/// The rules whose bite needs a whole engine or another machine, and the test that has them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("wrong-platform-in-index", "tests/it/image/forms.rs"),
    ("distro-mismatch", "tests/it/image/check.rs"),
    ("glibc-above-maximum", "tests/it/cli/formats.rs"),
    ("library-not-allowed", "tests/it/cli/formats.rs"),
    ("build-tree-runpath", "tests/it/rules/binaries.rs"),
    // It spares code of crates that only a registry has.
    ("ignores-sigterm", "src/rules/image/ignores_sigterm.rs"),
];

fn is_meant(rule: &binlint::Rule) -> bool {
    let group =
        matches!(rule.group, Group::Image | Group::Linkage) || rule.id == "wrong-architecture";
    group && rule.check.needs().to_string() != "binary"
}

#[test]
fn every_rule_about_images_bites_what_it_is_meant_for_and_nothing_else() {
    if cfg!(not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))) {
        return slow::lacks("x86_64-unknown-linux-gnu, whose programs these are");
    }
    if slow::is_left_out(Need::Toolchains) || !slow::has("musl-gcc") || !slow::has("busybox") {
        return;
    }
    let yard = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let mut spared: BTreeSet<String> = BTreeSet::new();
    let mut bitten: BTreeSet<String> = BTreeSet::new();
    for ship in SHIPS {
        let outcomes = sail(ship, &yard.path().join(ship.name.replace(' ', "-")));
        let of = |outcome: &str| -> BTreeSet<String> {
            let those = outcomes.iter().filter(|(_, it)| *it == outcome);
            those.map(|(rule, _)| rule.clone()).collect()
        };
        let expected: BTreeSet<String> = ship.bites.iter().map(|it| (*it).to_owned()).collect();
        let failed = of("fail");
        if failed != expected {
            let open = of("open");
            wrong.push(format!("{}: {failed:?}, not {expected:?}; open: {open:?}", ship.name));
        }
        bitten.extend(failed);
        spared.extend(of("pass"));
    }
    for rule in rules().filter(|rule| is_meant(rule)) {
        if let Some((_, test)) = ELSEWHERE.iter().find(|(id, _)| *id == rule.id) {
            assert!(std::fs::read_to_string(test).unwrap().contains(rule.id));
            continue;
        }
        if !bitten.contains(rule.id) {
            wrong.push(format!("{} bites no ship", rule.id));
        }
        if !spared.contains(rule.id) {
            wrong.push(format!("{} spares no ship", rule.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} images", SHIPS.len());
}

/// Builds the program and its image, and asks the linter: the outcome of every rule that is meant.
fn sail(ship: &Ship, home: &Path) -> BTreeMap<String, String> {
    std::fs::create_dir_all(home).unwrap();
    build(ship, home);
    let layout = image(ship, home);
    let mut command = run::command(env!("CARGO_BIN_EXE_cargo-binlint"));
    let words = ship.words.iter().map(|word| word.replace("PROGRAM", "program"));
    let output = command
        .args(["check", "--format", "json", "--image"])
        .arg(layout)
        .args(["-W", "image", "-W", "linkage", "-W", "target"])
        .args(words)
        .current_dir(home)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{}: {error}: {}", ship.name, String::from_utf8_lossy(&output.stderr))
    });
    let subjects = report["subjects"].as_array().unwrap();
    let own = |it: &&Value| !it["binary"].is_null();
    let subject = subjects.iter().find(own).unwrap_or(&subjects[0]);
    let outcomes = subject["outcomes"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let meant = |id: &str| rules().any(|rule| rule.id == id && is_meant(rule));
    outcomes
        .map(|it| (text(&it["rule"]), text(&it["outcome"])))
        .filter(|(rule, _)| meant(rule))
        .collect()
}

fn build(ship: &Ship, home: &Path) {
    let tool = |program: &str, words: &str| {
        let output =
            run::command(program).args(words.split(' ')).current_dir(home).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {program} {words}: {stderr}", ship.name);
    };
    let write = |name: &str, text: &str| {
        let path: PathBuf = home.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("static.toml", "[expect]\nlibc = \"musl-static\"\n");
    write("dynamic.toml", "[expect]\nlibc = \"glibc-dynamic\"\n");
    if ship.source == TWO_FUNCTIONS {
        write("pair.c", "int first(void) { return 1; }\nint second(void) { return 2; }\n");
        write("half.c", "int first(void) { return 1; }\n");
        write("none.s", "");
        let shared = "-shared -fPIC -Wl,-soname,libpair.so";
        tool("cc", &format!("{shared} -o libpair.so pair.c"));
        tool("cc", &format!("{shared} -o half.so half.c"));
        tool("musl-gcc", &format!("{shared} -o musl.so pair.c"));
        tool("as", "--32 -o none.o none.s");
        tool("ld", "-m elf_i386 -shared -soname libpair.so -o narrow.so none.o");
        write("newer/map", "PAIR_2 { first; second; };\n");
        write("older/map", "PAIR_1 { first; second; };\n");
        for age in ["newer", "older"] {
            tool(
                "cc",
                &format!("{shared} -Wl,--version-script,{age}/map -o {age}/libpair.so pair.c"),
            );
        }
    }
    if ship.source == FUTURE {
        write("future.c", "int of_the_future(void) { return 1; }\n");
        write("future/map", "GLIBC_2.99 { of_the_future; };\n");
        tool(
            "cc",
            "-shared -fPIC -nostdlib -Wl,-soname,libresolv.so.2 -Wl,--version-script,future/map -o future/libresolv.so.2 future.c",
        );
    }
    write("src/main.rs", &format!("{}\n{CARRIES}", ship.source));
    write("src/other.rs", &format!("{}\n{CARRIES}", says!("another one")));
    let packages: Vec<Value> = ship
        .crates
        .iter()
        .map(|name| json!({"name": name, "version": "1.0.0", "source": "crates.io"}))
        .chain([json!({"name": "app", "version": "0.1.0", "source": "local", "root": true})])
        .collect();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(json!({ "packages": packages }).to_string().as_bytes()).unwrap();
    std::fs::write(home.join("crates.zlib"), zlib.finish().unwrap()).unwrap();
    let rustc = "--edition=2021 -Copt-level=2 -Cstrip=symbols";
    let flags: String = ship.flags.iter().map(|flag| format!(" {flag}")).collect();
    tool("rustc", &format!("{rustc} -o program src/main.rs{flags}"));
    if ship.words.contains(&"PROGRAM") {
        tool("rustc", &format!("{rustc} -o other src/other.rs"));
    }
}

/// The list of crates that `cargo auditable` writes.
const CARRIES: &str = r#"
    #[used]
    #[unsafe(link_section = ".dep-v0")]
    static CRATES: [u8; include_bytes!("../crates.zlib").len()] = *include_bytes!("../crates.zlib");
"#;

/// A root with what a server needs, the program in it, and one more layer.
fn image(ship: &Ship, home: &Path) -> PathBuf {
    let read = |path: &str| std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let lib = "usr/lib/x86_64-linux-gnu";
    let root = [
        layers::directory("tmp/"),
        layers::directory("usr/share/zoneinfo/"),
        layers::symlink("lib", "usr/lib"),
        layers::program("lib64/ld-linux-x86-64.so.2", &read("/lib64/ld-linux-x86-64.so.2")),
        layers::program(&format!("{lib}/libc.so.6"), &read("/lib/x86_64-linux-gnu/libc.so.6")),
        layers::program(
            &format!("{lib}/libgcc_s.so.1"),
            &read("/lib/x86_64-linux-gnu/libgcc_s.so.1"),
        ),
        layers::program("bin/sh", &read("/bin/busybox")),
        layers::file("etc/passwd", b"root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"),
        layers::file("etc/os-release", &read("/etc/os-release")),
        layers::file("etc/ssl/certs/ca-certificates.crt", b"-----BEGIN CERTIFICATE-----"),
        layers::program("usr/local/bin/app", &read(home.join("program").to_str().unwrap())),
    ];
    let named = |entry: &&Vec<u8>| {
        let name = String::from_utf8_lossy(&entry[..100]);
        let name = name.trim_end_matches('\0');
        !ship.without.iter().any(|without| name.ends_with(without))
    };
    let root = layers::archive(&root.iter().filter(named).cloned().collect::<Vec<_>>());
    let mut config = json!({
        "Entrypoint": ["app"],
        "Env": ["PATH=/usr/local/bin:/bin", "RUST_LOG=info"],
        "User": "app",
        "ExposedPorts": {"8080/tcp": {}},
    });
    let mut architecture = "amd64".to_owned();
    for (key, value) in (ship.config)().as_object().expect("keys") {
        match key.as_str() {
            "architecture" => value.as_str().unwrap().clone_into(&mut architecture),
            _ => config[key] = value.clone(),
        }
    }
    let layout = home.join("image");
    let mut all = vec![root];
    all.extend(
        Some((ship.more)(home)).filter(|more| !more.is_empty()).map(|more| layers::archive(&more)),
    );
    let image = layers::image(&layout, ("linux", &architecture), &config.to_string(), &all);
    layers::index(&layout, &[image]);
    layout
}
