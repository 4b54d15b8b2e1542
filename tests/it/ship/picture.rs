//! The pictures of the README show what the program prints today.

use crate::support::docker::text;
use crate::support::run;
use crate::support::slow;

#[test]
fn the_pictures_show_the_report_of_today() {
    if !slow::has("python3") {
        return;
    }
    let mut picture = run::command("ci/picture");
    picture.arg("--check").env("BINLINT", env!("CARGO_BIN_EXE_cargo-binlint"));
    let output = picture.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
}
