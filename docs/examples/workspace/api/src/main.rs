fn main() {
    println!("api: {}", common::greeting(std::env::args().count()));
}
