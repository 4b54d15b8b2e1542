//! Images of a few layers each that tools and engines lay over one another in ways of their own.

use super::layers::*;

/// A name, and the entries of each layer.
pub type Case = (&'static str, Vec<Vec<Vec<u8>>>);

/// Whiteouts, links and replacements, in every order that was seen to matter.
pub fn squash_corpus() -> Vec<Case> {
    let (d, s, h) = (directory, symlink, hard_link);
    let f = |name: &str, text: &str| file(name, text.as_bytes());
    let lib = || vec![d("usr/"), d("usr/lib/"), s("lib", "usr/lib")];
    let lib_with_gone =
        || vec![d("usr/"), d("usr/lib/"), f("usr/lib/gone", "1"), s("lib", "usr/lib")];
    vec![
        (
            "opaque-after",
            vec![
                vec![d("a/"), f("a/old", "1"), d("a/b/"), f("a/b/c", "1")],
                vec![d("a/"), d("a/b/"), f("a/b/new", "2"), f("a/.wh..wh..opq", "")],
            ],
        ),
        (
            "opaque-without-entries",
            vec![
                vec![d("a/"), d("a/b/"), f("a/b/c", "1"), d("a/z/")],
                vec![f("a/b/new", "2"), f("a/.wh..wh..opq", "")],
            ],
        ),
        ("hide-then-put", vec![vec![f("f", "old")], vec![f(".wh.f", ""), f("f", "new")]]),
        ("put-then-hide", vec![vec![f("f", "old")], vec![f("f", "new"), f(".wh.f", "")]]),
        ("directory-to-file", vec![vec![d("d/"), f("d/x", "1")], vec![f("d", "file")]]),
        ("file-to-directory", vec![vec![f("d", "file")], vec![d("d/"), f("d/x", "1")]]),
        (
            "directory-to-link",
            vec![
                vec![d("lib/"), f("lib/x", "1"), d("usr/"), d("usr/lib/")],
                vec![s("lib", "usr/lib")],
            ],
        ),
        ("write-through-link", vec![lib(), vec![f("lib/new", "2")]]),
        ("link-in-the-same-layer", vec![[lib(), vec![f("lib/new", "2")]].concat()]),
        (
            "directory-over-link",
            vec![
                [lib(), vec![f("usr/lib/keep", "1")]].concat(),
                vec![d("lib/"), f("lib/new", "2")],
            ],
        ),
        ("hide-through-link", vec![lib_with_gone(), vec![f("lib/.wh.gone", "")]]),
        ("opaque-through-link", vec![lib_with_gone(), vec![f("lib/.wh..wh..opq", "")]]),
        (
            "absolute-link-parent",
            vec![vec![d("usr/"), d("usr/lib/"), s("lib", "/usr/lib")], vec![f("lib/new", "2")]],
        ),
        ("escaping-link-parent", vec![vec![s("lib", "../../../../usr")], vec![f("lib/new", "2")]]),
        ("dangling-link-parent", vec![vec![s("lib", "usr/nope")], vec![f("lib/new", "2")]]),
        (
            "link-of-links",
            vec![vec![d("a/"), s("b", "a"), s("c", "b/../b")], vec![f("c/new", "2")]],
        ),
        ("hard-link-to-lower", vec![vec![f("orig", "data")], vec![h("hl", "orig")]]),
        (
            "hard-link-then-hide",
            vec![vec![f("orig", "data"), h("hl", "orig")], vec![f(".wh.orig", "")]],
        ),
        (
            "hard-link-then-put",
            vec![vec![f("orig", "data"), h("hl", "orig")], vec![f("orig", "new")]],
        ),
        ("hard-link-to-link", vec![vec![f("t", "data"), s("s", "t"), h("hl", "s")]]),
        ("hard-link-forward", vec![vec![h("hl", "orig"), f("orig", "data")]]),
        (
            "hard-link-to-hidden",
            vec![vec![f("orig", "data")], vec![f(".wh.orig", ""), h("hl", "orig")]],
        ),
        ("hard-link-absolute", vec![vec![d("a/"), f("a/orig", "data"), h("hl", "/a/orig")]]),
        ("hard-link-outside", vec![vec![f("passwd", "data"), h("hl", "../../passwd")]]),
        (
            "hard-link-over-directory",
            vec![vec![f("o", "data"), d("d/"), f("d/x", "1")], vec![h("d", "o")]],
        ),
        ("twice", vec![vec![f("f", "one"), f("f", "two")]]),
        ("hide-directory", vec![vec![d("d/"), f("d/x", "1")], vec![f(".wh.d", "")]]),
        (
            "hide-directory-then-put",
            vec![vec![d("d/"), f("d/x", "1")], vec![f(".wh.d", ""), d("d/"), f("d/y", "2")]],
        ),
        ("hide-nothing", vec![vec![f("f", "1")], vec![f(".wh.nope", "")]]),
        ("hide-in-nothing", vec![vec![f("f", "1")], vec![f("q/.wh.nope", "")]]),
        ("no-parents", vec![vec![f("x/y/z", "1")]]),
        (
            "dot-slash",
            vec![
                vec![d("./"), d("./a/"), f("./a/b", "1")],
                vec![f("a/.wh.b", ""), f("./a/c", "2")],
            ],
        ),
        ("double-slash", vec![vec![f("a//b", "1")], vec![f("a/.wh.b", "")]]),
        ("up-and-out", vec![vec![f("../../up", "1"), f("a/../b", "2"), f("/abs", "3")]]),
        (
            "opaque-root",
            vec![
                vec![f("a", "1"), d("d/"), f("d/x", "1")],
                vec![f(".wh..wh..opq", ""), f("n", "2")],
            ],
        ),
        ("hide-empty", vec![vec![f("a", "1")], vec![f(".wh.", "")]]),
        ("hide-dot", vec![vec![d("d/"), f("d/a", "1")], vec![f("d/.wh..", "")]]),
        ("hide-dot-dot", vec![vec![d("d/"), f("d/a", "1"), f("k", "1")], vec![f("d/.wh...", "")]]),
        (
            "aufs",
            vec![vec![
                d(".wh..wh.plnk/"),
                f(".wh..wh.plnk/1.2", "x"),
                f(".wh..wh.aufs", ""),
                f("a", "1"),
            ]],
        ),
        ("hide-by-directory", vec![vec![f("f", "1")], vec![d(".wh.f/")]]),
        ("file-under-file", vec![vec![f("f", "1")], vec![f("f/x", "2")]]),
        ("file-under-own-file", vec![vec![f("f", "1"), f("f/x", "2")]]),
        ("file-under-link-to-file", vec![vec![f("f", "1"), s("l", "f")], vec![f("l/x", "2")]]),
        ("directory-twice", vec![vec![d("d/"), f("d/x", "1"), d("d/"), f("d/y", "2")]]),
        ("directory-after-its-file", vec![vec![f("d/x", "1"), d("d/")]]),
        ("directory-again-in-the-next", vec![vec![d("d/"), f("d/x", "1")], vec![d("d/")]]),
        ("twice-through-a-link", vec![vec![d("d/"), s("l", "d"), f("d/x", "1"), f("l/x", "2")]]),
        (
            "twice-and-hidden",
            vec![vec![f("f", "1")], vec![f(".wh.f", ""), f("f", "2"), f(".wh.f", "")]],
        ),
        ("hide-twice", vec![vec![d("d/"), f("d/x", "1")], vec![f(".wh.d", ""), f(".wh.d", "")]]),
        (
            "three-layers",
            vec![vec![d("a/"), f("a/1", "1")], vec![f(".wh.a", "")], vec![d("a/"), f("a/3", "3")]],
        ),
    ]
}
