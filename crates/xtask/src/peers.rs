//! `cargo xtask faults --peers`: a file that changes between stop and resume, haul beside the programs
//! that people use. Owns the scene and the verdict; each program is told what its users would tell it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use haul_testkit::origin::{Origin, changed_seed, content};
use tokio::time::{Instant, sleep};

use crate::report::run;
use crate::tools;

const SIZE: u64 = 8 << 20;
const SEED: u64 = 7;
const FILE: &str = "file.bin";
/// How long a program may take for a step that needs a moment.
const PATIENCE: Duration = Duration::from_secs(60);

/// What becomes of docs/faults.md.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Keep,
    /// The table there is replaced.
    Rewrite,
}

/// What tells the two versions apart, and the origin's knobs for it.
const VALIDATORS: [(&str, &str); 3] = [
    ("another `ETag`", "&etag=%22one%22"),
    (
        "another `Last-Modified`",
        "&last_modified=Mon%2C%2031%20Dec%202029%2023%3A59%3A59%20GMT",
    ),
    ("nothing at all", ""),
];

/// A program, and the words that start a download and go on with it.
struct Tool {
    name: &'static str,
    program: PathBuf,
    start: &'static [&'static str],
    resume: &'static [&'static str],
}

fn tools_here() -> Result<Vec<Tool>> {
    run(tools::cargo().args(["build", "--quiet", "-p", "haul"]))?;
    let haul = &[
        "get",
        "-q",
        "--threads",
        "4",
        "--block-size",
        "2M",
        "-o",
        FILE,
    ];
    let aria2c = &[
        "-q",
        "-c",
        "-x4",
        "-s4",
        "-k1M",
        "--file-allocation=none",
        "-o",
        FILE,
    ];
    let peers: [(_, _, &[&str], &[&str]); 5] = [
        ("aria2c -c", "aria2c", aria2c, aria2c),
        (
            "axel",
            "axel",
            &["-q", "-n4", "-o", FILE],
            &["-q", "-n4", "-o", FILE],
        ),
        (
            "curl -C -",
            "curl",
            &["-s", "-o", FILE],
            &["-s", "-C", "-", "-o", FILE],
        ),
        (
            "wget -c",
            "wget",
            &["-q", "-O", FILE],
            &["-q", "-c", "-O", FILE],
        ),
        (
            "wget2 -c",
            "wget2",
            // With -O it does not go on; so the query must not be part of the name.
            &["-q", "--cut-file-get-vars"],
            &["-q", "-c", "--cut-file-get-vars"],
        ),
    ];
    let mut found = vec![Tool {
        name: "haul get",
        program: tools::target().join("debug/haul"),
        start: haul,
        resume: haul,
    }];
    for (name, program, start, resume) in peers {
        match tools::find(program) {
            Some(program) => found.push(Tool {
                name,
                program,
                start,
                resume,
            }),
            None => println!("   {program} is not here and left out"),
        }
    }
    Ok(found)
}

/// Plays the scene with every program that is here, and prints or keeps the table.
pub(crate) fn compare(page: Page) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("no runtime")?;
    let table = runtime.block_on(table(&tools_here()?))?;
    println!("\n{table}");
    match page {
        Page::Keep => Ok(()),
        Page::Rewrite => keep(&table),
    }
}

async fn table(tools: &[Tool]) -> Result<String> {
    let titles: Vec<&str> = VALIDATORS.iter().map(|(title, _)| *title).collect();
    let mut table = format!(
        "| told apart by | {} | version |\n|{}\n",
        titles.join(" | "),
        " --- |".repeat(titles.len() + 2)
    );
    for tool in tools {
        println!("   {}", tool.name);
        let mut cells = Vec::new();
        for (title, knobs) in VALIDATORS {
            let seen = scene(tool, knobs).await;
            cells.push(seen.with_context(|| format!("{}, {title}", tool.name))?);
        }
        let line = format!(
            "| `{}` | {} | {} |\n",
            tool.name,
            cells.join(" | "),
            version(tool)?
        );
        table.push_str(&line);
    }
    Ok(table)
}

