//! `Idempotency-Key`: how a client names a request, so that it can send it again when it has not heard
//! the answer. Knows nothing of what is asked for.

use haul_engine::{Error, Key, Kind};
use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// Most bytes in a key.
const MOST_BYTES: usize = 255;

/// The key of a request with this body, if it has one.
pub(super) fn key(headers: &HeaderMap, body: &[u8]) -> Result<Option<Key>, Error> {
    let mut keys = headers.get_all(HEADER).iter();
    let name = match (keys.next(), keys.next()) {
        (None, _) => return Ok(None),
        (Some(key), None) => key.to_str().ok().filter(|key| is_allowed(key)),
        (Some(_), Some(_)) => None,
    };
    let name = name.ok_or_else(|| {
        Error::new(
            Kind::InvalidOption,
            format!(
                "Idempotency-Key: give one key of 1 to {MOST_BYTES} printable ASCII characters"
            ),
        )
    })?;
    Ok(Some(Key {
        name: name.to_owned(),
        digest: Sha256::digest(body).into(),
    }))
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
