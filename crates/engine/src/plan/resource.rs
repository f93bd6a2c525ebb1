//! What the probe learned of the remote file, and whether a later answer still speaks of the same one.

use std::time::SystemTime;

use url::Url;

/// An `ETag` (RFC 9110 §8.8.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag {
    /// Weak tags do not promise equal bytes.
    pub weak: bool,
    /// The opaque tag, with its quotes.
    pub tag: String,
}

impl ETag {
    /// Reads a field value; a tag without quotes, as some servers send it, is taken as it is. An empty
    /// one is none: it is what a server sends for every file that it has no tag for.
    pub fn parse(value: &str) -> Option<ETag> {
        let value = value.trim();
        let (weak, tag) = match value.strip_prefix("W/").or(value.strip_prefix("w/")) {
            Some(tag) => (true, tag),
            None => (false, value),
        };
        (!tag.trim_matches('"').is_empty()).then(|| ETag {
            weak,
            tag: tag.to_owned(),
        })
    }

    /// The field value.
    pub fn to_value(&self) -> String {
        if self.weak {
            format!("W/{}", self.tag)
        } else {
            self.tag.clone()
        }
    }
}

/// What tells one version of a file from another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    /// The `ETag`.
    pub etag: Option<ETag>,
    /// The `Last-Modified` date.
    pub last_modified: Option<SystemTime>,
    /// The `Content-Encoding`, when not `identity`: ranges address the encoded bytes.
    pub encoding: Option<String>,
}

/// Whether two answers speak of the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Strong validators agree.
    Same,
    /// Nothing contradicts it, nothing proves it.
    Unproven,
    /// Validators disagree.
    Different,
}

impl Validators {
    /// Compares what was known with what an answer says.
    pub fn compare(&self, answer: &Validators) -> Identity {
        if self.encoding != answer.encoding {
            return Identity::Different;
        }
        if let (Some(known), Some(new)) = (&self.etag, &answer.etag)
            && !known.weak
            && !new.weak
        {
            return if known.tag == new.tag {
                Identity::Same
            } else {
                Identity::Different
            };
        }
        // A weak tag may differ per node with equal bytes, so only the date can contradict here.
        match (self.last_modified, answer.last_modified) {
            (Some(known), Some(new)) if known != new => Identity::Different,
            _ => Identity::Unproven,
        }
    }

    /// Whether what another source says of its file speaks for another version: another strong tag or
    /// another date, and neither of them alike. Servers make their tags in ways of their own, and who
    /// copies files keeps their dates or does not; so one that is alike is enough.
    pub fn speak_against(&self, other: &Validators) -> bool {
        let tags = self.strong_tag().zip(other.strong_tag());
        let tags = tags.map(|(one, another)| one == another);
        let dates = self.last_modified.zip(other.last_modified);
        let dates = dates.map(|(one, another)| one == another);
        let both = [tags, dates];
        both.contains(&Some(false)) && !both.contains(&Some(true))
    }

    fn strong_tag(&self) -> Option<&str> {
        let strong = self.etag.as_ref().filter(|etag| !etag.weak);
        strong.map(|etag| etag.tag.as_str())
    }

    /// Whether a strong `ETag` can prove identity.
    pub fn is_strong(&self) -> bool {
        self.strong_tag().is_some()
    }
}

impl Resource {
    /// Whether `other` is of another kind (`Content-Type` without its parameters), as far as both say
    /// what they are: then it is hardly a new version of this file.
    pub fn is_other_kind(&self, other: &Resource) -> bool {
        let kind = |resource: &Resource| {
            let value = resource.content_type.as_deref()?;
            let essence = value.split(';').next().unwrap_or_default();
            Some(essence.trim().to_ascii_lowercase())
        };
        kind(self).zip(kind(other)).is_some_and(|(a, b)| a != b)
    }
}

/// What the probe learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Where the bytes are, after redirects.
    pub final_url: Url,
    /// Length in bytes, when the server says it.
    pub size: Option<u64>,
    /// Whether the server answers range requests.
    pub ranges: bool,
    /// What tells this version from another.
    pub validators: Validators,
    /// The `Content-Type`.
    pub content_type: Option<String>,
    /// The name from `Content-Disposition` or the URL, made safe.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn says(etag: &str, date: Option<u64>) -> Validators {
        Validators {
            etag: ETag::parse(etag),
            last_modified: date
                .map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
            encoding: None,
        }
    }

    #[test]
    fn one_validator_that_is_alike_speaks_for_one_version() {
        let one = says("\"a\"", Some(1));
        for (other, speaks_against) in [
            (says("\"a\"", Some(1)), false),
            (says("\"a\"", Some(2)), false),
            (says("\"b\"", Some(1)), false),
            (says("", None), false),
            (says("\"b\"", Some(2)), true),
            (says("\"b\"", None), true),
            (says("", Some(2)), true),
            (says("W/\"b\"", None), false),
            (says("W/\"a\"", Some(2)), true),
        ] {
            assert_eq!(one.speak_against(&other), speaks_against, "{other:?}");
            assert_eq!(other.speak_against(&one), speaks_against, "{other:?}");
        }
    }
}
