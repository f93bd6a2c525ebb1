//! A terminal that tests can look at: a shell in a tmux of its own. Types keys, pastes, and reads what
//! stands on the screen.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::PATIENCE;
use super::process::{Ended, end, program};

/// The shell's prompt.
pub(crate) const PROMPT: &str = "prompt>";

/// A shell on a terminal of a given size. Dropping it hangs up.
pub(crate) struct Tmux {
    dir: PathBuf,
    socket: PathBuf,
}

impl Tmux {
    /// A shell in `dir` on a terminal of so many columns and rows, and waits for its prompt.
    pub(crate) async fn start(dir: &Path, columns: u16, rows: u16) -> Tmux {
        let tmux = Tmux {
            dir: dir.to_owned(),
            socket: dir.join("tmux"),
        };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let shell =
            format!("env -u NO_COLOR -u LC_ALL LC_CTYPE=C.UTF-8 PS1='{PROMPT} ' ENV= sh -i");
        // It makes terminals that say `screen`, whatever the terminal is called that tests run on.
        tmux.run(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &columns,
            "-y",
            &rows,
            &shell,
        ])
        .await;
        tmux.until("a prompt", |screen| screen.contains(PROMPT))
            .await;
        tmux
    }

    async fn run(&self, args: &[&str]) -> Ended {
        let socket = self.socket.to_str().expect("a path of ours");
        let args = [&["-u", "-S", socket], args].concat();
        let child = start_or_explain(program("tmux", &self.dir, &args));
        let ended = end(child).await;
        assert_eq!(ended.code, Some(0), "tmux {args:?}: {}", ended.stderr);
        ended
    }

    /// Presses keys, by tmux's names: `q`, `Enter`, `C-z`.
    pub(crate) async fn press(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat()).await;
    }

    /// Types a line and ends it.
    pub(crate) async fn type_line(&self, line: &str) {
        self.run(&["send-keys", "-l", line]).await;
        self.press(&["Enter"]).await;
    }

    /// Pastes text, as a terminal does that tells pasted text from typed.
    pub(crate) async fn paste(&self, text: &str) {
        self.run(&["set-buffer", text]).await;
        self.run(&["paste-buffer", "-p"]).await;
    }

    /// Pastes text as one that does not: it comes as keys, and each line ends with Enter.
    pub(crate) async fn paste_as_keys(&self, text: &str) {
        self.run(&["set-buffer", text]).await;
        self.run(&["paste-buffer"]).await;
    }

    /// Takes the terminal away from everything that runs on it.
    pub(crate) async fn hang_up(&self) {
        self.run(&["kill-server"]).await;
    }

    /// Gives the terminal another size.
    pub(crate) async fn resize(&self, columns: u16, rows: u16) {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        self.run(&["resize-window", "-x", &columns, "-y", &rows])
            .await;
    }

    /// What stands on the screen.
    pub(crate) async fn screen(&self) -> String {
        self.run(&["capture-pane", "-p"]).await.stdout
    }

    /// Everything that stands on the screen or has left it at the top.
    pub(crate) async fn scrolled(&self) -> String {
        self.run(&["capture-pane", "-p", "-S", "-"]).await.stdout
    }

    /// What tmux knows of the terminal, as in `#{cursor_flag}`.
    pub(crate) async fn knows(&self, format: &str) -> String {
        let told = self.run(&["display-message", "-p", format]).await.stdout;
        told.trim().to_owned()
    }

    /// Waits until the screen is as wanted.
    pub(crate) async fn until(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen().await;
            if is(&screen) {
                return screen;
            }
            let waits = Instant::now() < deadline;
            assert!(
                waits,
                "waited {PATIENCE:?} in vain for {what}; instead there is\n{screen}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // Without its server it has nobody left to hang up.
        let _ = std::process::Command::new("tmux")
            .arg("-S")
            .arg(&self.socket)
            .arg("kill-server")
            .output();
    }
}

fn start_or_explain(mut command: tokio::process::Command) -> tokio::process::Child {
    let started = command.spawn();
    started.unwrap_or_else(|error| {
        panic!("tmux does not start ({error}): install it with `apt-get install tmux`")
    })
}
