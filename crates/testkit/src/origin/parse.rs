//! Reads a query string into [`Knobs`]. A knob that is unknown, doubled or has a value that makes
//! no sense is an error, so that a test with a typing error fails instead of testing nothing.

use std::collections::HashSet;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::knobs::{ContentRange, Head, KeepAlive, Knobs, Ranges, Refusal, ResetHead, Slow};

type Result<T> = std::result::Result<T, String>;

/// The knobs that `query` sets, over the defaults.
///
/// # Errors
/// A sentence that names the knob.
pub(crate) fn parse(query: &str) -> Result<Knobs> {
    let mut knobs = Knobs::default();
    let (given, later) = lay(&mut knobs, query)?;
    check_needs(&given)?;
    let Some(later) = later else {
        return Ok(knobs);
    };
    let mut over = knobs.clone();
    let in_later = |why| format!("knob \"later\": {why}");
    let (more, nested) = lay(&mut over, &later).map_err(in_later)?;
    let misplaced = more.iter().find(|name| NOT_LATER.contains(*name));
    if let Some(name) = misplaced.copied().or(nested.map(|_| "later")) {
        return Err(in_later(format!("knob \"{name}\" cannot come later")));
    }
    check_needs(&given.union(&more).copied().collect()).map_err(in_later)?;
    knobs.later = Some(Box::new(over));
    Ok(knobs)
}

/// Sets what `query` says; returns the names that it gives, and what it says about later.
fn lay<'a>(knobs: &mut Knobs, query: &'a str) -> Result<(HashSet<&'a str>, Option<String>)> {
    let mut given = HashSet::new();
    let mut later = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = match pair.split_once('=') {
            Some((name, value)) => (name, Some(percent_decode_str(value).collect())),
            None => (pair, None),
        };
        if name != "header" && !given.insert(name) {
            return Err(format!("knob \"{name}\" is given twice"));
        }
        let done = match name {
            "later" => Value(value).text().map(|text| later = Some(text)),
            _ => set(knobs, name, Value(value)),
        };
        done.map_err(|why| format!("knob \"{name}\" {why}"))?;
    }
    Ok((given, later))
}

fn check_needs(given: &HashSet<&str>) -> Result<()> {
    let idle = |(needy, needed): &&(&str, &str)| given.contains(needy) && !given.contains(needed);
    match NEEDS.iter().find(idle) {
        Some((needy, needed)) => Err(format!(
            "knob \"{needy}\" does nothing without \"{needed}\""
        )),
        None => Ok(()),
    }
}

/// Knobs that cannot be laid over others: a URL or a count depends on them from the start.
const NOT_LATER: [&str; 8] = [
    "redirect",
    "expire_after",
    "token",
    "max_conns",
    "later_from",
    "later_times",
    "later_on",
    "later_until",
];

/// Knobs that only qualify another.
const NEEDS: [(&str, &str); 11] = [
    ("status_times", "status"),
    ("status_on", "status"),
    ("over_status", "max_conns"),
    ("long_range_status", "long_range"),
    ("gate_after", "gate"),
    ("expire_status", "expire_after"),
    ("token", "expire_after"),
    ("later_from", "later"),
    ("later_times", "later"),
    ("later_on", "later"),
    ("later_until", "later"),
];

