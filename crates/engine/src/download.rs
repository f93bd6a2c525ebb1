//! One download from its turn to its end: probe → transfer → verify → deliver. Owns its record while
//! it runs; knows nothing of other downloads and of who asked.

mod again;
mod arrive;
mod ask;
mod digest;
mod finish;
mod held;
mod prepare;
mod prove;
mod room;
mod small;
mod verify;
mod wanted;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::context::{Context, Tuning};
use crate::crash::{Point, point};
use crate::deliver::Target;
use crate::disk::Scratch;
use crate::error::{Error, Kind, Result};
use crate::event::{Reason, View};
use crate::limit::{Owner, Rates};
use crate::opened::{self, Opened};
use crate::plan::name;
use crate::plan::ranges::RangeSet;
use crate::plan::resource::Resource;
use crate::plan::seals::Seals;
use crate::plan::state::{Input, Status};
use crate::probe::Found;
use crate::sources::Sources;
use crate::store::Record;
pub(crate) use crate::transfer::Wait;
use crate::transfer::{self, Halt, Held, Order};
use again::{After, Tries, check_kind};
use digest::Follower;
pub(crate) use wanted::{Finish, Settled, Wanted};

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
    pub(crate) wanted: Arc<Wanted>,
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
    /// So many bytes have found no room on a disk that shows it.
    pub(crate) unfit: Option<u64>,
}

/// Everything a transfer stands on.
struct Prepared {
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
            self.settle(Settled::All);
            self.sync_target().await?;
            return self.complete().await;
        }
        self.claim().await?;
        self.record.started_at.get_or_insert_with(SystemTime::now);
        if let Some(size) = self.unfit.take() {
            self.wait_until_it_fits(size).await?;
        }
        let owner = Owner::Download(self.record.id);
        let mut tries = Tries::with(Sources::of(&self.record.spec, owner));
        loop {
            self.settle(Settled::Nothing);
            let (prepared, at_hand) = self.prepare(&mut tries).await?;
            check_kind(&tries, &prepared.resource)?;
            if let Some(Target::Exists(path)) = self.early_target(&prepared.resource)? {
                return self.skip(path).await;
            }
            self.enter(Input::Probed);
            let (scratch, resource) = (prepared.scratch.clone(), prepared.resource.clone());
            let tried = match at_hand {
                AtHand::Whole(bytes) => self.take_whole(&scratch, &resource, bytes).await,
                AtHand::Part(opened) => self.fetch(prepared, opened, &mut tries).await,
            };
            let halt = match tried? {
                Try::Delivered => return Ok(()),
                Try::Halted(halt) => halt,
            };
            let after = self.after(halt, &scratch, &resource, &mut tries).await?;
            tries.sources.renew();
            match after {
                After::GoOn => self.enter(Input::Restart),
                After::StartOver => {
                    self.discard();
                    self.enter(Input::Restart);
                }
            }
        }
    }

    /// From the first missing byte to the final name.
    async fn fetch(
        &mut self,
        prepared: Prepared,
        opened: Option<Opened>,
        tries: &mut Tries,
    ) -> Result<Try, Halt> {
        let (scratch, resource) = (prepared.scratch.clone(), prepared.resource.clone());
        let follower = self.follow(&scratch);
        let settled = follower.as_ref().map(Follower::settled);
        let filled = match self.transfer(prepared, opened, settled, tries).await {
            Ok(()) => {
                self.settle(Settled::Checksum);
                self.prove_whole(tries, &resource, &scratch).await
            }
            halted => halted,
        };
        if let Err(halt) = filled {
            return Ok(Try::Halted(halt));
        }
        match self.finish(&scratch, &resource, follower).await {
            Err(halt @ Halt::Lost(_)) => Ok(Try::Halted(halt)),
            Err(Halt::Failed(error)) if self.may_be_right_elsewhere(&error, tries) => {
                Ok(Try::Halted(Halt::Failed(error)))
            }
            ended => ended.map(|()| Try::Delivered),
        }
    }

    /// Whether the file whose digest is wrong may be had right from one source alone.
    fn may_be_right_elsewhere(&self, error: &Error, tries: &mut Tries) -> bool {
        let digest = self.record.digest.clone();
        let wrong = digest.filter(|_| error.kind == Kind::ChecksumMismatch);
        wrong.is_some_and(|digest| tries.sources.gave_wrong(digest, error))
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
        tries: &mut Tries,
    ) -> Result<(), Halt> {
        let held = self.record.done.len();
        let scratch = prepared.scratch.clone();
        let unrecorded = (!self.knows_resource).then(|| Box::new(self.record.clone()));
        let order = Order {
            id: self.record.id,
            resource: prepared.resource,
            html: self.html(),
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
        let sources = &mut tries.sources;
        let (left, result) = transfer::transfer(&self.context, sources, order).await;
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
            resource.final_url = sources.source(sources.lead()).address();
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
        let asked = self.wanted.now().name;
        asked
            .as_deref()
            .and_then(name::safe)
            .unwrap_or_else(|| resource.name.clone())
    }

    /// From now on so much of what is asked for of the finished file stays as it is, and is found in the
    /// record. Returns how much that was before.
    fn settle(&mut self, settled: Settled) -> Settled {
        let (before, finish) = self.wanted.settle(settled);
        finish.put_into(&mut self.record.spec);
        before
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
        self.record.mirror = None;
        self.record.mixed = false;
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
                stands_still(view);
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

/// No transfer runs: nothing moves.
fn stands_still(view: &mut View) {
    view.threads_active = 0;
    view.speed = 0;
    view.eta = None;
    view.blocks = Arc::default();
}
