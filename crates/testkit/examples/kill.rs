//! The acceptance run of `cargo xtask kill`: kills a daemon at random moments during one large file
//! and during many small ones, prints what that costs, and fails when anything is off.
//!
//! `kill BINARY TIMES SEED`

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use haul_testkit::crash::{Load, random_kills};

#[tokio::main]
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the table is what it is for"
)]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [binary, times, seed] = words.as_slice() else {
        eprintln!("kill BINARY TIMES SEED");
        return ExitCode::from(2);
    };
    let (Ok(times), Ok(seed)) = (times.parse(), seed.parse()) else {
        eprintln!("kill: TIMES and SEED are numbers");
        return ExitCode::from(2);
    };
    // The daemon runs elsewhere.
    let binary = std::path::absolute(PathBuf::from(binary)).expect("not empty");
    let mut is_clean = true;
    for load in [Load::large(1 << 30, 64, 512 << 10), Load::small(500)] {
        let began = Instant::now();
        let tally = random_kills(&binary, &load, times, seed).await;
        println!(
            "{tally}\n  took                     {:.0?}\n",
            began.elapsed()
        );
        for complaint in tally.complaints() {
            is_clean = false;
            println!("  {complaint}");
        }
    }
    if is_clean {
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}