fn set(knobs: &mut Knobs, name: &str, value: Value) -> Result<()> {
    match name {
        "size" => knobs.size = value.size()?,
        "seed" => knobs.seed = value.number()?,
        "name" => knobs.name = Some(value.raw()?),
        "type" => knobs.content_type = value.raw()?,
        "etag" => knobs.etag = Some(value.raw()?),
        "weak" => knobs.weak = value.flag()?,
        "etag_per_node" => knobs.etag_per_node = Some(value.positive()?),
        "last_modified" => knobs.last_modified = Some(value.raw()?),
        "last_modified_per_node" => knobs.last_modified_per_node = Some(value.positive()?),
        "header" => knobs.header.push(value.raw()?),
        "gzip" => knobs.gzip = value.flag()?,
        "change_after" => knobs.change_after = Some(value.positive()?),
        "change_on" => knobs.change_on = Some(value.text()?),
        "change_size" => knobs.change_size = Some(value.size()?),
        "change_from" => knobs.change_from = value.size()?,
        "change_keeps" => knobs.change_keeps = value.list(&VALIDATORS)?,
        "change_drops" => knobs.change_drops = value.list(&VALIDATORS)?,

        "redirect" => knobs.redirect = value.number()?,
        "redirect_status" => knobs.redirect_status = value.status()?,
        "redirect_to" => knobs.redirect_to = Some(value.raw()?),
        "redirect_loop" => knobs.redirect_loop = value.flag()?,
        "expire_after" => knobs.expire_after = Some(value.number()?),
        "expire_status" => knobs.expire_status = value.status()?,
        "token" => knobs.token = Some(value.number()?),

        "basic" => knobs.basic = Some(value.raw()?),
        "once" => knobs.once = value.flag()?,
        "status" => knobs.status = Some(value.status()?),
        "status_times" => knobs.status_times = value.positive()?,
        "status_on" => knobs.status_on = Some(value.text()?),
        "retry_after" => knobs.retry_after = Some(value.raw()?),
        "max_conns" => knobs.max_conns = Some(value.positive()?),
        "over_status" => knobs.over_status = value.refusal()?,
        "head" => knobs.head = value.one_of(&[("refused", Head::Refused), ("lies", Head::Lies)])?,
        "html_error_after" => knobs.html_error_after = Some(value.number()?),
        "require_range" => knobs.require_range = value.flag()?,
        "refuse_range" => knobs.refuse_range = Some(value.status()?),
        "long_range" => knobs.long_range = Some(value.size()?),
        "long_range_status" => knobs.long_range_status = value.status()?,
        "bare_416" => knobs.bare_416 = value.flag()?,

        "ranges" => knobs.ranges = value.one_of(&RANGES)?,
        "no_length" => knobs.no_length = value.flag()?,
        "chunked" => knobs.chunked = value.flag()?,
        "keepalive" => knobs.keepalive = value.one_of(&KEEP_ALIVE)?,
        "content_range" => knobs.content_range = value.one_of(&CONTENT_RANGES)?,
        "full_on_range" => {
            knobs.full_on_range = Some(value.one_of(&[("206", 206), ("200", 200)])?);
        }
        "multipart" => knobs.multipart = value.flag()?,
        "short" => knobs.short = value.size()?,
        "long" => knobs.long = value.size()?,

        "delay" => knobs.delay = value.duration()?,
        "rate" => knobs.rate = Some(value.rate()?),
        "slow_conn" => knobs.slow_conn = Some(value.slow()?),
        "gate_before" => knobs.gate_before = Some(value.text()?),
        "gate" => knobs.gate = Some(value.text()?),
        "gate_after" => knobs.gate_after = value.size()?,

        "fail_from" => knobs.fail_from = value.positive()?,
        "fail_times" => knobs.fail_times = Some(value.positive()?),
        "fail_until" => knobs.fail_until = Some(value.text()?),
        "later_from" => knobs.later_from = value.positive()?,
        "later_times" => knobs.later_times = Some(value.positive()?),
        "later_on" => knobs.later_on = Some(value.text()?),
        "later_until" => knobs.later_until = Some(value.text()?),
        "stall_after" => knobs.stall_after = Some(value.size()?),
        "reset_after" => knobs.reset_after = Some(value.size()?),
        "close_after" => knobs.close_after = Some(value.size()?),
        "reset_head" => knobs.reset_head = Some(value.one_of(&RESET_HEAD)?),
        "slow_head" => knobs.slow_head = Some(value.duration()?),
        "bad_status_line" => knobs.bad_status_line = value.flag()?,
        "http09" => knobs.http09 = value.flag()?,
        "header_size" => knobs.header_size = Some(value.size()?),
        "endless_headers" => knobs.endless_headers = value.flag()?,
        _ => return Err("is unknown".into()),
    }
    Ok(())
}

const VALIDATORS: [&str; 2] = ["etag", "last_modified"];

const RANGES: [(&str, Ranges); 8] = [
    ("yes", Ranges::Yes),
    ("silent", Ranges::Silent),
    ("no", Ranges::No),
    ("lies", Ranges::Lies),
    ("ignore_offset", Ranges::IgnoreOffset),
    ("ignore_end", Ranges::IgnoreEnd),
    ("short", Ranges::Short),
    ("early", Ranges::Early),
];

const CONTENT_RANGES: [(&str, ContentRange); 9] = [
    ("missing", ContentRange::Missing),
    ("shifted", ContentRange::Shifted),
    ("wrong_total", ContentRange::WrongTotal),
    ("star", ContentRange::Star),
    ("unsatisfied", ContentRange::Unsatisfied),
    ("garbage", ContentRange::Garbage),
    ("twice", ContentRange::Twice),
    ("reversed", ContentRange::Reversed),
    ("huge", ContentRange::Huge),
];

const KEEP_ALIVE: [(&str, KeepAlive); 3] = [
    ("yes", KeepAlive::Yes),
    ("no", KeepAlive::No),
    ("lies", KeepAlive::Lies),
];

const RESET_HEAD: [(&str, ResetHead); 2] =
    [("before", ResetHead::Before), ("inside", ResetHead::Inside)];

/// A knob's value, decoded; `None` when there was no `=`.
struct Value(Option<Vec<u8>>);

