//! One download from its turn to its end: probe → transfer → verify → deliver. Owns its record while
//! it runs; knows nothing of other downloads and of who asked.

mod arrive;
mod digest;
mod finish;
mod held;
mod prepare;
mod prove;
mod small;
mod verify;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::context::{Context, Tuning};
use crate::crash::{Point, point};
use crate::deliver::Target;
use crate::disk::Scratch;
use crate::error::{Error, Kind, Result, Retry};
use crate::event::Reason;
use crate::limit::Rates;
use crate::meter;
use crate::opened::{self, Opened};
use crate::plan::name;
use crate::plan::ranges::RangeSet;
use crate::plan::resource::Resource;
use crate::plan::retry::{self, Next};
use crate::plan::seals::Seals;
use crate::plan::state::{Input, Status};
use crate::probe::{Found, Manner};
use crate::source::Source;
use crate::spec::OnLoss;
use crate::store::Record;
pub(crate) use crate::transfer::Wait;
use crate::transfer::{self, GIVE_WAY, Halt, Held, Order};
use digest::Follower;

/// So often a download starts over in blocks when the remote file changes; then it comes in one stream.
const CHANGES_BORNE: u32 = 1;

/// While its server cannot be reached, a download that has begun tries again this often at least.
const LOSS_WAIT: Duration = Duration::from_secs(10);

/// Without a network a download stays so long in its place before another one may try: a long queue
/// is not gone through at the speed at which nothing can be reached.
const CUT_OFF_STAY: Duration = Duration::from_secs(1);

/// How a download's run ended. The record says the rest.
#[derive(Debug)]
pub(crate) enum How {
    /// It needs no place until its next try.
    Waits(Wait),
    /// The file is at its final name, and that is recorded.
    Completed,
    /// Told to stop; it can go on from where it was.
    Stopped,
    /// Given up.
    Failed(Error),
}

/// A download whose turn has come.
pub(crate) struct Download {
    pub(crate) context: Arc<Context>,
    pub(crate) record: Record,
    /// What a probe before its turn has found.
    pub(crate) found: Option<Found>,
    pub(crate) rates: Rates,
    pub(crate) tuning: watch::Receiver<Tuning>,
    pub(crate) stop: CancellationToken,
    /// Whether the store may hold bytes of this download as done.
    pub(crate) is_recorded: bool,
    /// Whether the store knows of the resource that is being fetched.
    pub(crate) knows_resource: bool,
    /// Whether the server has answered a range with just that range.
    pub(crate) ranges_proven: bool,
    /// Whether the server has ever been reached for it.
    pub(crate) has_begun: bool,
    /// Tries that have failed in a row, without a byte gained in between.
    pub(crate) failures: u32,
    /// Tries in a row that have met an outage and are waited out. They are no failures: they say nothing
    /// of the server that is there afterwards.
    pub(crate) outwaited: u32,
}

/// Everything a transfer stands on.
struct Prepared {
    source: Arc<Source>,
    resource: Arc<Resource>,
    scratch: Arc<dyn Scratch>,
}

/// What has come of a file before its transfer begins.
enum AtHand {
    /// Nothing, or its first bytes.
    Part(Option<Opened>),
    /// Every byte, and nothing keeps it from being delivered in a group.
    Whole(opened::Held),
}

/// How a try to get the file has ended, unless there is no use in another one.
enum Try {
    /// The file has its final name.
    Delivered,
    /// There may be a way to go on.
    Halted(Halt),
}

/// What to do after a transfer that did not fill the file.
enum After {
    /// Once more, from what is held.
    GoOn,
    /// Once more, from nothing.
    StartOver,
}

impl Download {
    /// Runs to an end. The record returned is the download's again.
    pub(crate) async fn run(mut self) -> (Record, How) {
        let how = match self.steps().await {
            Ok(()) => How::Completed,
            Err(Halt::Failed(error) | Halt::Lost(error)) => {
                self.drop_useless_scratch();
                How::Failed(error)
            }
            Err(Halt::Waits(wait)) => How::Waits(wait),
            // Waiting for room ends with room, a failure or a stop.
            Err(Halt::Stopped | Halt::NoRoom) => How::Stopped,
        };
        (self.record, how)
    }

