//! `haul console`: the text dialogue with a daemon. Lines go out, answers come in; what they mean is
//! the daemon's business.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Bytes, Error as SocketError, Message};

use super::client::{Server, Socket};
use super::exit::{self, Failure};
use super::output;
use super::paint::plain;

/// `haul console`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  haul console
  printf 'start\\nhttps://example.org/a.iso\\nend\\n' | haul console
  echo queue | haul console --lang en")]
pub(crate) struct Console {
    /// Language of the answers; by default the daemon's
    #[arg(long, value_name = "LANG", value_parser = ["ru", "en"])]
    lang: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// Holds the dialogue until stdin ends and the answers have come, or the daemon hangs up.
pub(crate) async fn console(asked: Console) -> anyhow::Result<u8> {
    let query = asked.lang.map(|lang| format!("lang={lang}"));
    let socket = asked.server.open("", query.as_deref()).await?;
    let screen = if io::stdin().is_terminal() && io::stdout().is_terminal() {
        Screen::Prompt
    } else {
        Screen::Lines
    };
    let mut lines = lines()?;
    converse(socket, &mut lines, screen).await
}

async fn converse(
    mut socket: Socket,
    lines: &mut mpsc::Receiver<io::Result<String>>,
    screen: Screen,
) -> anyhow::Result<u8> {
    let mut dialogue = Dialogue::default();
    screen.prompt()?;
    loop {
        tokio::select! {
            line = lines.recv() => match line.transpose()? {
                Some(line) => {
                    dialogue.sent(&line);
                    socket.send(Message::text(line)).await.map_err(|error| hung_up(&error))?;
                    screen.prompt()?;
                }
                None => break,
            },
            answer = socket.next() => if let Some(text) = text(answer)? {
                dialogue.heard(&text);
                screen.answer(&text)?;
            },
        }
    }
    if screen == Screen::Prompt {
        output::note("");
    }
    last_answers(&mut socket, &mut dialogue, screen).await?;
    // It is over; a daemon that does not answer the goodbye changes nothing.
    let _ = socket.close(None).await;
    Ok(exit::DONE)
}

/// Waits for the answers to what was sent. The dialogue has no end mark of its own, but the daemon
/// answers in order, and the answer to `help_command` is unmistakable.
async fn last_answers(
    socket: &mut Socket,
    dialogue: &mut Dialogue,
    screen: Screen,
) -> anyhow::Result<()> {
    if dialogue.recording {
        output::note("the list was not finished with `end`: nothing of it was submitted");
        // While it records, everything is a URL: there is nothing to ask for.
        let mark = Bytes::from_static(b"last");
        socket
            .send(Message::Ping(mark.clone()))
            .await
            .map_err(|error| hung_up(&error))?;
        loop {
            match socket.next().await {
                Some(Ok(Message::Pong(echo))) if echo == mark => return Ok(()),
                answer => {
                    if let Some(text) = text(answer)? {
                        screen.answer(&text)?;
                    }
                }
            }
        }
    }
    socket
        .send(Message::text(Dialogue::HELP))
        .await
        .map_err(|error| hung_up(&error))?;
    loop {
        let Some(text) = text(socket.next().await)? else {
            continue;
        };
        if dialogue.heard(&text) == Heard::Unasked {
            return Ok(());
        }
        screen.answer(&text)?;
    }
}

/// What the client has to know of the dialogue to notice its end.
#[derive(Debug, Default)]
struct Dialogue {
    recording: bool,
    /// Lists of commands that were asked for and have not come.
    helps: usize,
}

/// Whose question an answer belongs to.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    /// The user's.
    Asked,
    /// Ours, sent last.
    Unasked,
}

impl Dialogue {
    const HELP: &str = "help_command";

    fn sent(&mut self, line: &str) {
        match line.trim() {
            "start" => self.recording = true,
            "end" => self.recording = false,
            Dialogue::HELP | "help" if !self.recording => self.helps += 1,
            _ => {}
        }
    }

    fn heard(&mut self, answer: &str) -> Heard {
        // The list of commands begins with its own command, whatever the language.
        if !answer.starts_with("help_command - ") {
            return Heard::Asked;
        }
        let Some(left) = self.helps.checked_sub(1) else {
            return Heard::Unasked;
        };
        self.helps = left;
        Heard::Asked
    }
}

/// The text of a message; `None` for what is not part of the dialogue.
fn text(message: Option<Result<Message, SocketError>>) -> Result<Option<String>, Failure> {
    match message {
        Some(Ok(Message::Text(text))) => Ok(Some(text.as_str().to_owned())),
        Some(Ok(Message::Close(_))) | None => {
            Err(Failure::new(exit::NETWORK, "the daemon hung up")
                .next("if it was stopped, start it and run the command again"))
        }
        Some(Ok(_)) => Ok(None),
        Some(Err(error)) => Err(hung_up(&error)),
    }
}

fn hung_up(error: &SocketError) -> Failure {
    Failure::new(exit::NETWORK, format!("the connection broke: {error}"))
        .next("is `haul serve` still running?")
}

/// The lines of stdin, until it ends.
fn lines() -> io::Result<mpsc::Receiver<io::Result<String>>> {
    let (lines, received) = mpsc::channel(64);
    // A thread of its own, because reading a terminal cannot be cancelled: it ends with the process.
    std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            for line in io::stdin().lock().lines() {
                if lines.blocking_send(line).is_err() {
                    return;
                }
            }
        })?;
    Ok(received)
}

/// How answers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Screen {
    /// To a person, who sees a prompt.
    Prompt,
    /// To a program or a file.
    Lines,
}

impl Screen {
    fn prompt(self) -> io::Result<()> {
        match self {
            Screen::Prompt => output::text("> "),
            Screen::Lines => Ok(()),
        }
    }

    fn answer(self, text: &str) -> io::Result<()> {
        match self {
            // The prompt that stands there is overwritten and drawn again below.
            Screen::Prompt => output::text(&format!("\r\x1b[K{}\n> ", plain(text))),
            Screen::Lines => {
                output::data(text)?;
                io::stdout().flush()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_answer_is_told_from_the_user_s_own() {
        let mut dialogue = Dialogue::default();
        for line in ["help_command", "start", "help_command", "end", " help "] {
            dialogue.sent(line);
        }
        assert!(!dialogue.recording);
        assert_eq!(dialogue.heard("help_command - …"), Heard::Asked);
        assert_eq!(dialogue.heard("start - …"), Heard::Asked);
        assert_eq!(dialogue.heard("help_command - …"), Heard::Asked);
        assert_eq!(dialogue.heard("help_command - …"), Heard::Unasked);
    }
}