impl Value {
    fn flag(self) -> Result<bool> {
        match self.0 {
            None => Ok(true),
            Some(_) => Err("takes no value".into()),
        }
    }

    fn raw(self) -> Result<Vec<u8>> {
        self.0.ok_or_else(|| "needs a value".to_owned())
    }

    fn text(self) -> Result<String> {
        String::from_utf8(self.raw()?).map_err(|_| "is not UTF-8".to_owned())
    }

    fn number(self) -> Result<u64> {
        let text = self.text()?;
        text.parse()
            .map_err(|_| format!("needs a number, not \"{text}\""))
    }

    fn positive(self) -> Result<u64> {
        match self.number()? {
            0 => Err("needs a number from 1".into()),
            number => Ok(number),
        }
    }

    fn status(self) -> Result<u16> {
        let text = self.text()?;
        match text.parse() {
            Ok(status @ 100..=999) => Ok(status),
            _ => Err(format!("needs a status of three digits, not \"{text}\"")),
        }
    }

    fn size(self) -> Result<u64> {
        size(&self.text()?)
    }

    fn rate(self) -> Result<u64> {
        match self.size()? {
            0 => Err("needs at least 1 byte/s".into()),
            rate => Ok(rate),
        }
    }

    fn duration(self) -> Result<Duration> {
        let text = self.text()?;
        let wrong = || format!("needs a duration such as 200ms or 2s, not \"{text}\"");
        let number = |digits: &str| digits.parse().map_err(|_| wrong());
        if let Some(digits) = text.strip_suffix("ms") {
            return Ok(Duration::from_millis(number(digits)?));
        }
        let digits = text.strip_suffix('s').ok_or_else(wrong)?;
        Ok(Duration::from_secs(number(digits)?))
    }

    fn one_of<T: Copy>(self, choices: &[(&str, T)]) -> Result<T> {
        let text = self.text()?;
        let found = choices.iter().find(|(name, _)| *name == text);
        found.map(|(_, choice)| *choice).ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            format!("is one of {}, not \"{text}\"", names.join(", "))
        })
    }

    fn list(self, allowed: &[&str]) -> Result<Vec<String>> {
        let text = self.text()?;
        let items: Vec<String> = text.split(',').map(str::to_owned).collect();
        match items.iter().find(|item| !allowed.contains(&item.as_str())) {
            Some(item) => Err(format!("lists {}, not \"{item}\"", allowed.join(", "))),
            None => Ok(items),
        }
    }

    fn refusal(self) -> Result<Refusal> {
        if self.0.as_deref() == Some(b"reset") {
            return Ok(Refusal::Reset);
        }
        self.status().map(Refusal::Status)
    }

    fn slow(self) -> Result<Slow> {
        let text = self.text()?;
        let wrong = || format!("needs K:RATE or K-K:RATE, not \"{text}\"");
        let (which, rate) = text.split_once(':').ok_or_else(wrong)?;
        let (first, last) = which.split_once('-').unwrap_or((which, which));
        let slow = Slow {
            first: first.parse().map_err(|_| wrong())?,
            last: last.parse().map_err(|_| wrong())?,
            rate: size(rate)?,
        };
        if slow.first == 0 || slow.last < slow.first || slow.rate == 0 {
            return Err(wrong());
        }
        Ok(slow)
    }
}

fn size(text: &str) -> Result<u64> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'M') => (&text[..text.len() - 1], 1 << 20),
        Some(b'G') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1_u64),
    };
    let number: Option<u64> = digits.parse().ok();
    number
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| format!("needs a size such as 512, 64K or 1G, not \"{text}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_durations_and_raw_bytes_are_read() {
        let knobs = parse("size=3G&delay=1500ms&name=a%20%ff&slow_conn=2-4:20K&weak")
            .expect("these are knobs");
        assert_eq!(knobs.size, 3 << 30);
        assert_eq!(knobs.delay, Duration::from_millis(1500));
        assert_eq!(knobs.name.as_deref(), Some(&b"a \xff"[..]));
        let slow = knobs.slow_conn.expect("it was given");
        assert_eq!((slow.first, slow.last, slow.rate), (2, 4, 20 << 10));
        assert!(knobs.weak);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for query in [
            "sise=1",
            "size=",
            "size",
            "size=1T",
            "size=99999999999G",
            "size=1&size=2",
            "once=yes",
            "delay=5",
            "status=20",
            "ranges=maybe",
            "change_keeps=colour",
            "slow_conn=0:1",
            "slow_conn=3-2:1",
            "rate=0",
            "fail_from=0",
            "over_status=429",
            "gate_after=1K",
        ] {
            let why = parse(query).expect_err(query);
            let name = query.split('=').next().expect("split yields one item");
            assert!(why.contains(name), "{query}: {why}");
        }
    }
}