    async fn steps(&mut self) -> Result<(), Halt> {
        if self.was_delivered() {
            self.sync_target().await?;
            return self.complete().await;
        }
        self.claim().await?;
        self.record.started_at.get_or_insert_with(SystemTime::now);
        let mut tries = Tries::default();
        loop {
            let (prepared, at_hand) = self.prepare(&tries).await?;
            check_kind(&tries, &prepared.resource)?;
            if let Some(Target::Exists(path)) = self.early_target(&prepared.resource)? {
                return self.skip(path).await;
            }
            self.enter(Input::Probed);
            let (scratch, resource) = (prepared.scratch.clone(), prepared.resource.clone());
            let tried = match at_hand {
                AtHand::Whole(bytes) => self.take_whole(&scratch, &resource, bytes).await,
                AtHand::Part(opened) => self.fetch(prepared, opened).await,
            };
            let halt = match tried? {
                Try::Delivered => return Ok(()),
                Try::Halted(halt) => halt,
            };
            match self.after(halt, &scratch, &resource, &mut tries).await? {
                After::GoOn => self.enter(Input::Restart),
                After::StartOver => {
                    self.discard();
                    self.enter(Input::Restart);
                }
            }
        }
    }

    /// From the first missing byte to the final name.
    async fn fetch(&mut self, prepared: Prepared, opened: Option<Opened>) -> Result<Try, Halt> {
        let (scratch, resource) = (prepared.scratch.clone(), prepared.resource.clone());
        let source = prepared.source.clone();
        let follower = self.follow(&scratch);
        let settled = follower.as_ref().map(Follower::settled);
        let filled = match self.transfer(prepared, opened, settled).await {
            Ok(()) => self.prove_whole(&source, &resource, &scratch).await,
            halted => halted,
        };
        if let Err(halt) = filled {
            return Ok(Try::Halted(halt));
        }
        match self.finish(&scratch, &resource, follower).await {
            Err(halt @ Halt::Lost(_)) => Ok(Try::Halted(halt)),
            ended => ended.map(|()| Try::Delivered),
        }
    }

    /// From the last byte to the final name.
    async fn finish(
        &mut self,
        scratch: &Arc<dyn Scratch>,
        resource: &Resource,
        follower: Option<Follower>,
    ) -> Result<(), Halt> {
        point(Point::Filled);
        self.enter(Input::Filled);
        let verified = self.verify(scratch, follower).await;
        verified.map_err(|halt| Self::explain(halt, &**scratch))?;
        point(Point::Verified);
        self.deliver(scratch.clone(), resource).await
    }

    /// Takes the download before anything is done for it, so that no two engines on one store run it.
    async fn claim(&self) -> Result<(), Halt> {
        let granted = self.context.store.claim(self.record.id).await;
        if granted.map_err(Halt::Failed)? {
            return Ok(());
        }
        let error = Error::new(Kind::IllegalState, "another haul runs this download");
        Err(Halt::Failed(error))
    }

    async fn transfer(
        &mut self,
        prepared: Prepared,
        opened: Option<Opened>,
        settled: Option<watch::Sender<u64>>,
    ) -> Result<(), Halt> {
        let held = self.record.done.len();
        let scratch = prepared.scratch.clone();
        let unrecorded = (!self.knows_resource).then(|| Box::new(self.record.clone()));
        let order = Order {
            id: self.record.id,
            source: prepared.source.clone(),
            resource: prepared.resource,
            scratch: prepared.scratch,
            rates: self.rates.clone(),
            failures: self.failures,
            held: Held {
                done: std::mem::take(&mut self.record.done),
                seals: std::mem::take(&mut self.record.seals),
            },
            opened,
            settled,
            tuning: self.tuning.clone(),
            stop: self.stop.clone(),
            attempts: self.record.attempts,
            wasted: self.record.wasted,
            unrecorded,
        };
        let (left, result) = transfer::transfer(&self.context, order).await;
        self.record.done = left.held.done;
        if self.record.done.len() > held {
            self.failures = 0;
            self.outwaited = 0;
        }
        self.record.seals = left.held.seals;
        self.record.stamp = left.stamp;
        self.record.attempts = left.attempts;
        self.record.wasted = left.wasted;
        self.is_recorded = true;
        self.knows_resource = left.is_recorded;
        self.ranges_proven = left.ranges_proven;
        if let Some(resource) = &mut self.record.resource {
            resource.size = left.size;
            resource.final_url = prepared.source.address();
        }
        // Whether a whole file is still there is asked right before it is delivered.
        if result.is_ok() {
            return result;
        }
        let Err(Halt::Lost(error)) = Self::check_standing(&*scratch) else {
            return result;
        };
        // Bytes that nobody could deliver are not held, whyever the transfer has ended.
        self.record.done = RangeSet::new();
        match result {
            Err(Halt::Stopped) => result,
            _ => Err(Halt::Lost(error)),
        }
    }

