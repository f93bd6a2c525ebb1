//! Reads credentials from a netrc file. Knows nothing of requests: whoever asks says for which host.

use std::path::Path;

use crate::error::{Error, Kind, Result};

/// A user and a password for Basic authentication.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

/// The entries of a netrc file, in its order.
#[derive(Default)]
pub(super) struct Netrc {
    entries: Vec<Entry>,
}

#[derive(Default)]
struct Entry {
    /// `None` for `default`.
    machine: Option<String>,
    login: Option<String>,
    password: Option<String>,
}

/// Whether the `default` entry may answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// An entry for this machine, or `default`.
    Any,
    /// An entry for this very machine.
    Named,
}

impl Netrc {
    /// Reads the file; one that others can read is refused, since it holds passwords.
    pub(super) fn load(path: &Path) -> Result<Netrc> {
        let text = std::fs::read_to_string(path)
            .map_err(|cause| Error::disk("read the netrc file", path, &cause))?;
        check_private(path)?;
        Netrc::parse(&text).map_err(|why| {
            Error::new(
                Kind::InvalidOption,
                format!("netrc file {}: {why}", path.display()),
            )
        })
    }

    pub(super) fn parse(text: &str) -> Result<Netrc, String> {
        let mut words = Words::new(text);
        let mut entries: Vec<Entry> = Vec::new();
        while let Some(word) = words.next()? {
            let line = words.line;
            if word == "macdef" {
                words.skip_macro();
                continue;
            }
            if word == "default" {
                entries.push(Entry::default());
                continue;
            }
            // The word itself may be a misplaced password, so it is not repeated.
            if !matches!(word.as_str(), "machine" | "login" | "password" | "account") {
                return Err(format!(
                    "line {line}: expected machine, default, login, password, account or macdef"
                ));
            }
            let Some(value) = words.next()? else {
                return Err(format!("line {line}: nothing follows \"{word}\""));
            };
            if word == "machine" {
                entries.push(Entry {
                    machine: Some(value),
                    ..Entry::default()
                });
                continue;
            }
            let Some(entry) = entries.last_mut() else {
                return Err(format!("line {line}: \"{word}\" before any machine"));
            };
            match word.as_str() {
                "login" => entry.login = Some(value),
                "password" => entry.password = Some(value),
                // FTP's account has no meaning in HTTP.
                _ => {}
            }
        }
        Ok(Netrc { entries })
    }

    /// The first entry for `host`, and for `user` when the URL names one.
    pub(super) fn find(&self, host: &str, user: Option<&str>, scope: Scope) -> Option<Login> {
        self.entries
            .iter()
            .filter(|entry| match &entry.machine {
                Some(machine) => machine.eq_ignore_ascii_case(host),
                None => scope == Scope::Any,
            })
            .filter(|entry| user.is_none() || entry.login.as_deref() == user)
            .find_map(|entry| {
                Some(Login {
                    user: entry.login.clone()?,
                    password: entry.password.clone().unwrap_or_default(),
                })
            })
    }
}

#[cfg(unix)]
fn check_private(path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = std::fs::metadata(path)
        .map_err(|cause| Error::disk("read the netrc file", path, &cause))?;
    if meta.mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(Error::new(
        Kind::InvalidOption,
        format!(
            "netrc file {} holds passwords and can be read by others; run: chmod 600 {}",
            path.display(),
            path.display()
        ),
    ))
}

#[cfg(not(unix))]
fn check_private(_path: &Path) -> Result<()> {
    Ok(())
}

/// The file's words: apart by white space, in quotes when they hold some, with `#` comments.
struct Words<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Words<'a> {
        Words {
            rest: text.trim_start_matches('\u{feff}'),
            line: 1,
        }
    }

    fn next(&mut self) -> Result<Option<String>, String> {
        self.skip_space();
        if self.rest.starts_with('"') {
            return self.quoted().map(Some);
        }
        let end = self
            .rest
            .find(char::is_whitespace)
            .unwrap_or(self.rest.len());
        let word = self.advance(end);
        Ok((!word.is_empty()).then(|| word.to_owned()))
    }

    /// Takes `count` bytes and keeps the line number.
    fn advance(&mut self, count: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(count);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn skip_space(&mut self) {
        loop {
            let word = self.rest.trim_start();
            self.advance(self.rest.len() - word.len());
            if !word.starts_with('#') {
                return;
            }
            self.advance(word.find('\n').unwrap_or(word.len()));
        }
    }

    fn quoted(&mut self) -> Result<String, String> {
        let line = self.line;
        let mut word = String::new();
        let mut escaped = false;
        for (at, sign) in self.rest.char_indices().skip(1) {
            if !escaped && sign == '"' {
                self.advance(at + 1);
                return Ok(word);
            }
            escaped = !escaped && sign == '\\';
            if !escaped {
                word.push(sign);
            }
        }
        Err(format!("line {line}: a quote is not closed"))
    }

    /// A macro ends at an empty line.
    fn skip_macro(&mut self) {
        let text = self.rest;
        let unix = text.find("\n\n").map(|at| at + 2);
        let dos = text.find("\n\r\n").map(|at| at + 3);
        let end = match (unix, dos) {
            (Some(unix), Some(dos)) => unix.min(dos),
            (end, None) | (None, end) => end.unwrap_or(text.len()),
        };
        self.advance(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, host: &str, user: Option<&str>, scope: Scope) -> Option<(String, String)> {
        let netrc = Netrc::parse(text).expect("a netrc");
        let login = netrc.find(host, user, scope)?;
        Some((login.user, login.password))
    }

    fn pair(user: &str, password: &str) -> Option<(String, String)> {
        Some((user.into(), password.into()))
    }

    const FILE: &str = "# mine\nmachine a.org login ann password s3cret\n\
        machine b.org\n  login bob\n  account x\n  password \"two words \\\" \\\\\"\n\
        macdef init\nmachine evil login no password no\n\n\
        machine a.org login other password pw2\n\
        default login anonymous password me@home\n";

    #[test]
    fn entries_are_found_by_host_and_user() {
        assert_eq!(find(FILE, "A.org", None, Scope::Any), pair("ann", "s3cret"));
        assert_eq!(
            find(FILE, "a.org", Some("other"), Scope::Any),
            pair("other", "pw2")
        );
        assert_eq!(
            find(FILE, "b.org", None, Scope::Named),
            pair("bob", "two words \" \\")
        );
        assert_eq!(
            find(FILE, "evil", None, Scope::Any),
            pair("anonymous", "me@home")
        );
        assert_eq!(find(FILE, "evil", None, Scope::Named), None);
        assert_eq!(find("", "a.org", None, Scope::Any), None);
    }

    #[test]
    fn mistakes_name_their_line_and_not_the_word() {
        for (text, line) in [
            ("machine a\nlogin b\nhunter2 x", "line 3"),
            ("login b", "line 1"),
            ("machine a login", "line 1"),
            ("machine a\npassword \"x", "line 2"),
        ] {
            let why = Netrc::parse(text).err().expect(text);
            assert!(why.starts_with(line), "{why}");
            assert!(!why.contains("hunter2"));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("netrc");
        std::fs::write(&path, FILE).expect("written");
        let mode = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        };
        mode(0o640);
        let error = Netrc::load(&path).err().expect("refused");
        assert_eq!(error.kind, Kind::InvalidOption);
        assert!(error.detail.contains("chmod 600"), "{error}");
        mode(0o600);
        assert!(Netrc::load(&path).is_ok());
    }
}
