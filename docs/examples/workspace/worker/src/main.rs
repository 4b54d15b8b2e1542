fn main() {
    println!("worker: {}", common::greeting(std::env::args().count()));
}
