//! What a real browser lets pages do to a daemon. Chromium is what `HAUL_TEST_CHROMIUM` names, else
//! `chromium` on the path; without one these tests are skipped and say so, unless `CI` is set.
#![expect(
    clippy::print_stderr,
    reason = "whoever runs the tests has to see why some are skipped"
)]

mod chromium;
mod proxied;
mod site;
mod strangers;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use chromium::{Chromium, Tab};

/// A test with a tab of its own.
type Play = fn(Tab) -> futures_util::future::BoxFuture<'static, ()>;

/// Names a test by its function.
macro_rules! plays {
    ($($room:ident::$name:ident),* $(,)?) => {
        [$((stringify!($name), (|tab| Box::pin($room::$name(tab))) as Play)),*]
    };
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let plays = plays![
        strangers::a_page_of_another_site_reads_nothing,
        strangers::a_page_of_another_site_commands_nothing,
        strangers::a_page_on_another_port_of_the_same_host_reads_and_commands_nothing,
        strangers::a_name_rebound_to_the_daemon_reaches_nothing,
        strangers::an_allowed_page_reads_commands_and_watches,
        strangers::a_token_in_an_address_becomes_a_cookie_that_no_script_sees,
        proxied::behind_the_proxy_of_the_documentation_our_own_page_works_and_no_other_does,
    ];
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let runtime = Arc::new(runtime);
    let chromium = match Chromium::find() {
        _ if arguments.list => None,
        Some(program) => Some(Arc::new(runtime.block_on(Chromium::start(&program)))),
        None if std::env::var_os("CI").is_some() => {
            eprintln!("there is no Chromium, which CI has to have");
            return ExitCode::FAILURE;
        }
        None => {
            eprintln!("skipped, for there is no Chromium here: `apt-get install chromium`");
            None
        }
    };
    let trial = |(name, play): (&'static str, Play)| {
        let (runtime, running) = (runtime.clone(), chromium.clone());
        let is_left_out = running.is_none();
        let run = move || {
            let chromium = running.ok_or_else(|| Failed::from("there is no Chromium"))?;
            let run = async move { play(chromium.tab().await).await };
            let played = std::panic::AssertUnwindSafe(|| runtime.block_on(run));
            std::panic::catch_unwind(played).map_err(|_| Failed::from("see above"))
        };
        Trial::test(name, run).with_ignored_flag(is_left_out)
    };
    let trials = plays.into_iter().map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
