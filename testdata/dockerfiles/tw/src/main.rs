fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    println!("REAL debug={} {}", cfg!(debug_assertions), arguments.join(" "));
    if let Some(file) = arguments.first().filter(|it| it.starts_with('/')) {
        std::fs::write(file, "x").unwrap();
    }
}
