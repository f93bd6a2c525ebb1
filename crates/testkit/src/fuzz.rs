//! What fuzz targets are fed: text with a taste for a grammar, and what breaks readers in between.
//! It knows no grammar itself; a target brings its own words.
//!
//! ```
//! use haul_testkit::fuzz::text;
//!
//! const WORDS: &[&str] = &["bytes <n>-<n>/<n>", "bytes */<n>", "<w>, <w>", "bytes ", "*"];
//! bolero::check!().with_generator(text(WORDS)).for_each(|value| {
//!     assert!(!value.contains("<n>"));
//! });
//! ```

use std::fmt;
use std::ops::Deref;

use bolero::{Driver, ValueGenerator};

/// Most bytes of one input: enough to leave every buffer and every limit of a name or a line behind.
const MOST_BYTES: usize = 64 << 10;

/// How deep `<w>` may be nested by words alone; repetition goes deeper.
const MOST_DEPTH: u32 = 6;

/// Numbers at which readers go wrong, as text: an edge need not fit into any type.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "9",
    "10",
    "99",
    "100",
    "199",
    "255",
    "256",
    "1000",
    "65535",
    "65536",
    "2147483647",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551614",
    "18446744073709551615",
    "18446744073709551616",
    "340282366920938463463374607431768211456",
    "-1",
    "-0",
    "+1",
    "007",
    "1e3",
    "1.5",
    "0x10",
    "٣",
    "",
];

/// What breaks readers of any language.
const NASTY: &[&str] = &[
    "\0",
    "\r",
    "\n",
    "\r\n",
    "\t",
    " ",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{200b}",
    "\u{202e}",
    "\u{2028}",
    "\u{feff}",
    "\u{fffd}",
    "\u{10ffff}",
    "é",
    "e\u{301}",
    "я",
    "👩\u{200d}💻",
    "\"",
    "'",
    "`",
    "\\",
    "\\\"",
    "\\u0000",
    "\\ud800",
    "%",
    "%00",
    "%2F",
    "%ff",
    "%u0041",
    "/",
    "//",
    "..",
    "../",
    "..\\",
    ":",
    ";",
    ",",
    "=",
    "&",
    "#",
    "?",
    "@",
    "*",
    "<",
    ">",
    "|",
    "$",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "\u{1b}[2J",
    "null",
    "true",
    "nan",
];

/// Text of these words. In a word `<n>` stands for a number, mostly at an edge, and `<w>` for
/// another piece of text.
pub fn text(words: &'static [&'static str]) -> Text {
    Text { words }
}

/// The same as bytes, which need not be UTF-8.
pub fn bytes(words: &'static [&'static str]) -> Bytes {
    Bytes(text(words))
}

/// See [`text`].
#[derive(Debug, Clone, Copy)]
pub struct Text {
    words: &'static [&'static str],
}

/// See [`bytes`].
#[derive(Debug, Clone, Copy)]
pub struct Bytes(Text);

/// Bytes that a failure shows as readable text.
#[derive(Clone)]
pub struct Raw(Vec<u8>);

impl Deref for Raw {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

impl ValueGenerator for Text {
    type Output = String;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<String> {
        let mut made = String::new();
        // Few pieces most of the time: what is nearly right comes further than what is long.
        let most = if pick(driver, 4)? == 0 { 24 } else { 3 };
        for _ in 0..=pick(driver, most)? {
            self.piece(driver, &mut made, MOST_DEPTH)?;
            if made.len() > MOST_BYTES {
                break;
            }
        }
        if pick(driver, 8)? == 0 {
            cut(driver, &mut made)?;
        }
        Some(made)
    }
}

impl Text {
    fn piece<D: Driver>(&self, driver: &mut D, made: &mut String, depth: u32) -> Option<()> {
        match pick(driver, 16)? {
            0 => made.push_str(choose(driver, NASTY)?),
            1 => made.push(driver.produce()?),
            2 => number(driver, made)?,
            3 => {
                let start = made.len();
                self.word(driver, made, depth)?;
                repeat(driver, made, start)?;
            }
            _ => self.word(driver, made, depth)?,
        }
        Some(())
    }