    /// Decides how to go on after a transfer that was halted.
    async fn after(
        &mut self,
        halt: Halt,
        scratch: &Arc<dyn Scratch>,
        resource: &Resource,
        tries: &mut Tries,
    ) -> Result<After, Halt> {
        let error = match halt {
            Halt::Stopped | Halt::Waits(_) => return Err(halt),
            Halt::Lost(error) if tries.losses < MOST_LOSSES => {
                tracing::warn!(id = %self.record.id, %error, "starting over");
                tries.losses += 1;
                return Ok(After::StartOver);
            }
            Halt::Lost(error) => return Err(Halt::Failed(error)),
            Halt::NoRoom => {
                let needed = finish::room_to_go_on(&**scratch, resource);
                if !resource.ranges {
                    // What cannot be built upon is given back before we wait.
                    let _ = scratch.truncate(0);
                }
                // Free space that is shown need not be ours: a quota may be used up.
                self.wait_a_little_for_room(
                    "waiting for disk space: the disk or a quota is full".to_owned(),
                )
                .await?;
                self.wait_for_room(needed).await?;
                return Ok(if resource.ranges {
                    After::GoOn
                } else {
                    After::StartOver
                });
            }
            Halt::Failed(error) => error,
        };
        // A mixed file must never be: what is held belongs to the old version.
        if error.kind == Kind::Changed && resource.ranges {
            tracing::info!(id = %self.record.id, %error, "starting over");
            tries.changes += 1;
            tries.begun_as.get_or_insert_with(|| resource.clone());
            // It changes faster than it can be put together; one answer is one version.
            if tries.changes > CHANGES_BORNE {
                tries.manner = Some(Manner::Whole);
            }
            return Ok(After::StartOver);
        }
        // It said it had ranges, and has never given one: then one stream it is.
        let never_ranged = error.kind == Kind::Protocol && !self.ranges_proven;
        // Or it gives no more of them: what is held is of no use to a stream.
        let ranges_no_more = error.retry == Retry::NoParts;
        if resource.ranges && (never_ranged || ranges_no_more) && tries.manner.is_none() {
            tries.manner = Some(Manner::Whole);
            return Ok(After::StartOver);
        }
        // Its threads have been patient already; without ranges every new try starts at byte 0.
        if resource.ranges && !self.may_outwait(&error) {
            return Err(Halt::Failed(error));
        }
        self.wait_after(&error).await?;
        Ok(if resource.ranges {
            After::GoOn
        } else {
            After::StartOver
        })
    }

    /// Whether this trouble is waited for without end: the server was there, and may come back; or
    /// nobody can tell, because no server at all can be reached.
    fn may_outwait(&self, error: &Error) -> bool {
        let may_pass = match error.retry {
            Retry::NoNetwork => true,
            Retry::Unreachable => self.has_begun,
            _ => false,
        };
        may_pass && self.context.config.on_loss == OnLoss::Wait
    }

    /// Waits as patience tells after one more failure, or fails for good. A long wait may end early, so
    /// that another download gets the place.
    async fn wait_after(&mut self, error: &Error) -> Result<(), Halt> {
        let patience = self.context.patience().with(error);
        let outwaits = self.may_outwait(error);
        let is_cut_off = outwaits && error.retry == Retry::NoNetwork;
        let so_far = if outwaits {
            &mut self.outwaited
        } else {
            &mut self.failures
        };
        *so_far += 1;
        let wait = match retry::next(&patience, error.retry, *so_far, fastrand::f64()) {
            Next::After(wait) => wait,
            Next::GiveUp if outwaits => {
                let wait = patience.wait_max.min(LOSS_WAIT);
                wait.mul_f64(f64::midpoint(1.0, fastrand::f64()))
            }
            Next::GiveUp => return Err(Halt::Failed(error.clone())),
        };
        self.record.attempts += 1;
        meter::retried(error.kind);
        tracing::debug!(id = %self.record.id, %error, wait_ms = wait.as_millis(), "trying again");
        let wait = Wait::after(error, Instant::now() + wait, self.failures);
        self.say(Some(wait.reason.clone()));
        let stays = if is_cut_off {
            CUT_OFF_STAY
        } else {
            Duration::ZERO
        };
        self.wait_in_place(wait, stays).await?;
        self.say(None);
        Ok(())
    }

