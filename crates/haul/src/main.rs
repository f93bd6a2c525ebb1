//! haul, the binary: hands the command line to `cli` and its exit code to the system.

mod api;
mod assemble;
mod cli;
mod config;
mod demo;
mod human;
mod shutdown;
mod sys;
mod text;
mod web;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
