//! The binary: for now only the API is here.

mod api;

fn main() {
    let _ = api::serve;
}