/// Starts a download, stops it while every connection waits in the middle, lets the file change, and
/// goes on.
async fn scene(tool: &Tool, validators: &str) -> Result<String> {
    let folder = tempfile::tempdir().context("no folder")?;
    let origin = Origin::start().await;
    let url = origin.url(&format!(
        "/{FILE}?size={SIZE}&seed={SEED}&gate=half&gate_after=1M&change_on=half{validators}"
    ));
    let command = |words: &[&str]| {
        let mut command = Command::new(&tool.program);
        command
            .args(words)
            .arg(url.as_str())
            .current_dir(folder.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Running(command.spawn())
    };

    let mut first = command(tool.start);
    origin.wait_gate("half", 1).await;
    until_quiet(origin.address().port()).await?;
    first.interrupt()?;
    // Whoever does not listen is killed, as its user would in the end.
    first.end(Duration::from_secs(5)).await?;
    origin.open_gate("half");
    let end = command(tool.resume).end(PATIENCE).await?;
    let knobs = origin.unknown_knobs();
    ensure!(knobs.is_empty(), "{knobs:?}");
    Ok(format!("{end}: {}", verdict(&folder.path().join(FILE))?))
}

/// A program that does not outlive this.
struct Running(std::io::Result<Child>);

impl Running {
    fn child(&mut self) -> Result<&mut Child> {
        match &mut self.0 {
            Ok(child) => Ok(child),
            Err(why) => bail!("it does not start: {why}"),
        }
    }

    /// As Ctrl-C does.
    fn interrupt(&mut self) -> Result<()> {
        let id = self.child()?.id().to_string();
        run(Command::new("kill").args([OsStr::new("-INT"), OsStr::new(&id)]))
    }

    /// Waits for its end; returns its exit code, or that it had to be killed.
    async fn end(mut self, patience: Duration) -> Result<String> {
        let started = Instant::now();
        while started.elapsed() < patience {
            if let Some(status) = self.child()?.try_wait()? {
                let code = status.code().map(|code| format!("exit {code}"));
                return Ok(code.unwrap_or_else(|| "killed by a signal".to_owned()));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok("does not end".to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(child) = &mut self.0 {
            // Both fail only when it has ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Returns when all that was sent from or to this port has been read, for a while already.
async fn until_quiet(port: u16) -> Result<()> {
    let started = Instant::now();
    let mut quiet = 0;
    while quiet < 20 {
        ensure!(started.elapsed() < PATIENCE, "bytes never stop moving");
        quiet = if is_under_way(port)? { 0 } else { quiet + 1 };
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

fn is_under_way(port: u16) -> Result<bool> {
    let table = std::fs::read_to_string("/proc/net/tcp").context("the kernel's table")?;
    let port = format!(":{port:04X}");
    let is_busy = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let ends = fields.get(1..3).unwrap_or_default();
        // Bytes not yet acknowledged, and bytes not yet read.
        let queues = fields.get(4).copied().unwrap_or_default();
        ends.iter().any(|end| end.ends_with(&port)) && queues != "00000000:00000000"
    };
    // A listener's queue holds connections, not bytes; its state is 0A.
    let lines = table
        .lines()
        .filter(|line| line.split_whitespace().nth(3) != Some("0A"));
    Ok(lines.skip(1).any(is_busy))
}

/// Which version a file is, or how much of each.
fn verdict(file: &Path) -> Result<String> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok("no file".to_owned()),
        Err(why) => return Err(why).context("the file cannot be read"),
    };
    let words_of = |seed| {
        let right = content(seed, 0..SIZE);
        let both = bytes.chunks(8).zip(right.chunks(8));
        both.filter(|(found, right)| found == right).count() * 8
    };
    let (old, new, whole) = (
        words_of(SEED),
        words_of(changed_seed(SEED)),
        usize::try_from(SIZE)?,
    );
    let mib = |bytes: usize| {
        format!(
            "{:.1} MiB",
            f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1048576.0
        )
    };
    if bytes.len() != whole {
        return Ok(format!("cut, {} of {}", mib(bytes.len()), mib(whole)));
    }
    Ok(match (old, new) {
        (_, 0) if old == whole => "the old version, whole".to_owned(),
        (0, _) if new == whole => "the new version, whole".to_owned(),
        _ => format!("**MIXED**: {} old + {} new", mib(old), mib(new)),
    })
}

/// What the program says of itself, without its name.
fn version(tool: &Tool) -> Result<String> {
    let output = Command::new(&tool.program).arg("--version").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = text.lines().next().unwrap_or_default().split_whitespace();
    let number = words
        .into_iter()
        .find(|word| word.contains(|c: char| c.is_ascii_digit()) && word.contains('.'));
    Ok(number.unwrap_or("?").to_owned())
}

const BEGIN: &str = "<!-- others begin: written by `cargo xtask faults --peers --write` -->";
const END: &str = "<!-- others end -->";

fn keep(table: &str) -> Result<()> {
    let page = page();
    let text = std::fs::read_to_string(&page)?;
    let (before, rest) = text
        .split_once(BEGIN)
        .context("the page has no first mark")?;
    let (_, after) = rest
        .split_once(END)
        .context("the page has no second mark")?;
    let text = format!("{before}{BEGIN}\n\n{table}\n{END}{after}");
    std::fs::write(&page, text).context("the page cannot be written")
}

/// The page that shows the table.
fn page() -> PathBuf {
    tools::root().join("docs/faults.md")
}
