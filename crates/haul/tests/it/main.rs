//! The real binary, run as its users run it.

mod cli;
mod command;
mod config;
mod demo;
mod fake;
mod get;
mod links;
mod security;
mod serve;
