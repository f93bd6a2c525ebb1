//! `haul get`: downloads here and now, with an engine of its own. Interrupted, the same command goes
//! on where it stopped.

mod bars;
mod events;
mod outcome;
mod pace;
mod places;
mod progress;
mod resume;

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use haul_engine::store::Store;
use haul_engine::{Engine, Id, New, Spec};
use rustix::process;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use self::outcome::{Outcome, Steps};
use self::places::Places;
use self::progress::Progress;
use super::block::Block;
use super::exit::{self, Failure};
use super::output::{self, JsonOutput, LogDefault, Verbosity};
use super::wanted::Wanted;
use crate::assemble::{self, State};
use crate::config::{self, Config, Flags};
use crate::shutdown::{INTERRUPTED, Signals};
use crate::sys;

/// How many downloads are recorded with one commit.
const ADDED_AT_ONCE: usize = 256;

/// `haul get`.
#[derive(Clone, Args)]
#[command(after_help = "Examples:
  haul get https://example.org/a.iso
  haul get -d ~/isos --threads 16 --limit 2M https://example.org/a.iso
  haul get --checksum sha-256=HEX https://example.org/a.iso
  haul get -H 'Authorization: Bearer TOKEN' https://example.org/private.zip
  haul get -i urls.txt --json | jq -r 'select(.event == \"completed\").path'

Ctrl-C stops it safely; the same command again goes on.

Paths of finished files go to stdout, everything else to stderr. With --json
it is events, an object per line: started, progress, retry, waiting,
completed, failed, cancelled, and a summary at the end; with -q as well, only
the ends and the summary.

Exit codes: 0 all delivered, 1 some failed for different reasons, 2 usage or
configuration, 3 not found, 4 refused, 5 network, 6 the server broke the
protocol, 7 disk, 8 wrong checksum, 9 the remote file changed, 130 interrupted.")]
pub(crate) struct Get {
    #[command(flatten)]
    wanted: Wanted,
    /// Save into this directory; created if missing
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    #[command(flatten)]
    json: JsonOutput,
    #[command(flatten)]
    flags: Flags<config::Get>,
}

/// Downloads everything asked for.
pub(crate) fn get(asked: &Get, verbosity: Verbosity) -> anyhow::Result<u8> {
    let loaded = config::effective(&asked.flags)?;
    let progress = Progress::start(verbosity, asked.json);
    let _log = output::start_logging(&loaded, verbosity, LogDefault::Error, progress.bars());
    let dir = std::path::absolute(&asked.dir).context("the current directory cannot be told")?;
    let mut specs = asked.wanted.specs(verbosity)?;
    set_going(&mut specs, verbosity);
    let places = Places::of(&specs);
    let specs = resume::settle(specs, &dir);
    assemble::create_dir(&dir)?;
    let state = State::take(&dir.join(".haul").join(resume::name(&specs))).map_err(taken)?;
    let transfers =
        assemble::transfer_runtime(assemble::Turn::Fair).context("cannot start threads")?;
    let api = assemble::api_runtime().context("cannot start threads")?;
    let steps = match progress.bars() {
        Some(_) if specs.len() > 1 => Steps::AtTheEnd,
        _ => Steps::AtOnce,
    };
    let outcome = Outcome::new(verbosity, asked.json, steps, places);
    let ended = api.block_on(run(
        &loaded.config,
        Work {
            dir: &dir,
            state: &state,
            specs,
        },
        &transfers,
        progress,
        outcome,
    ));
    // Whatever still runs has been told to stop and has had its time.
    transfers.shutdown_background();
    api.shutdown_background();
    let ended = ended?;
    if ended.leave == Leave::Nothing {
        state
            .delete()
            .context("cannot remove the state of the finished command")?;
    }
    Ok(ended.code)
}

/// Without a daemon nobody could resume what an input file adds paused: the command would never end.
fn set_going(specs: &mut [Spec], verbosity: Verbosity) {
    let mut paused = specs.iter_mut().filter(|spec| spec.paused).peekable();
    if paused.peek().is_some() && !verbosity.quiet {
        output::note("ignored, nobody could resume it here: pause");
    }
    paused.for_each(|spec| spec.paused = false);
}

