//! Every way in which a server, a network or a name fails, and what comes of it. The faults are rows
//! of a table (`table/`), each is played against the engine at several moments (`play.rs`), and the
//! table is what `docs/faults.md` shows (`docs.rs`).

mod docs;
mod expect;
mod ground;
mod play;
mod report;
mod row;
mod table;
mod within;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

/// Trials wait most of the time, so that more run at once than there are cores.
const AT_ONCE: usize = 6;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let mut trials = vec![Trial::test("docs_are_up_to_date", || {
        docs::check().map_err(Failed::from)
    })];
    for group in table::groups() {
        for row in group.rows {
            for case in row.cases() {
                let name = case.name();
                let run =
                    move || report::kept(group.title, &case, play::play).map_err(Failed::from);
                trials.push(Trial::test(name, run));
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
