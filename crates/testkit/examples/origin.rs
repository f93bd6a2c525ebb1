//! A scripted origin to try things on by hand: serves until Ctrl-C, then shows what it saw.
//! `cargo run -p haul-testkit --example origin [ADDRESS:PORT]`
#![allow(clippy::print_stdout, reason = "showing is all that it does")]

use haul_testkit::origin::Origin;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:0");
    let origin = Origin::start_on(address).await;
    println!("{}", origin.url("/a.bin?size=64M"));
    tokio::signal::ctrl_c().await?;
    for seen in origin.log() {
        let range = seen.header("range").unwrap_or("whole");
        println!(
            "connection {} {} {} {range}: {} and {} bytes",
            seen.connection, seen.method, seen.target, seen.status, seen.body_sent
        );
    }
    for why in origin.unknown_knobs() {
        println!("{why}");
    }
    println!("at most {} connections at once", origin.max_open());
    Ok(())
}
