//! Whether and when a download is tried again after a try that did not fill its file, and what was
//! tried before. Knows errors and their classes; what a try does is others' business.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Download;
use super::room::Fulls;
use crate::disk::Scratch;
use crate::error::{Error, Kind, Retry};
use crate::meter;
use crate::plan::resource::Resource;
use crate::plan::retry::{self, Next};
use crate::probe::Manner;
use crate::sources::Sources;
use crate::spec::OnLoss;
use crate::transfer::{GIVE_WAY, Halt, Wait};

/// So often a download starts over in blocks when the remote file changes; then it comes in one stream.
const CHANGES_BORNE: u32 = 1;

/// While its server cannot be reached, a download that has begun tries again this often at least.
const LOSS_WAIT: Duration = Duration::from_secs(10);

/// Without a network a download stays so long in its place before another one may try: a long queue
/// is not gone through at the speed at which nothing can be reached.
const CUT_OFF_STAY: Duration = Duration::from_secs(1);

/// What to do after a transfer that did not fill the file.
pub(super) enum After {
    /// Once more, from what is held.
    GoOn,
    /// Once more, from nothing.
    StartOver,
}

impl Download {
    /// Decides how to go on after a transfer that was halted.
    pub(super) async fn after(
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
                return self
                    .go_on_with_room(scratch, resource, &mut tries.fulls)
                    .await;
            }
            Halt::Failed(error) => error,
        };
        if error.kind == Kind::ChecksumMismatch {
            tracing::warn!(id = %self.record.id, %error, "starting over with one source");
            self.forget_digest();
            return Ok(After::StartOver);
        }
        // A mixed file must never be: what is held belongs to the old version.
        if error.kind == Kind::Changed && resource.ranges {
            tracing::info!(id = %self.record.id, %error, "starting over");
            tries.changes += 1;
            // Another source may say otherwise of what kind the same file is.
            if tries.sources.len() == 1 {
                tries.begun_as.get_or_insert_with(|| resource.clone());
            }
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
        // Nothing is lost where nothing is held.
        if self.record.done.is_empty() && tries.sources.in_turn().len() > 1 {
            self.wait_after(&error).await?;
            return Ok(After::StartOver);
        }
        // The one that began it has been tried with all patience.
        if resource.ranges && tries.sources.turn_to_one_apart(&error) {
            tracing::info!(id = %self.record.id, %error, "starting over with a source that calls the file another version");
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
    pub(super) fn may_outwait(&self, error: &Error) -> bool {
        let may_pass = match error.retry {
            Retry::NoNetwork => true,
            Retry::Unreachable => self.has_begun,
            _ => false,
        };
        may_pass && self.context.config.on_loss == OnLoss::Wait
    }

    /// Waits as patience tells after one more failure, or fails for good. A long wait may end early, so
    /// that another download gets the place.
    pub(super) async fn wait_after(&mut self, error: &Error) -> Result<(), Halt> {
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
    pub(super) async fn wait_in_place(&self, wait: Wait, stays: Duration) -> Result<(), Halt> {
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
}

/// How often in a run a lost scratch file is begun anew.
const MOST_LOSSES: u32 = 2;

/// A file that turns into one of another kind in mid-transfer is more likely an error in its place than
/// a new version of it.
pub(super) fn check_kind(tries: &Tries, now: &Resource) -> Result<(), Halt> {
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
pub(super) struct Tries {
    pub(super) sources: Sources,
    /// How often it has started over because the remote file changed.
    pub(super) changes: u32,
    /// What it was when it began, if it has changed since.
    pub(super) begun_as: Option<Resource>,
    /// How to probe, when not as usual.
    pub(super) manner: Option<Manner>,
    /// Scratch files that were lost.
    pub(super) losses: u32,
    pub(super) fulls: Fulls,
}

impl Tries {
    pub(super) fn with(sources: Sources) -> Tries {
        Tries {
            sources,
            changes: 0,
            begun_as: None,
            manner: None,
            losses: 0,
            fulls: Fulls::default(),
        }
    }
}
