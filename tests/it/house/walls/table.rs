//! The walls as data: what each part of the tree may look into and say. `ARCHITECTURE.md` explains
//! them; whoever moves a file changes its line here and says why.

/// The parts of the tree, in their order, and the parts below that each may look into.
///
/// A part looks into itself, and never into one beside or above it. `lint` is in a row with `config`
/// and `report` and brings them together: levels go in, a report comes out.
pub const MAY_LOOK_INTO: &[(&str, &[&str])] = &[
    ("fact", &[]),
    // Hex, in one place.
    ("digest", &[]),
    // What somebody else wrote, in a line, a shell word, a Dockerfile.
    ("escape", &[]),
    // How that is quoted where it is pasted.
    ("fix_line", &["escape"]),
    // What was meant where a name is unknown.
    ("similar_name", &[]),
    ("toolchain", &[]),
    ("binary", &["fact", "digest", "escape", "toolchain"]),
    // What lies in an image is nobody's language to it: it knows neither Rust nor ELF.
    ("rootfs", &["fact", "digest", "escape"]),
    ("start", &["fact", "digest", "escape", "toolchain", "binary", "rootfs"]),
    (
        "cargo",
        &["fact", "digest", "escape", "fix_line", "similar_name", "toolchain", "binary", "rootfs"],
    ),
    ("provenance", &["fact", "digest", "escape", "toolchain", "binary", "rootfs", "cargo"]),
    (
        "dockerfile",
        &[
            "fact",
            "digest",
            "escape",
            "fix_line",
            "similar_name",
            "toolchain",
            "binary",
            "rootfs",
            "start",
            "cargo",
        ],
    ),
    ("subject", BELOW_SUBJECT),
    ("rule", &with::<13>(BELOW_SUBJECT, &["subject"])),
    ("rules", &with::<14>(BELOW_SUBJECT, &["subject", "rule"])),
    ("config", &with::<15>(BELOW_SUBJECT, &["subject", "rule", "rules"])),
    ("report", &with::<15>(BELOW_SUBJECT, &["subject", "rule", "rules"])),
    ("lint", &with::<17>(BELOW_SUBJECT, &["subject", "rule", "rules", "config", "report"])),
    (
        "session",
        &with::<18>(BELOW_SUBJECT, &["subject", "rule", "rules", "config", "report", "lint"]),
    ),
    (
        "cli",
        &with::<19>(
            BELOW_SUBJECT,
            &["subject", "rule", "rules", "config", "report", "lint", "session"],
        ),
    ),
    // The facade and the program stand on everything, and nothing on them.
    ("lib", EVERYTHING),
    ("main", EVERYTHING),
];

const BELOW_SUBJECT: &[&str] = &[
    "fact",
    "digest",
    "escape",
    "fix_line",
    "similar_name",
    "toolchain",
    "binary",
    "rootfs",
    "start",
    "cargo",
    "provenance",
    "dockerfile",
];

const EVERYTHING: &[&str] = &with::<20>(
    BELOW_SUBJECT,
    &["subject", "rule", "rules", "config", "report", "lint", "session", "cli"],
);

const fn with<const N: usize>(
    first: &[&'static str],
    second: &[&'static str],
) -> [&'static str; N] {
    assert!(first.len() + second.len() == N, "N is the number of both");
    let mut all = [""; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < first.len() { first[at] } else { second[at - first.len()] };
        at += 1;
    }
    all
}

/// Something that only some files may say.
pub struct Word {
    /// How a failure calls it.
    pub what: &'static str,
    /// Paths; whoever says one of them or anything below it says the word.
    pub paths: &'static [&'static str],
    /// Paths below them that do not count.
    pub but: &'static [&'static str],
    /// Methods without arguments that count, whatever their receiver: types are not known here.
    pub methods: &'static [&'static str],
    /// Macros that count.
    pub macros: &'static [&'static str],
    /// Who may: a file without `.rs`, or a folder with everything in it, and the file of its name.
    pub may: &'static [&'static str],
}

const WORD: Word = Word { what: "", paths: &[], but: &[], methods: &[], macros: &[], may: &[] };

/// A path's own questions to the disk. `clippy.toml` has the same list.
pub const PATH_METHODS: &[&str] = &[
    "exists",
    "try_exists",
    "is_file",
    "is_dir",
    "metadata",
    "symlink_metadata",
    "read_dir",
    "read_link",
    "canonicalize",
];

/// The lint that knows a receiver's type; only who may read the disk may lift it.
pub const PATH_LINT: &str = "clippy::disallowed_methods";

/// Who may touch the world outside, in which way.
pub const FILES: Word = Word {
    what: "files",
    paths: &["std::fs", "std::os::unix::fs", "std::os::linux::fs", "rustix::fs", "tempfile"],
    methods: PATH_METHODS,
    may: &[
        "cargo/fs",
        "dockerfile/context",
        "cargo/rebuild/files",
        "rootfs/source",
        "rootfs/tree/host_directory",
        // The file without a name that what is kept of an image outgrows memory into.
        "rootfs/spill",
        "provenance/fs",
        "session/fs",
        "cli/output",
    ],
    ..WORD
};

