//! `sqlx::migrate!` embeds the folder; a file that comes new makes cargo compile again.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
