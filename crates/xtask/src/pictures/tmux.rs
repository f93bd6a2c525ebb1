//! A shell on a terminal of a given size, in a tmux of its own: types, waits for what is to be seen, and films.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::time::{MissedTickBehavior, interval};

use super::screen::{self, Row};

/// Long enough for anything that is not stuck, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The shell's prompt.
pub(super) const PROMPT: &str = "$";

/// Dropping it hangs up.
pub(super) struct Tmux {
    socket: PathBuf,
    columns: u16,
    rows: u16,
}

impl Tmux {
    /// A shell in `dir` with these variables in its environment.
    pub(super) async fn start(
        dir: &Path,
        (columns, rows): (u16, u16),
        environment: &[(&str, String)],
    ) -> Result<Tmux> {
        let tmux = Tmux {
            socket: dir.join(format!(".tmux-{columns}")),
            columns,
            rows,
        };
        let size = [columns, rows].map(|count| count.to_string());
        let mut command = tmux.command();
        command.current_dir(dir).env("LC_CTYPE", "C.UTF-8");
        command.env_remove("LC_ALL").env_remove("NO_COLOR");
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.args(["-f", "/dev/null", "new-session", "-d"]);
        // The shell in between forgets a prompt that it finds in its environment.
        let shell = format!("PS1='{PROMPT} ' ENV= exec sh -i");
        command.args(["-x", &size[0], "-y", &size[1], &shell]);
        run(&mut command)?;
        tmux.until("a prompt", |screen| screen.starts_with(PROMPT))
            .await?;
        Ok(tmux)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-u").arg("-S").arg(&self.socket);
        command
    }

    /// Presses keys, by tmux's names: `q`, `Enter`.
    pub(super) fn press(&self, keys: &[&str]) -> Result<()> {
        run(self.command().arg("send-keys").args(keys)).map(drop)
    }

    /// Types a text, and does not end the line.
    pub(super) fn write(&self, text: &str) -> Result<()> {
        run(self.command().args(["send-keys", "-l", text])).map(drop)
    }

    /// What stands on the screen, without colours.
    fn text(&self) -> Result<String> {
        run(self.command().args(["capture-pane", "-p"]))
    }

    fn look(&self) -> Result<Vec<Row>> {
        let captured = run(self.command().args(["capture-pane", "-e", "-p", "-N"]))?;
        Ok(screen::read(&captured, self.columns, self.rows))
    }

    /// Waits until the screen is as wanted.
    pub(super) async fn until(&self, what: &str, is: impl Fn(&str) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut looks = interval(Duration::from_millis(50));
        loop {
            looks.tick().await;
            let text = self.text()?;
            if is(&text) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("waited {PATIENCE:?} in vain for {what}; the terminal shows\n{text}");
            }
        }
    }

    /// Adds so many screens to a film, one after each time `each`.
    pub(super) async fn film(
        &self,
        screens: &mut Vec<Vec<Row>>,
        count: usize,
        each: Duration,
    ) -> Result<()> {
        let mut looks = interval(each);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for _ in 0..count {
            looks.tick().await;
            screens.push(self.look()?);
        }
        Ok(())
    }

    /// The same until a screen is as wanted, that one included.
    pub(super) async fn film_until(
        &self,
        screens: &mut Vec<Vec<Row>>,
        each: Duration,
        is: impl Fn(&str) -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut looks = interval(each);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let text = self.text()?;
            screens.push(self.look()?);
            if is(&text) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("waited {PATIENCE:?} in vain; the terminal shows\n{text}");
            }
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // Without its server it has nobody left to hang up.
        let _ = self.command().arg("kill-server").output();
    }
}

fn run(command: &mut Command) -> Result<String> {
    let out = command.output().context("cannot start tmux")?;
    if !out.status.success() {
        bail!("tmux: {}", String::from_utf8_lossy(&out.stderr));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}