    fn word<D: Driver>(&self, driver: &mut D, made: &mut String, depth: u32) -> Option<()> {
        let mut rest = choose(driver, self.words)?;
        while let Some((before, after)) = rest.split_once('<') {
            made.push_str(before);
            rest = after;
            if let Some(after) = rest.strip_prefix("n>") {
                number(driver, made)?;
                rest = after;
            } else if let Some(after) = rest.strip_prefix("w>") {
                if depth > 0 && made.len() < MOST_BYTES {
                    self.piece(driver, made, depth - 1)?;
                }
                rest = after;
            } else {
                made.push('<');
            }
        }
        made.push_str(rest);
        Some(())
    }
}

impl ValueGenerator for Bytes {
    type Output = Raw;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Raw> {
        let mut made = self.0.generate(driver)?.into_bytes();
        // Half of them stay text: what breaks UTF-8 at once is refused at once.
        if pick(driver, 2)? == 0 {
            for _ in 0..pick(driver, 4)? {
                let at = pick(driver, made.len() + 1)?;
                made.insert(at, driver.produce()?);
            }
        }
        Some(Raw(made))
    }
}

fn number<D: Driver>(driver: &mut D, made: &mut String) -> Option<()> {
    if pick(driver, 4)? == 0 {
        let any: u64 = driver.produce()?;
        let short = any >> pick(driver, 64)?;
        made.push_str(&short.to_string());
    } else {
        made.push_str(choose(driver, NUMBERS)?);
    }
    Some(())
}

/// Repeats what stands behind `start`, seldom until the text is huge.
fn repeat<D: Driver>(driver: &mut D, made: &mut String, start: usize) -> Option<()> {
    let unit = made[start..].to_owned();
    let room = MOST_BYTES.saturating_sub(made.len()) / unit.len().max(1);
    let times = match pick(driver, 8)? {
        0 => room,
        1 | 2 => pick(driver, 300)?,
        _ => pick(driver, 3)?,
    };
    made.push_str(&unit.repeat(times.min(room)));
    Some(())
}

/// Cuts the text short, as a broken connection does.
fn cut<D: Driver>(driver: &mut D, made: &mut String) -> Option<()> {
    let at = pick(driver, made.len() + 1)?;
    made.truncate(made.floor_char_boundary(at));
    Some(())
}

fn choose<'a, D: Driver>(driver: &mut D, from: &[&'a str]) -> Option<&'a str> {
    from.get(pick(driver, from.len())?).copied()
}

/// A number below `count`, which is not 0.
fn pick<D: Driver>(driver: &mut D, count: usize) -> Option<usize> {
    (0..count).generate(driver)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    /// Targets that are never fed what breaks readers would hold whatever the readers do.
    #[test]
    fn inputs_are_whole_broken_nested_long_and_at_the_edges() {
        const WORDS: &[&str] = &["[<w>]", "{<n>}", "a < b"];
        static SEEN: [AtomicUsize; 6] = [const { AtomicUsize::new(0) }; 6];
        bolero::check!()
            .with_iterations(20_000)
            .with_generator((text(WORDS), bytes(WORDS)))
            .for_each(|(text, bytes)| {
                assert!(text.len() <= 2 * MOST_BYTES && !text.contains("<n>"));
                let seen = [
                    text.contains("{18446744073709551615}"),
                    text.contains("[[[a < b]]]"),
                    text.contains('\0'),
                    text.len() > 60_000,
                    text.is_empty(),
                    std::str::from_utf8(bytes).is_err(),
                ];
                for (count, seen) in SEEN.iter().zip(seen) {
                    count.fetch_add(seen.into(), Relaxed);
                }
            });
        let seen: Vec<usize> = SEEN.iter().map(|count| count.load(Relaxed)).collect();
        assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
    }
}