/// The same command runs already: says what it is doing, and what to do.
fn taken(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref() {
        Some(assemble::Error::Taken { owner, .. }) => {
            let message =
                format!("another haul ({owner}) downloads the same URLs to this directory");
            let next = "wait for its end, or give another directory with -d DIR";
            Failure::new(exit::USAGE, message).next(next).into()
        }
        _ => error,
    }
}

/// What is to be done, and where.
struct Work<'a> {
    dir: &'a Path,
    state: &'a State,
    specs: Vec<Spec>,
}

/// How it ended.
struct Ended {
    code: u8,
    leave: Leave,
}

/// What stays on the disk besides finished files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    /// Bytes or records that the next run needs.
    State,
    /// Nothing worth keeping.
    Nothing,
}

async fn run(
    config: &Config,
    work: Work<'_>,
    transfers: &Runtime,
    mut progress: Progress,
    mut outcome: Outcome,
) -> anyhow::Result<Ended> {
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let store = work.state.open_store_for_a_while()?;
    let (mut ids, missing) = resume::reconcile(store.as_ref(), work.specs).await?;
    let starting = Engine::start(
        haul_engine::Config {
            // Somebody waits for the command to end; what is held stays for the next time.
            on_full: haul_engine::OnFull::Fail,
            on_loss: haul_engine::OnLoss::Fail,
            ..config.engine(work.dir.to_owned(), work.state.dir().to_owned())
        },
        Arc::clone(&store) as Arc<dyn Store>,
        transfers.handle().clone(),
    );
    // Nobody else asks this engine for anything, so its table may live where the downloads run: then
    // none of them wakes another thread when it begins or ends.
    let engine = transfers.spawn(starting).await??;
    let mut watcher = engine.live().watch();
    ids.extend(add(&engine, missing).await?);
    progress.expect(&ids);
    let standing = stand_when_asked(progress.bars());
    let all = tokio::select! {
        all = progress.until_over(&mut watcher, &ids, &mut outcome) => all.map(Some),
        () = signals.next() => Ok(None),
        Err(refused) = standing => Err(refused),
    };
    progress.clear();
    signals.unless_repeated(engine.shutdown()).await;
    // What ended between the last look and the stop counts too.
    let held = outcome.take_stock(engine.live(), &ids)?;
    outcome.sum_up(progress.was_seen())?;
    if all?.is_none() && outcome.is_open() {
        output::note(format_args!(
            "interrupted: {held}\n  run the same command again to go on"
        ));
        return Ok(Ended {
            code: INTERRUPTED,
            leave: outcome.leave(),
        });
    }
    Ok(Ended {
        code: exit::code_of_all(outcome.codes()),
        leave: outcome.leave(),
    })
}

/// Whenever the terminal stops this process (`Ctrl-Z`), takes the bars away before, so that the shell
/// finds a line of its own, and draws them below what stands there when it goes on.
async fn stand_when_asked(bars: Option<Block>) -> io::Result<Infallible> {
    let Some(bars) = bars else {
        return pending().await;
    };
    let mut asked = signal(SignalKind::from_raw(process::Signal::TSTP.as_raw()))?;
    while asked.recv().await.is_some() {
        bars.suspend(sys::stop)?;
    }
    pending().await
}

/// Adds downloads a few at a time: the first ones run while the others are recorded. What is cut off in
/// between is added by the next run of the command.
async fn add(engine: &Engine, specs: Vec<Spec>) -> anyhow::Result<Vec<Id>> {
    let mut ids = Vec::with_capacity(specs.len());
    let mut specs = specs.into_iter().map(New::Unseen).peekable();
    while specs.peek().is_some() {
        let some = specs.by_ref().take(ADDED_AT_ONCE).collect();
        ids.extend(engine.add(some).await?.iter().map(|view| view.id));
    }
    Ok(ids)
}
