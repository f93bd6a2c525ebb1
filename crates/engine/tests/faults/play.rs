//! Plays one case: lets the fault strike at its moment, waits for the end, looks at what came of it,
//! and after an error whether the download can still be had once the server is well.

use std::sync::Arc;
use std::time::Duration;

use haul_engine::{Config, Engine, Id, New, Spec, View};
use haul_testkit::origin::Origin;
use tokio::time::Instant;

use crate::expect::{self, SEED, SIZE};
use crate::ground::{Ground, encoded, until};
use crate::row::{Case, Moment, Outcome, TAGGED};
use crate::within::SLACK;

/// What a case may take to get where its fault strikes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The bytes of each body that come before a stop, for the moments of resuming.
const HELD: u64 = 8 << 10;

/// Plays a case; says how long the engine took, or what speaks against it.
pub(crate) fn play(case: &Case) -> Result<Duration, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let played = runtime.block_on(on_runtime(case));
    // A lookup of a name may still be under way on a thread of its own.
    runtime.shutdown_timeout(Duration::from_secs(1));
    played
}

async fn on_runtime(case: &Case) -> Result<Duration, String> {
    let ground = Ground::prepare(&case.row).await;
    let config = ground.config(&case.row);
    let engine = ground.engine(config.clone()).await;
    ground.place(case.row.there);
    let result = scene(case, &ground, &config, &engine).await;
    engine.shutdown().await;
    let knobs = ground.unknown_knobs();
    assert!(knobs.is_empty(), "{knobs:?}");
    result.map_err(|why| format!("{why}\n{}", told(&ground.origin)))
}

async fn scene(
    case: &Case,
    ground: &Ground,
    config: &Config,
    engine: &Engine,
) -> Result<Duration, String> {
    let mut spec = Spec::new(ground.url(&case.row, &knobs(case, ground)));
    spec.mirrors = ground.mirrors(&case.row);
    (case.row.ask)(&mut spec);
    let mut started = Instant::now();
    let added = engine.add(vec![New::Unseen(spec)]).await;
    let id = added.map_err(|why| why.to_string())?[0].id;
    if matches!(case.moment, Moment::Resume | Moment::ResumeUntagged) {
        stop_half_way(engine, id, &ground.origin).await?;
        started = Instant::now();
        engine.resume(id).await.map_err(|why| why.to_string())?;
    }
    let limit = case.row.within.limit(config);
    let view = end(engine, id, limit).await?;
    let took = started.elapsed();
    expect::check(&case.row, case.outcome, &view, ground)?;
    if took < case.row.not_before {
        return Err(format!("only {took:?}: the server's wish was ignored"));
    }
    if !(case.row.has_struck)(&ground.origin.log()) {
        return Err("the fault has never struck".to_owned());
    }
    if matches!(case.outcome, Outcome::Fails(_)) && case.moment != Moment::Always {
        ground.origin.open_gate("well");
        engine.retry(id).await.map_err(|why| why.to_string())?;
        let view = end(engine, id, limit).await?;
        expect::check(&case.row, Outcome::Right, &view, ground)
            .map_err(|why| format!("when the server is well again: {why}"))?;
    }
    Ok(took)
}

/// The query of the case's URL.
fn knobs(case: &Case, ground: &Ground) -> String {
    let row = &case.row;
    let base = match case.moment {
        Moment::ResumeUntagged => row.base.replace(TAGGED, ""),
        _ => row.base.clone(),
    };
    let fault = ground.fill(&row.knobs);
    let file = format!("size={SIZE}&seed={SEED}&{base}");
    // Three threads at most have asked when the eighth request comes, so ranges have been seen to work.
    let strikes = match case.moment {
        Moment::Always => return format!("{file}&{fault}"),
        Moment::First => "later_from=1".to_owned(),
        Moment::FirstPassing => "later_from=1&later_times=2".to_owned(),
        Moment::Later => "later_from=8".to_owned(),
        Moment::LaterPassing => "later_from=4&later_times=3".to_owned(),
        Moment::Resume | Moment::ResumeUntagged => {
            format!("gate=struck&gate_after={HELD}&later_on=struck")
        }
    };
    format!(
        "{file}&{strikes}&later_until=well&later={}",
        encoded(&fault)
    )
}

/// Holds all threads in the middle of their blocks, pauses, and lets the fault strike.
async fn stop_half_way(engine: &Engine, id: Id, origin: &Origin) -> Result<(), String> {
    let held = until(engine, id, PATIENCE, |view| view.done >= 3 * HELD).await;
    if held.is_none() {
        return Err(format!("never got half-way: {:?}", engine.live().get(id)));
    }
    engine.pause(id).await.map_err(|why| why.to_string())?;
    origin.open_gate("struck");
    Ok(())
}

async fn end(engine: &Engine, id: Id, limit: Duration) -> Result<Arc<View>, String> {
    let ended = until(engine, id, limit + SLACK, |view| view.status.is_over()).await;
    ended.ok_or_else(|| format!("no end within {limit:?}: {:#?}", engine.live().get(id)))
}

/// What the origin was asked and answered, a line each.
fn told(origin: &Origin) -> String {
    let line = |seen: &haul_testkit::origin::Seen| {
        let range = seen.header("range").unwrap_or("-");
        let when = if seen.later { "later" } else { "" };
        let (status, sent) = (seen.status, seen.body_sent);
        format!("  #{} {range} → {status} {sent} {when}", seen.connection)
    };
    let lines: Vec<String> = origin.log().iter().take(60).map(line).collect();
    format!(
        "{}\n{}",
        origin.log().first().map_or("", |seen| &seen.target),
        lines.join("\n")
    )
}