pub const WORDS: &[Word] = &[
    FILES,
    Word {
        what: "the network",
        paths: &["std::net", "std::os::unix::net", "rustix::net"],
        may: &["rootfs/source/daemon", "rootfs/source/registry"],
        ..WORD
    },
    Word {
        what: "processes",
        paths: &["std::process", "std::os::unix::process", "rustix::process"],
        // The exit code and the number of a program's own are no process.
        but: &["std::process::ExitCode", "std::process::id"],
        // One asks and one builds: the second reads what is printed while it runs.
        // `trust` says what a question is asked with, so that it executes nothing of a checkout.
        may: &[
            "cargo/process",
            "cargo/build_command",
            "cargo/rebuild/process",
            "cargo/workspace/trust",
        ],
        ..WORD
    },
    Word {
        what: "the environment",
        paths: &["std::env"],
        // Known when this is compiled.
        but: &["std::env::consts"],
        may: &[
            "main",
            "cargo/process",
            "cargo/rebuild/process",
            "rootfs/source/daemon",
            "cli/output",
        ],
        ..WORD
    },
    Word {
        what: "the terminal",
        paths: &["std::io::stdin", "std::io::stdout", "std::io::stderr", "rustix::termios"],
        macros: &["print", "println", "eprint", "eprintln"],
        // What a build script prints goes through, as cargo itself lets it through.
        may: &["cli", "rootfs/source", "cargo/build_command", "cargo/rebuild/process"],
        ..WORD
    },
    Word { what: "code of another file", macros: &["include"], ..WORD },
    Word { what: "a debugging aid", macros: &["dbg", "todo", "unimplemented"], ..WORD },
    Word {
        what: "the object-file library",
        paths: &["object", "iced_x86"],
        may: &["binary"],
        ..WORD
    },
    Word {
        what: "a document's form (Serialize)",
        paths: &["serde::Serialize", "serde::Serializer", "serde::ser", "serde_derive::Serialize"],
        // What `freshen` keeps between two runs is a document of the house's own.
        may: &["report", "provenance", "cargo/freshen_state"],
        ..WORD
    },
    Word {
        what: "a document's form (Deserialize)",
        paths: &[
            "serde::Deserialize",
            "serde::Deserializer",
            "serde::de",
            "serde_derive::Deserialize",
        ],
        may: &[
            "report",
            "provenance",
            "rootfs/document",
            "cargo/target_dir",
            // Cargo's fingerprints.
            "toolchain/fingerprint",
            "cargo/workspace",
            "cargo/freshen_state",
            // The record of cargo-auditable, `.dep-v0`.
            "binary/detect/crates",
            "config",
        ],
        ..WORD
    },
    Word {
        what: "the clock",
        paths: &["std::time", "jiff::Timestamp", "jiff::Zoned"],
        may: &[
            "toolchain",
            "binary",
            "rootfs",
            "start",
            "cargo",
            "provenance",
            "dockerfile",
            "subject",
            "session",
            "cli",
        ],
        ..WORD
    },
    Word {
        what: "waiting",
        paths: &["std::thread", "std::sync::mpsc", "std::sync::Condvar", "std::sync::Barrier"],
        may: &["binary", "rootfs", "cargo", "session", "cli"],
        ..WORD
    },
    Word {
        what: "reading and writing",
        paths: &["std::io"],
        may: &[
            "toolchain",
            "binary",
            "rootfs",
            "start",
            "cargo",
            "provenance",
            "dockerfile",
            "subject",
            "report",
            "session",
            "cli",
            "lib",
        ],
        ..WORD
    },
];

/// Files that the walls name before they are there.
pub const NOT_YET: &[&str] = &["rootfs/source/registry"];

/// What is allowed all the same, as the beginning of the line that a wall would say, and why. One that
/// no line begins with is refused.
pub const EXCEPTIONS: &[(&str, &str)] = &[];

/// A longer file wants a second one; tests count.
pub const MAX_FILE_LINES: usize = 600;
/// A longer rule wants a fact; its tests do not count.
pub const MAX_RULE_LINES: usize = 120;

/// Integration tests that still look into the library through its hidden door, until they stand
/// beside the code or ask the command line. A file leaves the list and never joins it.
pub const STILL_INSIDE: &[&str] = &[
    "binary/linking.rs",
    "cargo/unit_graph.rs",
    "image/commands.rs",
    "image/cost.rs",
    "image/engines.rs",
    "image/on_disk.rs",
    "image/paths.rs",
    "provenance/embedding.rs",
    "rules/profile.rs",
    "start/pair.rs",
    "support/trees.rs",
];