    /// Waits, in its place for as long as it `stays` there and as nobody else wants it.
    async fn wait_in_place(&self, wait: Wait, stays: Duration) -> Result<(), Halt> {
        let is_long = wait.until.saturating_duration_since(Instant::now()) >= GIVE_WAY;
        let mut wanted = self.context.place_wanted.subscribe();
        let is_wanted = async {
            tokio::time::sleep(stays).await;
            wanted.wait_for(|wanted| *wanted).await
        };
        tokio::select! {
            () = self.stop.cancelled() => Err(Halt::Stopped),
            () = tokio::time::sleep_until(wait.until) => Ok(()),
            _ = is_wanted, if is_long => Err(Halt::Waits(wait)),
        }
    }

    async fn sleep(&self, wait: Duration) -> Result<(), Halt> {
        tokio::select! {
            () = self.stop.cancelled() => Err(Halt::Stopped),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }

    fn dir(&self) -> PathBuf {
        self.record
            .spec
            .dir
            .clone()
            .unwrap_or_else(|| self.context.config.dir.clone())
    }

    fn wanted_name(&self, resource: &Resource) -> String {
        let asked = self.tuning.borrow().name.clone();
        asked
            .as_deref()
            .and_then(name::safe)
            .unwrap_or_else(|| resource.name.clone())
    }

    async fn save(&self) -> Result<(), Halt> {
        self.put(self.record.clone()).await
    }

    /// Forgets all bytes that are held.
    fn discard(&mut self) {
        self.record.done = RangeSet::new();
        self.record.seals = Seals::default();
        self.record.stamp = None;
        self.record.resource = None;
        self.record.inode = None;
        self.record.url_replaced = false;
        if let Some(scratch) = self.record.scratch.take() {
            // When it cannot be deleted a new file takes its place before it is used again.
            let _ = std::fs::remove_file(&scratch);
            self.scratch_dir().forget(self.record.id, &scratch);
        }
    }

    /// Takes the next step, and shows it.
    fn enter(&mut self, input: Input) {
        self.enter_all(&[input]);
    }

    /// Takes several steps, and shows where they lead.
    fn enter_all(&mut self, inputs: &[Input]) {
        let step = |status: Option<Status>, input: &Input| status?.step(*input);
        let Some(status) = inputs.iter().fold(Some(self.record.status), step) else {
            return;
        };
        self.record.status = status;
        self.context.live.update(self.record.id, |view| {
            view.status = status;
            view.reason = None;
            view.started_at = self.record.started_at;
            view.done = self.record.done.len();
            view.size = self.record.resource.as_ref().and_then(|known| known.size);
            if status != Status::Downloading {
                view.threads_active = 0;
                view.speed = 0;
                view.eta = None;
                view.blocks = Arc::default();
            }
        });
    }

    /// Says why it waits.
    fn say(&self, reason: Option<Reason>) {
        let attempts = self.record.attempts;
        self.context.live.update(self.record.id, |view| {
            view.reason = reason;
            view.attempts = attempts;
        });
    }
}

/// How often in a run a lost scratch file is begun anew.
const MOST_LOSSES: u32 = 2;

/// A file that turns into one of another kind in mid-transfer is more likely an error in its place than
/// a new version of it.
fn check_kind(tries: &Tries, now: &Resource) -> Result<(), Halt> {
    let Some(begun) = &tries.begun_as else {
        return Ok(());
    };
    if !begun.is_other_kind(now) {
        return Ok(());
    }
    let kind = |resource: &Resource| resource.content_type.clone().unwrap_or_default();
    let detail = format!(
        "the remote file has changed from {} to {}; retry if that is what you want",
        kind(begun),
        kind(now)
    );
    Err(Halt::Failed(
        Error::new(Kind::Changed, detail).at(&now.final_url),
    ))
}

/// What was tried already in this run.
#[derive(Debug, Default)]
struct Tries {
    /// How often it has started over because the remote file changed.
    changes: u32,
    /// What it was when it began, if it has changed since.
    begun_as: Option<Resource>,
    /// How to probe, when not as usual.
    manner: Option<Manner>,
    /// Scratch files that were lost.
    losses: u32,
}
