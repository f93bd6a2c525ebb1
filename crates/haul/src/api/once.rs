//! `Idempotency-Key`: how a client names a request, so that it can send it again when it has not heard
//! the answer; over REST by a header, over the live protocol by an argument. Knows nothing of what is
//! asked for.

use haul_engine::{Error, Key, Kind};
use http::{HeaderMap, HeaderName};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::types::params::Params;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// Most bytes in a key.
const MOST_BYTES: usize = 255;

/// What a key is for, and may be.
pub(super) const SAYS: &str = "Names this request, 1 to 255 printable ASCII characters: sent again under \
    the same name within 24 hours it is not done again, and gets the same downloads in answer.";

/// The same as JSON Schema.
pub(super) fn schema() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": MOST_BYTES, "pattern": "^[ -~]+$"})
}

/// The key of a request with this body, if it has one.
pub(super) fn key(headers: &HeaderMap, body: &[u8]) -> Result<Option<Key>, Error> {
    let mut keys = headers.get_all(HEADER).iter();
    let name = match (keys.next(), keys.next()) {
        (None, _) => return Ok(None),
        (Some(key), None) => key.to_str().ok(),
        (Some(_), Some(_)) => None,
    };
    named("Idempotency-Key", name, body).map(Some)
}

/// The key of a call, if it has one. It is read before all other arguments, which are what it names.
pub(super) fn argument(params: &mut Params) -> Result<Option<Key>, Error> {
    let given = params.text_like("idempotency_key", SAYS, schema)?;
    given
        .map(|name| named("idempotency_key", Some(&name), params.rest().as_bytes()))
        .transpose()
}

fn named(place: &str, name: Option<&str>, asked: &[u8]) -> Result<Key, Error> {
    let name = name.filter(|name| is_allowed(name)).ok_or_else(|| {
        Error::new(
            Kind::InvalidOption,
            format!("{place}: give one key of 1 to {MOST_BYTES} printable ASCII characters"),
        )
    })?;
    Ok(Key {
        name: name.to_owned(),
        digest: Sha256::digest(asked).into(),
    })
}

fn is_allowed(key: &str) -> bool {
    let is_printable = |byte: u8| matches!(byte, b' '..=b'~');
    (1..=MOST_BYTES).contains(&key.len()) && key.bytes().all(is_printable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(keys: &[&[u8]]) -> Result<Option<Key>, Error> {
        let mut headers = HeaderMap::new();
        for key in keys {
            let key = HeaderValue::from_bytes(key).expect("a value");
            headers.append("Idempotency-Key", key);
        }
        key(&headers, b"body")
    }

    #[test]
    fn a_key_is_one_short_printable_text() {
        assert_eq!(read(&[]), Ok(None));
        let long = [b'k'; MOST_BYTES];
        let key = read(&[&long]).expect("allowed").expect("a key");
        assert_eq!(key.name.len(), MOST_BYTES);
        for refused in [
            &[&[b'k'; MOST_BYTES + 1][..]][..],
            &[b""],
            &[b"\xff"],
            &[b"a\tb"],
            &[b"a", b"a"],
        ] {
            let error = read(refused).expect_err("refused");
            assert_eq!(error.kind, Kind::InvalidOption);
        }
    }
}
